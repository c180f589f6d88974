"""One model among models that never saw the forget set: z scores, a permutation test, and the relative test.

Unit is the model: with K reference models no p value below 1 / (K + 1) is honest, however many utterances there are.

Source: Phipson & Smyth 2010 (p values from exchangeable draws); the statistic, shift and spread of z scores of phi at
once, is ours. The relative test follows the three-sample idea of Bounliphone et al. 2016 (is the first nearer to the
reference than the second), with distances between models in place of a kernel.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from affekt.errors import ConfigError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import RealArray

__all__ = ["Beside", "ReferenceTest", "RelativeTest", "beside", "reference_test", "reference_z", "relative_test"]


@dataclass(frozen=True, kw_only=True)
class ReferenceTest:
    """Where a model stands among reference models on the forget set."""

    p: float
    """Permutation p value of shift and spread at once; exact if the model is exchangeable with the references."""
    floor: float
    """Least p value that this number of references can give."""
    shift: float
    """Mean z score over the forget set, against the references; above 0 the utterances are better known."""
    shift_sd: float
    """Standard deviation of the references' shifts, each against the others."""
    spread: float
    """Mean squared z score."""
    spread_references: float
    """Mean over the references, each against the others; about (K + 1) / (K - 2)."""
    above: float
    """Share of utterances with z above 1.96."""
    below: float
    """Share of utterances with z below -1.96; both are about 0.03 for a retrained model and 20 references."""
    references: int
    """K."""


@dataclass(frozen=True, kw_only=True)
class RelativeTest:
    """Is the model after nearer to the references than the model before?"""

    before: float
    """Mean distance to a reference: mean over utterances of abs(difference of phi) / sd of the references."""
    after: float
    """The same of the model after."""
    floor: float
    """The same of a reference to the others."""
    closed: float
    """Share of the way from before to floor that is closed; 1 is a retrained model, 0 is nothing done."""
    p: float
    """One-sided p value for "not nearer", over the references."""
    p_further: float
    """One-sided p value for "not further"."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A number beside the same number of the reference models."""

    value: float
    mean: float
    """Mean of the references."""
    sd: float
    """Their standard deviation."""
    low: float
    """Their least value less the guard band."""
    high: float
    """Their greatest value plus the guard band."""
    references: int

    @property
    def inside(self) -> bool:
        """Whether the number lies inside the band."""
        return self.low <= self.value <= self.high


def reference_z(values: npt.ArrayLike, references: npt.ArrayLike) -> RealArray:
    """z scores of phi against models that never saw the utterances.

    Args:
        values: phi, (N,) of one model or (M, N) of several.
        references: phi, (K, N) with K >= 3.

    Returns:
        The shape of values. The variance of an utterance is the mean of its own and the average over utterances,
        which steadies it where references are few.

    Raises:
        ShapeError: utterances differ or K < 3.
        DataError: empty or not finite.
    """
    shape = np.shape(values)
    array = _inputs.reals("values", np.atleast_2d(np.asarray(values)), ndim=2)
    others = _references(references, array.shape[1])
    return np.asarray((array - others.mean(0)) / _deviation(others), dtype=np.float64).reshape(shape)


def reference_test(values: npt.ArrayLike, references: npt.ArrayLike) -> ReferenceTest:
    """Permutation test of one model among reference models.

    For each of the K + 1 models, the z scores against the K others give a shift (their mean) and a spread (their mean
    square). Both are put in units of their deviation over all K + 1 models; the test statistic is the larger of
    abs(shift) and spread. The p value is the share of models with at least that statistic.

    Args:
        values: phi of the model under test, (N,).
        references: phi of the reference models, (K, N) with K >= 4.

    Raises:
        ShapeError: utterances differ or K < 4.
        DataError: empty or not finite.

    Example:
        >>> models = np.random.default_rng(0).normal(size=(20, 30))
        >>> round(reference_test(models[0] + 3, models[1:]).p, 3)
        0.05
    """
    array = _inputs.reals("values", values)
    others = _references(references, array.size, least=4)
    models = np.concatenate([array[None], others])
    scores = np.stack([reference_z(models[row], np.delete(models, row, axis=0)) for row in range(len(models))])
    shifts, spreads = scores.mean(1), np.log((scores**2).mean(1) + 1e-12)
    statistic = np.maximum(
        np.abs(shifts - shifts.mean()) / max(shifts.std(), 1e-12),
        (spreads - spreads.mean()) / max(spreads.std(), 1e-12),
    )
    # references against each other, without the model under test: what stands beside its numbers
    alone = np.stack([reference_z(others[row], np.delete(others, row, axis=0)) for row in range(len(others))])
    own = scores[0]
    return ReferenceTest(
        p=float(np.mean(statistic >= statistic[0] - 1e-12)),
        floor=1.0 / len(models),
        shift=float(own.mean()),
        shift_sd=float(alone.mean(1).std(ddof=1)),
        spread=float((own**2).mean()),
        spread_references=float((alone**2).mean()),
        above=float((own > 1.96).mean()),
        below=float((own < -1.96).mean()),
        references=len(others),
    )


