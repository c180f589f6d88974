"""Losses that bring pairs of two kinds together, such as audio and text: CLIP, supervised contrastive, Rank-N-Contrast.

All take a matrix of similarities that are divided by the temperature already, (N, M): row i is an anchor, column j a
candidate. Everything is computed from logarithms of sums, so similarities of 1e4 do no harm, and in O(N M) memory.

Sources: Radford et al., "Learning transferable visual models from natural language supervision", ICML 2021 (CLIP);
Khosla et al., "Supervised contrastive learning", NeurIPS 2020; Zha et al., "Rank-N-Contrast", NeurIPS 2023. Between two
kinds of items Rank-N-Contrast is our reading of EmotionRankCLAP (arXiv 2505.23732), whose equations were not available
to us.
"""

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from affekt.errors import ConfigError, ShapeError

__all__ = [
    "Norm",
    "Similarity",
    "clip_loss",
    "cross_modal_rank_n_contrast",
    "cross_modal_supervised_contrastive",
    "label_distances",
    "rank_n_contrast",
    "rank_n_contrast_terms",
    "similarities",
]

Norm: TypeAlias = Literal["l1", "l2"]
Similarity: TypeAlias = Literal["cosine", "l2"]


def similarities(
    first: Tensor, second: Tensor, *, temperature: float | Tensor = 1.0, similarity: Similarity = "cosine"
) -> Tensor:
    """How alike the rows of two matrices are, divided by a temperature: (N, D), (M, D) -> (N, M).

    Args:
        first: embeddings, (N, D).
        second: embeddings, (M, D).
        temperature: above 0; may be learned.
        similarity: ``cosine``, the cosine of the angle; ``l2``, minus the Euclidean distance.

    Raises:
        ConfigError: the similarity is unknown.
        ShapeError: the embeddings are not two matrices of one width.
    """
    if similarity not in ("cosine", "l2"):
        raise ConfigError(f"similarity is {similarity!r}; cosine or l2 was expected; choose one of these.")
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ShapeError(
            f"embeddings have the shapes {tuple(first.shape)} and {tuple(second.shape)}; (N, D) and (M, D) were "
            "expected; project them to one width."
        )
    if similarity == "cosine":
        unit = torch.nn.functional.normalize
        found: Tensor = unit(first, dim=1) @ unit(second, dim=1).T
        return found / temperature
    # differences and not products of matrices, which lose the distance of near rows; 0 has the gradient 0
    distance: Tensor = torch.linalg.vector_norm(first.unsqueeze(1) - second.unsqueeze(0), dim=2)
    return -distance / temperature


def label_distances(first: Tensor, second: Tensor | None = None, *, norm: Norm = "l2") -> Tensor:
    """Distances of labels such as (valence, arousal): (N, P), (M, P) -> (N, M) float32; of (N,) with one attribute.

    They are computed in float64 and rounded, so that distances that are equal on paper are equal here.

    Raises:
        ConfigError: the norm is unknown.
    """
    if norm not in ("l1", "l2"):
        raise ConfigError(f"norm is {norm!r}; l1 or l2 was expected; choose one of these.")
    one = first.double().reshape(len(first), -1)
    two = one if second is None else second.double().reshape(len(second), -1)
    # without products of matrices, which would make a label a little distant from itself
    found: Tensor = torch.cdist(one, two, p=1 if norm == "l1" else 2, compute_mode="donot_use_mm_for_euclid_dist")
    return found.float()


def rank_n_contrast_terms(scores: Tensor, distances: Tensor) -> Tensor:
    """What every pair adds to Rank-N-Contrast: -log of e^s_ij over the sum of e^s_ik with d_ik >= d_ij, (N, M).

    Candidate j counts in its own denominator, and so do candidates at the same distance. Candidates of an anchor are
    sorted by distance and summed from the farthest, so this takes O(N M log M) time and O(N M) memory. With an order
    that is exactly right and sharp a term goes to the logarithm of how many candidates are at that distance.

    Args:
        scores: similarities over temperature, (N, M).
        distances: of the labels, (N, M).

    Raises:
        ShapeError: the shapes differ.
    """
    if scores.ndim != 2 or scores.shape != distances.shape:
        raise ShapeError(
            f"scores and distances have the shapes {tuple(scores.shape)} and {tuple(distances.shape)}; (N, M) twice "
            "was expected; give one distance a pair."
        )
    nearness, order = (-distances).sort(dim=1)  # farthest first
    sums = scores.gather(1, order).logcumsumexp(1)
    # the sum for a candidate ends with the last one that is as far away
    nearness = nearness.contiguous()
    last = torch.searchsorted(nearness, nearness, right=True) - 1
    sums = sums.gather(1, last)
    denominators = torch.empty_like(sums).scatter(1, order, sums)
    return denominators - scores


