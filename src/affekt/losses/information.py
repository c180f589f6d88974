"""Lower bounds of mutual information, in nats, from the scores of a critic or the outputs of a classifier.

A bound is as good as what gives the scores; every one holds whatever that is, in expectation over samples that it was
not fitted on. Each has a ceiling of its own: InfoNCE log B for batches of B pairs, Barber-Agakov the entropy of the
code (log K at most), Donsker-Varadhan none, at the price of a variance that grows with the information.
"""

import math

import torch
from torch import Tensor

from affekt.errors import ConfigError, ShapeError

__all__ = [
    "barber_agakov_bound",
    "donsker_varadhan_bound",
    "entropy",
    "gaussian_information",
    "info_nce",
    "info_nce_bound",
    "mine_loss",
]


def info_nce(scores: Tensor) -> Tensor:
    """The symmetric InfoNCE loss in nats: the mean of -log softmax at the pairs, over rows and over columns.

    Args:
        scores: of every first with every second, (B, B); the pairs are on the diagonal.

    Returns:
        A scalar; log B where the scores say nothing.

    Raises:
        ShapeError: the scores are not square, or there are none.

    Source: van den Oord, Li & Vinyals, "Representation learning with contrastive predictive coding", 2018; both
    directions as in the card of mutual-information augmentation.
    """
    size = _square(scores)
    pairs = torch.arange(size, device=scores.device)
    rows = torch.nn.functional.cross_entropy(scores, pairs)
    columns = torch.nn.functional.cross_entropy(scores.T, pairs)
    return (rows + columns) / 2.0


def info_nce_bound(scores: Tensor) -> Tensor:
    """The lower bound log B - L of the information of pairs, of scores (B, B) as in :func:`info_nce`.

    It cannot exceed log B: more information than that needs larger batches.

    Example:
        >>> round(float(info_nce_bound(torch.full((4, 4), 0.5))), 6)
        0.0
        >>> round(float(info_nce_bound(100.0 * torch.eye(4))), 4) == round(math.log(4), 4)
        True
    """
    return math.log(_square(scores)) - info_nce(scores)


def donsker_varadhan_bound(joint: Tensor, marginal: Tensor) -> Tensor:
    """The lower bound E_joint[T] - log E_marginal[exp T] in nats.

    Args:
        joint: scores of pairs, (B,).
        marginal: scores of firsts with seconds of other pairs, (M,).

    Raises:
        ShapeError: one of them is empty or not a vector.

    Source: Donsker & Varadhan 1983; Belghazi et al., "Mutual information neural estimation", ICML 2018, equation 4.
    """
    for name, values in (("joint", joint), ("marginal", marginal)):
        if values.ndim != 1 or not len(values):
            raise ShapeError(f"{name} has the shape {tuple(values.shape)}; (B,) with B >= 1 was expected; flatten it.")
    return joint.mean() - (torch.logsumexp(marginal, 0) - math.log(len(marginal)))


def mine_loss(
    joint: Tensor, marginal: Tensor, running: Tensor | None = None, *, decay: float = 0.99
) -> tuple[Tensor, Tensor]:
    """What to minimise so that :func:`donsker_varadhan_bound` rises, with an average over batches below the fraction.

    The gradient of log E[exp T] is E[exp T dT] / E[exp T]; a batch's own denominator makes it biased. Here the
    denominator is an exponential moving average, which the caller keeps: there is no state in this function. The value
    is not the negative bound, only its gradient is meant.

    Args:
        joint: scores of pairs, (B,).
        marginal: scores of firsts with seconds of other pairs, (M,).
        running: log of the average so far, a scalar; None at the first batch.
        decay: share of the old average that is kept, in [0, 1).

    Returns:
        The loss, and the log of the new average, without gradient.

    Raises:
        ConfigError: the decay is out of range.

    Source: Belghazi et al. 2018, section 3.2 (equation 12); in logarithms, so that large scores do not overflow.
    """
    if not 0.0 <= decay < 1.0:
        raise ConfigError(f"decay is {decay}; a value in [0, 1) was expected; 0.99 is usual.")
    batch = torch.logsumexp(marginal, 0) - math.log(max(len(marginal), 1))
    now = batch.detach()
    if running is not None and decay:
        now = torch.logaddexp(running + math.log(decay), now + math.log1p(-decay))
    return torch.exp(batch - now) - joint.mean(), now


def entropy(shares: Tensor) -> Tensor:
    """- sum p log p in nats of a distribution (K,), or of counts, which are divided by their sum."""
    shares = shares.to(torch.float64)
    shares = shares / shares.sum().clamp_min(1e-300)
    nats: Tensor = -torch.special.xlogy(shares, shares).sum()
    return nats


def barber_agakov_bound(logits: Tensor, codes: Tensor, *, prior: Tensor | None = None) -> Tensor:
    """The lower bound E[log q(c | x)] + H(c) in nats of the information between a code and what was made of it.

    Args:
        logits: what is guessed of the code, (B, K).
        codes: the code, (B,), 0 to K - 1.
        prior: probabilities of the codes as they are drawn, (K,); None: how often they occur here.

    Returns:
        A scalar, log K at most; below 0 where the guess is worse than the prior.

    Raises:
        ShapeError: numbers of rows differ, or there are none.

    Source: Barber & Agakov, "The IM algorithm", NIPS 2003; Chen et al., "InfoGAN", NIPS 2016, equation 5.
    """
    if logits.ndim != 2 or codes.shape != logits.shape[:1] or not len(codes):
        raise ShapeError(
            f"logits {tuple(logits.shape)} do not fit codes {tuple(codes.shape)}; (B, K) and (B,) with B >= 1 were "
            "expected; give one row of logits a code."
        )
    counts = torch.bincount(codes, minlength=logits.shape[1]) if prior is None else prior
    return entropy(counts).to(logits) - torch.nn.functional.cross_entropy(logits, codes)


def gaussian_information(correlation: float, *, dimensions: int = 1) -> float:
    """Information in nats of two Gaussian vectors whose coordinates are correlated pair by pair: - d/2 log(1 - r^2).

    Args:
        correlation: r of each pair, in (-1, 1).
        dimensions: d.

    Raises:
        ConfigError: r is out of range, or there is no dimension.

    Example:
        >>> round(gaussian_information(0.5, dimensions=2), 6)
        0.287682
    """
    if not -1.0 < correlation < 1.0 or dimensions < 1:
        raise ConfigError(
            f"correlation is {correlation} in {dimensions} dimension(s); a value between -1 and 1 in 1 or more was "
            "expected; change it."
        )
    return -0.5 * dimensions * math.log1p(-correlation * correlation)


def _square(scores: Tensor) -> int:
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or not len(scores):
        raise ShapeError(
            f"scores have the shape {tuple(scores.shape)}; (B, B) with B >= 1 was expected; score every first of the "
            "batch with every second."
        )
    return len(scores)
