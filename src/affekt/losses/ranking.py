"""Losses of lists: scores shall be in the order of the targets, whatever their values.

RankNet, ListNet and ListMLE are known formulas. RankList is published without equations that we could read; its terms
here are **our reading** of the words local, non-local, log-sum-exp and skip-wise, and are named so: local constraints
are those between neighbours in the sorted list, a non-local constraint of skip k is between items k places apart.

Every function takes lists (B, n) of scores and of targets, sorts each list by its targets, the largest first, and gives
one value a list. Targets that are NaN mark places that are not there. Pairs with equal targets are no constraint.
Values and gradients are finite for scores of any finite size.

Source: Burges et al., "Learning to rank using gradient descent", ICML 2005 (RankNet); Cao et al., "Learning to rank:
from pairwise approach to listwise approach", ICML 2007 (ListNet); Xia et al., "Listwise approach to learning to rank",
ICML 2008 (ListMLE); Naini, Diaz & Busso, "RankList", arXiv 2508.09826, 2025.
"""

from collections.abc import Callable
from typing import Final, Literal, get_args

import torch
from torch import Tensor

from affekt.errors import ConfigError, ShapeError

__all__ = ["RankingForm", "RankingLoss", "listmle", "listnet", "ranking_loss", "ranklist", "ranknet"]

RankingLoss = Literal["listmle", "listnet", "ranklist", "ranknet"]
"""Names of the losses."""

RankingForm = Literal["anchor", "lse", "sum"]
"""How RankList puts its constraints together."""


def ranking_loss(
    scores: Tensor,
    targets: Tensor | None = None,
    *,
    loss: RankingLoss = "ranklist",
    lists: Tensor | None = None,
    skip: int | None = None,
    form: RankingForm = "sum",
    balanced: bool = False,
) -> Tensor:
    """One of the four losses, one value a list.

    Args:
        scores: (B, n); with ``lists``, (N,).
        targets: as scores; larger is more preferred, NaN is not there. None: every list is in order already, the most
            preferred item first.
        loss: which one.
        lists: positions in scores, (B, n); -1 is not there.
        skip: RankList alone: the largest number of places between two items that are compared.
        form: RankList alone, see :func:`ranklist`.
        balanced: RankList alone, see :func:`ranklist`.

    Returns:
        Shape (B,).

    Raises:
        ShapeError: scores and targets do not fit each other.
        ConfigError: the loss, the form or the skip is unknown.
    """
    if loss not in get_args(RankingLoss):
        known = ", ".join(get_args(RankingLoss))
        raise ConfigError(f"the loss is {loss!r}; one of {known} was expected; choose one of these.")
    if lists is not None:
        scores, targets = _gathered(scores, targets, lists)
    elif targets is None:
        targets = _descending(scores)
    if loss == "ranklist":
        return ranklist(scores, targets, skip=skip, form=form, balanced=balanced)
    return _PLAIN[loss](scores, targets)


def ranknet(scores: Tensor, targets: Tensor) -> Tensor:
    """RankNet: the sum of softplus(-(s_i - s_j)) over all pairs of a list with i preferred to j.

    Args:
        scores: (B, n).
        targets: (B, n); NaN is not there.

    Returns:
        Shape (B,); 0 where all targets are equal.

    Example:
        >>> ranknet(torch.tensor([[2.0, 1.0, 1.5, 0.0]]), torch.tensor([[4.0, 3.0, 2.0, 1.0]]))
        tensor([2.4030])
    """
    return ranklist(scores, targets)


def listnet(scores: Tensor, targets: Tensor) -> Tensor:
    """ListNet: the cross-entropy of softmax(scores) against softmax(targets) over the items of a list, nats.

    The scale of the targets matters here and nowhere else.

    Args:
        scores: (B, n).
        targets: (B, n); NaN is not there.

    Returns:
        Shape (B,); 0 for an empty list.
    """
    _check(scores, targets)
    there = ~torch.isnan(targets)
    low = torch.finfo(scores.dtype).min / 4
    shares = torch.where(there, targets.to(scores.dtype), low).softmax(1)
    logs = torch.where(there, scores, low).log_softmax(1)
    return -(torch.where(there, shares * logs, 0.0)).sum(1)


def listmle(scores: Tensor, targets: Tensor) -> Tensor:
    """ListMLE: minus the log-likelihood of the order under Plackett and Luce, sum_i log sum_{k >= i} e^{s_k} - s_i.

    Items with equal targets do not compete with each other (ours; the formula knows no ties), so their order in the
    batch does not matter.

    Args:
        scores: (B, n).
        targets: (B, n); NaN is not there.

    Returns:
        Shape (B,); O(n) memory.
    """
    scores, targets, there = _sorted(scores, targets)
    low = torch.finfo(scores.dtype).min / 4
    size = scores.shape[1]
    if not size:
        return scores.sum(1)
    # below[i]: log of the sum of e^s over i and all after it
    below = torch.where(there, scores, low).flip(1).logcumsumexp(1).flip(1)
    # the first place with a smaller target than that of place i
    after = torch.searchsorted(-targets, -targets, right=True)
    beaten = there & (after < there.sum(1, keepdim=True))
    rest = below.gather(1, after.clamp_max(size - 1))
    gap = torch.where(beaten, scores - rest, 0.0)
    return -(torch.where(beaten, torch.nn.functional.logsigmoid(gap), 0.0)).sum(1)


