"""How much a forgotten utterance can still be told from one never seen, from many models: epsilon estimates, a
certified bound, KLOM, and the permutation test against retrained models.

All start from one number per model and utterance, phi. The plug-in estimate is biased upward, even for a perfect
method, and does not get better with more models; compare it with gold against gold. The certified bound is valid, and
a bound of 0 means that no leak was found at this power, never that epsilon is 0: print the ceiling beside it.

Source: Triantafillou et al. 2024 (NeurIPS 2023 unlearning challenge); Kairouz et al. 2015 (epsilon from FPR and FNR);
Clopper & Pearson 1934; Georgiev et al. 2024 (KLOM); Phipson & Smyth 2010 (permutation p).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, rel_entr

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import RealArray

__all__ = ["CertifiedEpsilon", "certified_epsilon", "epsilon", "epsilon_estimate", "h_score", "klom", "permutation_p"]

CAP = 50.0
"""What stands for an unbounded epsilon, as in the challenge."""


@dataclass(frozen=True, kw_only=True)
class CertifiedEpsilon:
    """A lower confidence bound on epsilon, and the most that could have been shown."""

    low: float
    """The bound; 0 = no leak found at this power."""
    ceiling: float
    """The bound that an attack without errors would have reached."""
    models: int
    """Models per side that the bound rests on."""
    level: float
    """Confidence level."""


def epsilon(
    false_positive_rate: npt.ArrayLike, false_negative_rate: npt.ArrayLike, *, delta: float = 1e-5
) -> RealArray:
    """Epsilon that an attack with these error rates shows, max(ln((1-delta-FPR)/FNR), ln((1-delta-FNR)/FPR), 0).

    Args:
        false_positive_rate: (...), in [0, 1].
        false_negative_rate: the same shape, in [0, 1].
        delta: delta of (epsilon, delta).

    Returns:
        (...); 50 (the challenge's cap) where both rates are 0, NaN where exactly one is: such an attack is discarded.

    Raises:
        ConfigError: delta outside [0, 1).
        ShapeError: different shapes.
        DataError: a rate outside [0, 1].

    Example:
        >>> round(float(epsilon(0.1, 0.2)), 6)
        2.079429
    """
    _check_delta(delta)
    fpr = np.array(false_positive_rate, dtype=np.float64)
    fnr = np.array(false_negative_rate, dtype=np.float64)
    if fpr.shape != fnr.shape:
        raise ShapeError(
            f"the rates differ in shape (got {fpr.shape} and {fnr.shape}); expected one of each; pair them."
        )
    for rates in (fpr, fnr):
        if not ((rates >= 0.0) & (rates <= 1.0)).all():
            raise DataError(f"a rate is out of range (got {rates}); expected 0 to 1; divide percentages by 100.")
    with np.errstate(divide="ignore", invalid="ignore"):
        bounds = [
            np.where(1.0 - delta - a > 0.0, np.log(np.maximum(1.0 - delta - a, 1e-300)) - np.log(b), 0.0)
            for a, b in ((fpr, fnr), (fnr, fpr))
        ]
    result = np.clip(np.maximum(*bounds), 0.0, CAP)
    result = np.where((fpr == 0.0) ^ (fnr == 0.0), np.nan, result)
    return np.asarray(np.where((fpr == 0.0) & (fnr == 0.0), CAP, result), dtype=np.float64)


def epsilon_estimate(unlearned: npt.ArrayLike, gold: npt.ArrayLike, *, delta: float = 1e-5) -> RealArray:
    """Plug-in epsilon of each utterance: the best single threshold on phi between unlearned and retrained models.

    The challenge's rules with single thresholds only, which tell methods apart better than its double thresholds: the
    group with the larger median is positive; thresholds lie 0.01 apart over the pooled range; if one range is less
    than a hundredth of the other, epsilon is 50.

    Args:
        unlearned: phi, (R, N), one row per unlearned model.
        gold: phi, (S, N), one row per retrained model.
        delta: delta of (epsilon, delta).

    Returns:
        (N,), in [0, 50]. Biased upward.

    Raises:
        ConfigError: delta outside [0, 1).
        ShapeError: not (R, N) and (S, N).
        DataError: empty or not finite.
    """
    _check_delta(delta)
    first, second = _two_ensembles(unlearned, gold)
    result = np.zeros(first.shape[1])
    for column in range(result.size):
        high, low = first[:, column], second[:, column]
        if np.median(high) < np.median(low):
            high, low = low, high
        spans = sorted((float(np.ptp(high)), float(np.ptp(low))))
        if spans[1] > 0.0 and spans[0] / spans[1] < 0.01:
            result[column] = CAP
            continue
        start, stop = min(high.min(), low.min()), max(high.max(), low.max())
        steps = int(np.ceil((stop - start) * 100.0)) + 1
        # a wild range (gradient ascent) would ask for millions of thresholds; the values themselves then do
        grid = np.linspace(start, stop, steps) if steps <= 100_000 else np.unique(np.concatenate((high, low)))
        fnr = np.searchsorted(np.sort(high), grid, side="left") / high.size
        fpr = 1.0 - np.searchsorted(np.sort(low), grid, side="left") / low.size
        found = epsilon(fpr, fnr, delta=delta)
        result[column] = np.nanmax(found) if not np.isnan(found).all() else 0.0
    return result


def h_score(epsilons: npt.ArrayLike, *, models: int, width: float = 0.5) -> RealArray:
    """The challenge's score of an epsilon, 2^-floor(epsilon / width), and 0 from ceil(ln(models - 1)) on.

    Args:
        epsilons: (...), >= 0.
        models: models per side, >= 3; scores with different numbers are not comparable.
        width: width of a bin.

    Returns:
        (...), in [0, 1]. The mean over utterances is the challenge's forgetting quality F.

    Raises:
        ConfigError: models < 3 or width <= 0.
        DataError: a negative epsilon or NaN.
    """
    if models < 3 or width <= 0.0:
        raise ConfigError(
            f"the settings are out of range (got models {models}, width {width}); expected models >= 3 and width > 0; "
            "use 512 and 0.5."
        )
    values = np.array(epsilons, dtype=np.float64)
    if not (values >= 0.0).all():
        raise DataError(f"an epsilon is negative or NaN (got {values.min()}); expected >= 0; drop discarded attacks.")
    scores = np.exp2(-np.floor(values / width))
    return np.asarray(np.where(values >= np.ceil(np.log(models - 1)), 0.0, scores), dtype=np.float64)


def certified_epsilon(
    unlearned: npt.ArrayLike, gold: npt.ArrayLike, *, delta: float = 1e-5, level: float = 0.95, seed: int = 0
) -> CertifiedEpsilon:
    """Lower confidence bound on epsilon for one utterance.

    Half of the models choose the direction and the threshold; the other half gives Clopper-Pearson upper limits of
    both error rates, each at 1 - (1 - level) / 2, and those give the bound.

    Args:
        unlearned: phi under each unlearned model, (R,) with R >= 4.
        gold: phi under each retrained model, (S,) with S >= 4.
        delta: delta of (epsilon, delta).
        level: confidence level.
        seed: seed of the split into halves.

    Returns:
        The bound, valid for one utterance; correct for multiplicity over utterances.

    Raises:
        ConfigError: delta or level out of range.
        ShapeError: not one-dimensional, or fewer than four models on a side.
        DataError: empty or not finite.
    """
    _check_delta(delta)
    _inputs.check_level(level)
    rng = np.random.default_rng(seed)
    choose: list[RealArray] = []
    judge: list[RealArray] = []
    for name, values in (("unlearned", unlearned), ("gold", gold)):
        array = _inputs.reals(name, values)
        if array.size < 4:
            raise ShapeError(f"{name} has too few models (got {array.size}); expected at least 4; train more of them.")
        shuffled = rng.permutation(array)
        choose.append(np.sort(shuffled[: array.size // 2]))
        judge.append(shuffled[array.size // 2 :])
    # candidate cuts between neighbouring values, so that no value sits on a cut
    pooled = np.unique(np.concatenate(choose))
    cuts = np.concatenate((pooled[:1], 0.5 * (pooled[1:] + pooled[:-1])))
    best, cut, upward = -np.inf, float(cuts[0]), True
    above = [side.size - np.searchsorted(side, cuts, side="left") for side in choose]
    for is_up in (True, False):
        # errors of calling a model unlearned when its phi is above (or below) the cut
        missed = choose[0].size - above[0] if is_up else above[0]
        wrong = above[1] if is_up else choose[1].size - above[1]
        # half an error is added so that an empty tail does not win by luck
        found = epsilon((wrong + 0.5) / (choose[1].size + 1), (missed + 0.5) / (choose[0].size + 1), delta=delta)
        top = int(np.argmax(found))
        if found[top] > best:
            best, cut, upward = float(found[top]), float(cuts[top]), is_up
    called = [(side >= cut) if upward else (side < cut) for side in judge]
    tail = (1.0 - level) / 2.0
    sizes = judge[0].size, judge[1].size
    low = _bound(
        _upper_limit(int(called[1].sum()), sizes[1], tail), _upper_limit(int((~called[0]).sum()), sizes[0], tail), delta
    )
    ceiling = _bound(_upper_limit(0, sizes[1], tail), _upper_limit(0, sizes[0], tail), delta)
    return CertifiedEpsilon(low=low, ceiling=ceiling, models=min(sizes), level=level)


def permutation_p(statistic: float, references: npt.ArrayLike) -> float:
    """Two-sided p value of a model among retrained ones, ``(1 + #{|T_k| >= |T|}) / (K + 1)``; never below 1 / (K + 1).

    Args:
        statistic: T of the unlearned model; 0 is where a retrained model is expected.
        references: T of each retrained model, left out of its own reference, (K,).

    Returns:
        In [1 / (K + 1), 1].

    Raises:
        ShapeError: references are not (K,).
        DataError: empty or not finite.

    Example:
        >>> permutation_p(3.0, [0.1, -0.2, 0.3, -0.1])
        0.2
    """
    others = _inputs.reals("references", references)
    own = _inputs.reals("statistic", [statistic])[0]
    return float((1 + np.sum(np.abs(others) >= abs(own))) / (others.size + 1))


def klom(
    unlearned: npt.ArrayLike, gold: npt.ArrayLike, *, bins: int = 20, clip: float = 100.0, floor: float = 1e-5
) -> RealArray:
    """KL of margins: KL(unlearned || gold) between histograms of phi over many models, for each utterance.

    Args:
        unlearned: phi, (R, N), one row per unlearned model.
        gold: phi, (S, N), one row per retrained model.
        bins: equal bins between the pooled least and largest phi of the utterance.
        clip: phi is clipped to +-clip.
        floor: least probability of a gold bin.

    Returns:
        (N,), in nats, >= 0; compare with gold models against other gold models.

    Raises:
        ConfigError: bins < 1, clip <= 0 or floor outside (0, 1).
        ShapeError: not (R, N) and (S, N).
        DataError: empty or not finite.
    """
    if bins < 1 or clip <= 0.0 or not 0.0 < floor < 1.0:
        raise ConfigError(
            f"KLOM's settings are out of range (got bins {bins}, clip {clip}, floor {floor}); "
            "expected bins >= 1, clip > 0 and 0 < floor < 1; keep the defaults."
        )
    first, second = (np.clip(side, -clip, clip) for side in _two_ensembles(unlearned, gold))
    result = np.empty(first.shape[1])
    for column in range(first.shape[1]):
        both = first[:, column], second[:, column]
        ends = min(map(np.min, both)), max(map(np.max, both))
        # numpy's last bin is closed, so the largest phi is counted
        shares = [np.histogram(side, bins=bins, range=ends)[0] / side.size for side in both]
        result[column] = rel_entr(shares[0], np.maximum(shares[1], floor)).sum()
    return np.maximum(result, 0.0)


def _check_delta(delta: float) -> None:
    if not 0.0 <= delta < 1.0:
        raise ConfigError(f"delta is out of range (got {delta}); expected 0 <= delta < 1; use 1e-5.")


def _two_ensembles(unlearned: npt.ArrayLike, gold: npt.ArrayLike) -> tuple[RealArray, RealArray]:
    first, second = _inputs.reals("unlearned", unlearned, ndim=2), _inputs.reals("gold", gold, ndim=2)
    if first.shape[1] != second.shape[1]:
        raise ShapeError(
            f"the ensembles do not match (got {first.shape} and {second.shape}); expected (R, N) and (S, N); "
            "align them by utterance."
        )
    return first, second


def _upper_limit(errors: int, n: int, tail: float) -> float:
    """Return the Clopper-Pearson upper limit of a rate."""
    return 1.0 if errors >= n else float(betaincinv(errors + 1, n - errors, 1.0 - tail))


def _bound(fpr: float, fnr: float, delta: float) -> float:
    """Return the epsilon shown by upper limits of both rates, which are never 0."""
    return float(epsilon(fpr, fnr, delta=delta))
