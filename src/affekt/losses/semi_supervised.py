"""Losses for utterances without labels: FixMatch and FullMatch, as functions of two sets of logits.

Both look at an utterance twice, changed a little (weak) and changed a lot (strong). What the model says about the weak
view, if it is sure, is the label of the strong view. FullMatch also uses what it says when it is not sure: classes that
are certainly wrong (adaptive negative learning), and that the other candidates should be equally unlikely (entropy
meaning loss). No gradient flows through the weak view.

Source: Sohn et al., "FixMatch", NeurIPS 2020 (arXiv 2001.07685); Chen et al., "Boosting semi-supervised learning by
exploiting all unlabeled data" (FullMatch), CVPR 2023 (arXiv 2303.11066), with the constants of its released code.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from affekt.errors import ConfigError, ShapeError

__all__ = [
    "FullMatchTerms",
    "PseudoLabels",
    "adaptive_k",
    "entropy_meaning_loss",
    "fixmatch_loss",
    "fullmatch_terms",
    "negative_classes",
    "negative_learning_loss",
    "pseudo_labels",
]

_EPS = 1e-10  # inside the logarithms, as in the released code
_SHARE_EPS = 1e-7  # in the share of each remaining class, as in the released code


class PseudoLabels(NamedTuple):
    """What a model says about weak views."""

    labels: Tensor
    """Most likely class, (n,), int64; the first of equals."""
    confident: Tensor
    """Whether its probability reaches the threshold, (n,), bool."""


class FullMatchTerms(NamedTuple):
    """The three losses of FullMatch on one batch, and how it came to them."""

    fixmatch: Tensor
    """Loss of FixMatch, ()."""
    negative: Tensor
    """Adaptive negative learning, ()."""
    meaning: Tensor
    """Entropy meaning loss, ()."""
    k: int
    """Candidates a class must be outside of to be a negative."""
    mask_rate: float
    """Share of confident utterances."""
    negatives: float
    """Negative classes an utterance."""


def pseudo_labels(weak: Tensor, *, threshold: float = 0.95) -> PseudoLabels:
    """Labels of weak views, and which of them count.

    Args:
        weak: logits of the weak views, (n, C).
        threshold: least probability, in [0, 1].

    Raises:
        ConfigError: the threshold is out of range.
        ShapeError: the logits are not (n, C) with n >= 1 and C >= 2.
    """
    _check(weak, weak, threshold)
    weak = weak.detach()
    return PseudoLabels(labels=weak.argmax(1), confident=weak.softmax(1).amax(1) >= threshold)


def fixmatch_loss(strong: Tensor, weak: Tensor, *, threshold: float = 0.95) -> Tensor:
    """Cross-entropy of strong views against the labels of confident weak views, in nats.

    Args:
        strong: logits of the strong views, (n, C).
        weak: logits of the weak views of the same utterances, (n, C).
        threshold: least probability of a label that counts.

    Returns:
        The mean over all n utterances, (); those below the threshold count 0.

    Raises:
        ConfigError, ShapeError: as :func:`pseudo_labels`, or the shapes differ.
    """
    _check(strong, weak, threshold)
    labels, confident = pseudo_labels(weak, threshold=threshold)
    losses = torch.nn.functional.cross_entropy(strong, labels, reduction="none")
    return (losses * confident).mean()


def adaptive_k(strong: Tensor, labels: Tensor) -> int:
    """The smallest k from 2 to C for which every label is among the k likeliest classes of its strong view.

    Equal logits are ranked by the order of the classes. With few classes one hard utterance makes k = C, and then
    there are no negatives at all.

    Args:
        strong: logits of the strong views, (n, C).
        labels: of the weak views, (n,).
    """
    own = strong.gather(1, labels.unsqueeze(1))  # (n, 1)
    before = torch.arange(strong.shape[1], device=strong.device) < labels.unsqueeze(1)  # (n, C)
    rank = (strong > own).sum(1) + ((strong == own) & before).sum(1)  # classes ahead of the label
    return max(2, int(rank.max()) + 1)


def negative_classes(weak: Tensor, k: int) -> Tensor:
    """Classes outside the k likeliest of each weak view, (n, C), bool; equal logits rank by class order."""
    order = weak.detach().argsort(dim=1, descending=True, stable=True)
    ranks = order.argsort(dim=1)  # position of each class
    return ranks >= k


def negative_learning_loss(strong: Tensor, negatives: Tensor, *, threshold: float = 0.95) -> Tensor:
    """Adaptive negative learning: minus the logarithm of 1 - p, summed over the negative classes, mean over utterances.

    Args:
        strong: logits of the strong views, (n, C).
        negatives: from :func:`negative_classes`, (n, C).
        threshold: a class above its square does not count: the views contradict each other there.

    Returns:
        Nats, (); 0 where there are no negatives.
    """
    p = strong.softmax(1)
    counted = negatives & (p.detach() <= threshold**2)
    return -(torch.log(1.0 - p + _EPS) * counted).sum() / len(strong)


def entropy_meaning_loss(
    strong: Tensor,
    labels: Tensor,
    confident: Tensor,
    negatives: Tensor,
    *,
    threshold: float = 0.95,
    detach_soft_target: bool = False,
) -> Tensor:
    """Entropy meaning loss: the classes that are neither the label nor negative share what is left equally.

    Their common share is s = (1 - sum of the others + 1e-7) / (k - 1), the mean of just these probabilities, and the
    loss is the binary cross-entropy of each of them with s. With k = 2 there is one such class and its probability is
    s: with gradient through s (as in the released code) the loss is the class's entropy, which pushes it to 0 (below
    one half); with s detached the gradient is 0.

    Args:
        strong: logits of the strong views, (n, C).
        labels: of the weak views, (n,).
        confident: which utterances count, (n,).
        negatives: from :func:`negative_classes`, (n, C).
        threshold: a class above its square does not count.
        detach_soft_target: whether no gradient flows through s.

    Returns:
        Nats, the mean over the entries that count, (); 0 where there are none.
    """
    p = strong.softmax(1)
    settled = negatives | torch.nn.functional.one_hot(labels, strong.shape[1]).bool()  # label and negatives
    left = (~settled).sum(1).clamp_min(1)  # k - 1
    share = (1.0 - (p * settled).sum(1) + _SHARE_EPS) / left  # (n,)
    if detach_soft_target:
        share = share.detach()
    share = share.unsqueeze(1)
    counted = confident.unsqueeze(1) & ~settled & (p.detach() <= threshold**2)
    entries = -share * torch.log(p + _EPS) - (1.0 - share) * torch.log(1.0 - p + _EPS)
    return (entries * counted).sum() / (counted.sum() + _EPS)


def fullmatch_terms(
    strong: Tensor, weak: Tensor, *, threshold: float = 0.95, detach_soft_target: bool = False
) -> FullMatchTerms:
    """All that FullMatch adds for utterances without labels; its loss is weight * fixmatch + negative + meaning.

    Args:
        strong: logits of the strong views, (n, C).
        weak: logits of the weak views of the same utterances, (n, C).
        threshold: least probability of a label that counts.
        detach_soft_target: see :func:`entropy_meaning_loss`.

    Raises:
        ConfigError, ShapeError: as :func:`fixmatch_loss`.

    Example:
        >>> weak = torch.tensor([[6.0, 1.0, 0.0], [0.0, 5.5, 0.2]])
        >>> terms = fullmatch_terms(weak.clone(), weak)
        >>> terms.k, terms.mask_rate, terms.negatives
        (2, 1.0, 1.0)
    """
    _check(strong, weak, threshold)
    labels, confident = pseudo_labels(weak, threshold=threshold)
    k = adaptive_k(strong.detach(), labels)
    negatives = negative_classes(weak, k)
    return FullMatchTerms(
        fixmatch=fixmatch_loss(strong, weak, threshold=threshold),
        negative=negative_learning_loss(strong, negatives, threshold=threshold),
        meaning=entropy_meaning_loss(
            strong, labels, confident, negatives, threshold=threshold, detach_soft_target=detach_soft_target
        ),
        k=k,
        mask_rate=float(confident.double().mean()),
        negatives=float(negatives.sum(1).double().mean()),
    )


def _check(strong: Tensor, weak: Tensor, threshold: float) -> None:
    if not 0.0 <= threshold <= 1.0:
        raise ConfigError(f"threshold is {threshold}; a probability from 0 to 1 was expected; change it.")
    if weak.ndim != 2 or strong.shape != weak.shape or not len(weak) or weak.shape[1] < 2:
        raise ShapeError(
            f"strong and weak logits must be (n, C) with n >= 1 and C >= 2 (got {tuple(strong.shape)} and "
            f"{tuple(weak.shape)}); give the logits of two views of each utterance."
        )