def ranklist(
    scores: Tensor,
    targets: Tensor,
    *,
    skip: int | None = None,
    form: RankingForm = "sum",
    balanced: bool = False,
) -> Tensor:
    """RankList, our reading: softplus(-(s_i - s_{i+k})) over the sorted list for all skips k from 1 to K.

    K = 1 is the chain of local constraints; K = n - 1 are all pairs, which is RankNet; a list of two is RankNet for
    every K.

    Args:
        scores: (B, n).
        targets: (B, n); NaN is not there.
        skip: K; None compares all pairs. Memory is O(n K).
        form: ``sum``, the sum over the constraints C; ``lse``, log(1 + sum over C of e^{-(s_i - s_j)}), which is
            between the largest term of the sum and the sum, and whose gradient dwells on what is violated most;
            ``anchor``, that for each item against those after it, summed, which with all pairs is ListMLE.
        balanced: with ``sum``: each skip counts the mean of its constraints instead of their sum.

    Returns:
        Shape (B,); 0 where no two targets differ.

    Raises:
        ConfigError: the form is unknown, the skip is below 1, or only a sum can be balanced.
        ShapeError: scores and targets do not have one shape (B, n).

    Example:
        >>> ranklist(torch.tensor([[2.0, 1.0, 1.5, 0.0]]), torch.tensor([[4.0, 3.0, 2.0, 1.0]]), skip=1)
        tensor([1.4888])
    """
    if form not in get_args(RankingForm):
        known = ", ".join(get_args(RankingForm))
        raise ConfigError(f"the form is {form!r}; one of {known} was expected; choose one of these.")
    if skip is not None and skip < 1:
        raise ConfigError(f"skip is {skip}; 1 or more was expected; 1 compares neighbours, None everything.")
    if balanced and form != "sum":
        raise ConfigError(
            f"the form {form} cannot be balanced by skips; sum was expected; choose it or leave balanced."
        )
    scores, targets, _ = _sorted(scores, targets)
    size = scores.shape[1]
    if size < 2:
        return scores.sum(1) * 0.0
    reach = size - 1 if skip is None else min(skip, size - 1)
    gaps = scores.unsqueeze(2) - _after(scores, reach, 0.0)  # (B, n, K)
    others = _after(targets, reach, float("-inf"))
    active = (targets.unsqueeze(2) > others) & ~torch.isneginf(others)
    if form == "sum":
        losses = torch.where(active, -torch.nn.functional.logsigmoid(gaps), 0.0)
        if balanced:
            return (losses.sum(1) / active.sum(1).clamp_min(1)).sum(1)
        return losses.sum((1, 2))
    violations = torch.where(active, -gaps, torch.finfo(scores.dtype).min / 4)
    if form == "lse":
        return _log_one_plus(violations.flatten(1))
    return _log_one_plus(violations).sum(1)


_PLAIN: Final[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "listmle": listmle,
    "listnet": listnet,
    "ranknet": ranknet,
}


def _log_one_plus(exponents: Tensor) -> Tensor:
    """log(1 + sum of e^x) over the last axis."""
    zero = exponents.new_zeros(*exponents.shape[:-1], 1)
    return torch.cat([zero, exponents], dim=-1).logsumexp(-1)


def _after(values: Tensor, reach: int, fill: float) -> Tensor:
    """The next 1 to K values of each place, (B, n) -> (B, n, K)."""
    return torch.nn.functional.pad(values, (0, reach), value=fill).unfold(1, reach + 1, 1)[..., 1:]


def _sorted(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scores and targets in falling order of the targets, and which places are there; those that are not come last."""
    _check(scores, targets)
    there = ~torch.isnan(targets)
    order = torch.where(there, targets, float("-inf")).argsort(dim=1, descending=True, stable=True)
    return scores.gather(1, order), torch.where(there, targets, float("-inf")).gather(1, order), there.gather(1, order)


def _descending(scores: Tensor) -> Tensor:
    """Targets of lists that are in order."""
    return torch.arange(scores.shape[-1], 0, -1, dtype=scores.dtype, device=scores.device).expand(scores.shape)


def _gathered(scores: Tensor, targets: Tensor | None, lists: Tensor) -> tuple[Tensor, Tensor]:
    """Lists of positions as lists of scores and targets."""
    if scores.ndim != 1 or lists.ndim != 2 or (targets is not None and targets.shape != scores.shape):
        shape = None if targets is None else tuple(targets.shape)
        raise ShapeError(
            f"scores, targets and lists are {tuple(scores.shape)}, {shape} and {tuple(lists.shape)}; (N,), (N,) and "
            "(B, n) were expected; give flat scores with lists."
        )
    there = lists >= 0
    safe = lists.clamp_min(0)
    found = _descending(lists.to(scores.dtype)) if targets is None else targets[safe]
    return scores[safe], torch.where(there, found, float("nan"))


def _check(scores: Tensor, targets: Tensor) -> None:
    if scores.ndim != 2 or scores.shape != targets.shape:
        raise ShapeError(
            f"scores and targets are {tuple(scores.shape)} and {tuple(targets.shape)}; (B, n) twice was expected; give "
            "lists of one length, with NaN targets for what is not there."
        )