def rank_n_contrast(
    features: Tensor, labels: Tensor, *, temperature: float = 2.0, norm: Norm = "l1", similarity: Similarity = "l2"
) -> Tensor:
    """Rank-N-Contrast within one kind: every other item is a candidate, the anchor itself is none.

    Args:
        features: (N, D) with N >= 2; with two views of an item both are rows here.
        labels: (N,), or (N, P) for several attributes.
        temperature: 2 is the authors'.
        norm: distance of labels.
        similarity: minus the Euclidean distance is the authors'.

    Raises:
        ShapeError: there are fewer than two items.

    Source: Zha et al., NeurIPS 2023, and their code; definitions card, T.6.
    """
    size = len(features)
    if size < 2 or len(labels) != size:
        raise ShapeError(
            f"features and labels are of {size} and {len(labels)} items; the same two or more were expected; use a "
            "larger batch."
        )
    others = ~torch.eye(size, dtype=torch.bool, device=features.device)
    scores = _off_diagonal(features, temperature=temperature, similarity=similarity)
    distances = label_distances(labels, norm=norm)[others].view(size, size - 1)
    return rank_n_contrast_terms(scores, distances).mean()


def cross_modal_rank_n_contrast(scores: Tensor, distances: Tensor) -> Tensor:
    """Rank-N-Contrast between two kinds, the mean of both directions; only labels are needed, no pairs.

    Where item i of one kind belongs to item i of the other, the terms of j = i alone are :func:`clip_loss`, so its
    positive pairs are all in here. Columns that belong to no row, such as sentences that nobody spoke, are candidates
    of every row and anchors of their own: each direction is the mean over all N M pairs.

    Args:
        scores: similarities over temperature, (N, M): rows are audio, columns text.
        distances: of the labels of rows and columns, (N, M).

    Raises:
        ShapeError: the shapes differ.

    Source: our reading of arXiv 2505.23732; items of one kind alone are ours.
    """
    there = rank_n_contrast_terms(scores, distances).mean()
    back = rank_n_contrast_terms(scores.T, distances.T).mean()
    return 0.5 * (there + back)


def clip_loss(scores: Tensor) -> Tensor:
    """Symmetric cross-entropy in which pair i, i is right and every other one wrong: (N, M) -> scalar.

    Columns beyond the first N belong to no row: they are further wrong answers of every row, and no anchors.

    Raises:
        ShapeError: there are fewer columns than rows.
    """
    if scores.ndim != 2 or scores.shape[1] < scores.shape[0]:
        raise ShapeError(
            f"scores have the shape {tuple(scores.shape)}; (N, M) with M >= N was expected; give every row its pair."
        )
    right = scores.diagonal()
    back = scores[:, : len(scores)].logsumexp(0) - right
    return 0.5 * ((scores.logsumexp(1) - right).mean() + back.mean())


def cross_modal_supervised_contrastive(scores: Tensor, labels: Tensor, columns: Tensor | None = None) -> Tensor:
    """Supervised contrastive loss between two kinds, both directions: all pairs of one class are right.

    The mean over the positives stands outside the logarithm. With a class an item this is :func:`clip_loss`. An item
    whose class nothing of the other kind has is no anchor; it stays a wrong answer of all others.

    Args:
        scores: similarities over temperature, (N, M).
        labels: classes of the rows, (N,), such as numbers of bins.
        columns: classes of the columns, (M,); None: item i of one kind and of the other are of one class.

    Raises:
        ShapeError: the shapes do not fit.
        ConfigError: no row and no column are of one class.

    Source: Khosla et al., NeurIPS 2020, L_out; between two kinds, ours.
    """
    columns = labels if columns is None else columns
    if scores.ndim != 2 or scores.shape != (len(labels), len(columns)):
        raise ShapeError(
            f"scores and labels have the shapes {tuple(scores.shape)}, {tuple(labels.shape)} and "
            f"{tuple(columns.shape)}; (N, M), (N,) and (M,) were expected; give every row and column its class."
        )
    same = (labels.unsqueeze(1) == columns.unsqueeze(0)).to(scores.dtype)
    if not same.any():
        raise ConfigError(
            f"no class of {len(labels)} rows is that of one of {len(columns)} columns; one shared class was expected; "
            "give pairs."
        )
    there = _over_positives(scores.log_softmax(1), same)
    back = _over_positives(scores.log_softmax(0).T, same.T)
    return 0.5 * (there + back)


def _over_positives(log_shares: Tensor, same: Tensor) -> Tensor:
    """Minus the mean logarithm of the positives' shares, over the anchors (rows) that have some."""
    counts = same.sum(1, keepdim=True)
    terms = (same.contiguous() / counts.clamp_min(1) * log_shares).sum(1)
    return -terms[counts.squeeze(1) > 0].mean()


def _off_diagonal(features: Tensor, *, temperature: float, similarity: Similarity) -> Tensor:
    """Similarities of each row to the others, (N, N - 1)."""
    size = len(features)
    others = ~torch.eye(size, dtype=torch.bool, device=features.device)
    scores = similarities(features, features, temperature=temperature, similarity=similarity)
    return scores[others].view(size, size - 1)
