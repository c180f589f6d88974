"""What a bootstrap draws: whole clusters with replacement, or utterances where there are no clusters or only one."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from affekt.metrics import _inputs
from affekt.metrics._inputs import IntVector, RealArray

__all__ = [
    "Groups",
    "block_weights",
    "cluster_groups",
    "cluster_weights",
    "group_sums",
    "item_weights",
    "resampled_rows",
    "resampled_sums",
]

_DRAWS_AT_ONCE = 500_000
"""Numbers drawn at a time when single utterances are resampled; bounds the memory."""


class Groups(NamedTuple):
    """What a resample draws."""

    groups: IntVector
    """Group 0..G-1 of each utterance, (N,)."""
    unit: str
    """The unit in words."""
    single: bool
    """Whether every utterance is a group of its own."""


def cluster_groups(size: int, clusters: npt.ArrayLike | None, cluster_unit: str) -> Groups:
    """Decide what is resampled: clusters, or utterances when there are no clusters or only one."""
    if clusters is None:
        return Groups(np.arange(size, dtype=np.int64), f"utterance ({size})", True)
    found, count = _inputs.codes("clusters", clusters, size)
    if count == 1:
        return Groups(np.arange(size, dtype=np.int64), f"utterance ({size}; one {cluster_unit} only)", True)
    return Groups(found, f"{cluster_unit} ({count})", False)


def cluster_weights(count: int, resamples: int, rng: np.random.Generator) -> RealArray:
    """How often each of G clusters is drawn in each resample, (R, G)."""
    return rng.multinomial(count, np.full(count, 1.0 / count), size=resamples).astype(np.float64)


def item_weights(size: int, resamples: int, rng: np.random.Generator) -> RealArray:
    """How often each of N items is drawn in each resample, (R, N), drawn one by one.

    The law is that of :func:`cluster_weights`; many items are drawn faster so.
    """
    picks = rng.integers(0, size, size=(resamples, size)) + size * np.arange(resamples)[:, None]
    return np.bincount(picks.ravel(), minlength=resamples * size).reshape(resamples, size).astype(np.float64)


def group_sums(columns: RealArray, groups: IntVector, count: int) -> RealArray:
    """Column sums within groups 0..G-1: (N, M), (N,) -> (G, M)."""
    return np.stack([np.bincount(groups, weights=column, minlength=count) for column in columns.T], axis=1)


def resampled_rows(groups: IntVector, resamples: int, rng: np.random.Generator) -> list[IntVector]:
    """Draw groups with replacement, as many as there are, and return the utterance rows of each resample."""
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(groups))[:-1])
    draws = rng.integers(0, len(members), size=(resamples, len(members)))
    return [np.concatenate([members[group] for group in draw]) for draw in draws]


def block_weights(
    columns: tuple[IntVector, ...],
    clusters: npt.ArrayLike | None,
    resamples: int,
    rng: np.random.Generator,
    cluster_unit: str,
) -> tuple[IntVector, RealArray, str]:
    """Group utterances into blocks that are drawn alike, and draw how much each block weighs.

    Without clusters, utterances with the same labels are interchangeable, so a block is a distinct row of labels and
    the number of draws from it is multinomial: the result has the law of resampling single utterances.

    Returns:
        The block of each utterance, (N,); the weight of one utterance of each block in each resample, (R, G); the unit.
    """
    groups, unit, single = cluster_groups(columns[0].size, clusters, cluster_unit)
    if single:
        _, inverse, sizes = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True, return_counts=True)
        draws = rng.multinomial(groups.size, sizes / groups.size, size=resamples)
        return inverse.reshape(-1).astype(np.int64), draws / sizes, unit
    return groups, cluster_weights(int(groups.max()) + 1, resamples, rng), unit


def resampled_sums(
    columns: RealArray, clusters: npt.ArrayLike | None, resamples: int, rng: np.random.Generator, cluster_unit: str
) -> tuple[RealArray, str]:
    """Column sums (R, M) of resamples of the rows of columns (N, M), and what was resampled."""
    groups, unit, single = cluster_groups(len(columns), clusters, cluster_unit)
    if not single:
        count = int(groups.max()) + 1
        sums = group_sums(columns, groups, count)
        return cluster_weights(count, resamples, rng) @ sums, unit
    step = max(1, _DRAWS_AT_ONCE // len(columns))
    parts = []
    for start in range(0, resamples, step):
        parts.append(item_weights(len(columns), min(step, resamples - start), rng) @ columns)
    return np.concatenate(parts), unit