def relative_test(before: npt.ArrayLike, after: npt.ArrayLike, references: npt.ArrayLike) -> RelativeTest:
    """Three-sample test: distance(after, references) < distance(before, references).

    Two-sample tests reject exact retraining too, once they are strong enough to see the seed; this one asks only which
    of the two models is nearer.

    Args:
        before: phi of the model before, (N,).
        after: phi of the model after, (N,).
        references: phi of the reference models, (K, N) with K >= 3.

    Raises:
        ShapeError: utterances differ or K < 3.
        DataError: empty or not finite.
    """
    first, second = _inputs.reals("before", before), _inputs.reals("after", after)
    others = _references(references, first.size)
    if second.size != first.size:
        raise ShapeError(
            f"before and after differ in length (got {first.size} and {second.size}); expected one phi per utterance "
            "each; align them."
        )
    scale = _deviation(others)
    distances = [np.abs((model - others) / scale).mean(1) for model in (first, second)]  # (K,) each
    pairs = np.abs(others[:, None] - others[None]) / scale  # (K, K, N)
    count = len(others)
    floor = float(pairs.mean(2).sum() / (count * (count - 1)))
    gain = distances[0] - distances[1]
    error = float(gain.std(ddof=1) / np.sqrt(count))
    t = float(gain.mean()) / error if error > 1e-12 else float(np.sign(gain.mean()) * np.inf) if gain.any() else 0.0
    start, end = (float(side.mean()) for side in distances)
    return RelativeTest(
        before=start,
        after=end,
        floor=floor,
        closed=(start - end) / (start - floor) if start > floor else 1.0 if end <= floor else 0.0,
        p=1.0 - float(stdtr(count - 1, t)),
        p_further=float(stdtr(count - 1, t)),
    )


def beside(value: float, references: npt.ArrayLike, *, guard: float = 1.0, least: float = 0.0) -> Beside:
    """A number beside those of reference models, with a band that a retrained model hardly ever leaves.

    Args:
        value: of the model under test.
        references: of the reference models, (K,) with K >= 3.
        guard: the band reaches this many standard deviations beyond the least and the greatest reference, and covers
            at least Student's 99.5 % prediction interval for one more reference, which is wide where they are few.
        least: least width of the guard, for numbers that move in steps.

    Raises:
        ConfigError: guard or least below 0.
        ShapeError: fewer than three references.
        DataError: not finite.
    """
    if guard < 0.0 or least < 0.0:
        raise ConfigError(f"the guard is negative (got {guard} and {least}); expected 0 or more; use 1 and 0.")
    others = _inputs.reals("references", references)
    own = float(_inputs.reals("value", [value])[0])
    if others.size < 3:
        raise ShapeError(f"there are too few references (got {others.size}); expected three or more; train more.")
    sd = float(others.std(ddof=1))
    mean, reach = float(others.mean()), max(guard * sd, least)
    next_one = float(stdtrit(others.size - 1, 0.9975)) * sd * float(np.sqrt(1.0 + 1.0 / others.size))
    return Beside(
        value=own,
        mean=mean,
        sd=sd,
        low=min(float(others.min()) - reach, mean - next_one),
        high=max(float(others.max()) + reach, mean + next_one),
        references=int(others.size),
    )


def _references(references: npt.ArrayLike, size: int, *, least: int = 3) -> RealArray:
    array = _inputs.reals("references", references, ndim=2)
    if array.shape[1] != size or len(array) < least:
        raise ShapeError(
            f"the references do not fit (got {array.shape}); expected (K, {size}) with K >= {least}; align them by "
            "utterance, or train more."
        )
    return array


def _deviation(others: RealArray) -> RealArray:
    own = others.var(axis=0, ddof=1)
    return np.asarray(np.sqrt(np.maximum(0.5 * (own + own.mean()), 1e-12)), dtype=np.float64)
