"""Known values, the loss written out, and what must not change it."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from affekt.errors import ConfigError, ShapeError
from affekt.losses import (
    clip_loss,
    cross_modal_rank_n_contrast,
    cross_modal_supervised_contrastive,
    label_distances,
    rank_n_contrast,
    rank_n_contrast_terms,
    similarities,
)

AUDIO = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], dtype=torch.float64)
TEXT = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-0.6, 0.8]], dtype=torch.float64)
PLACES = torch.tensor([[0.1, 0.2], [0.4, 0.5], [0.9, 0.9]], dtype=torch.float64)


def draw(seed: int, size: int, *, levels: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    """Two kinds of embeddings and (valence, arousal) on a coarse grid, so that distances tie."""
    random = np.random.default_rng(seed)
    audio, text = (torch.as_tensor(random.standard_normal((size, 3))) for _ in range(2))
    return audio, text, torch.as_tensor(random.integers(0, levels, (size, 2)) / levels)


def written_out(scores: Tensor, distances: Tensor, *, skip: bool = False) -> float:
    """The mean over pairs, as its formula says."""
    terms = []
    size, count = scores.shape
    for i in range(size):
        for j in range(count):
            if skip and i == j:
                continue
            others = [k for k in range(count) if distances[i, k] >= distances[i, j] and not (skip and i == k)]
            below = sum(np.exp(float(scores[i, k])) for k in others)
            terms.append(-float(scores[i, j]) + np.log(below))
    return float(np.mean(terms))


def test_the_known_value_of_rank_n_contrast() -> None:
    features = torch.tensor([[0, 0], [1, 0], [0, 2], [3, 1]], dtype=torch.float64)
    found = rank_n_contrast(features, torch.tensor([0.0, 0.5, 1.0, 2.0]))
    assert found.item() == pytest.approx(0.6199654027871347, abs=1e-12)


def test_the_known_values_between_two_kinds() -> None:
    scores, distances = similarities(AUDIO, TEXT, temperature=0.1), label_distances(PLACES)
    there = rank_n_contrast_terms(scores, distances).mean().item()
    back = rank_n_contrast_terms(scores.T, distances.T).mean().item()
    assert there == pytest.approx(0.0995665537812614, abs=1e-12)
    assert back == pytest.approx(0.27371370622636304, abs=1e-12)
    both = cross_modal_rank_n_contrast(scores, distances).item()
    assert both == pytest.approx((there + back) / 2, abs=1e-14)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("similarity", ["cosine", "l2"])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_its_formula_says(seed: int, similarity: Any, norm: Any) -> None:
    audio, text, places = draw(seed, 9)
    scores = similarities(audio, text, temperature=0.2, similarity=similarity)
    distances = label_distances(places, norm=norm)
    expected = (written_out(scores, distances) + written_out(scores.T, distances.T)) / 2
    assert cross_modal_rank_n_contrast(scores, distances).item() == pytest.approx(expected, abs=1e-10)
    within = similarities(audio, audio, temperature=0.7, similarity=similarity)
    found = rank_n_contrast(audio, places, temperature=0.7, norm=norm, similarity=similarity)
    assert found.item() == pytest.approx(written_out(within, distances, skip=True), abs=1e-10)


def test_distances_and_similarities_are_those_of_numpy() -> None:
    audio, text, places = draw(1, 6)
    a, t = audio.numpy(), text.numpy()
    cosine = (a @ t.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(t, axis=1)
    assert np.allclose(similarities(audio, text, temperature=0.5), cosine / 0.5, atol=1e-12)
    straight = -np.sqrt(((a[:, None] - t[None]) ** 2).sum(2))
    assert np.allclose(similarities(audio, text, similarity="l2"), straight, atol=1e-12)
    p = places.numpy()
    assert np.allclose(label_distances(places, norm="l1"), np.abs(p[:, None] - p[None]).sum(2), atol=1e-6)
    assert np.allclose(label_distances(places[:, 0]), np.abs(p[:, :1] - p[:, :1].T), atol=1e-6)


def test_distances_that_are_equal_on_paper_are_equal() -> None:
    found = label_distances(torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64))
    assert found[1, 0] == found[1, 2] == found[2, 3]  # 0.2 - 0.1 and 0.3 - 0.2 differ in float64


def test_the_terms_of_pairs_are_the_clip_loss() -> None:
    audio, text, places = draw(2, 8)
    scores, distances = similarities(audio, text, temperature=0.1), label_distances(places)
    there = rank_n_contrast_terms(scores, distances).diagonal().mean()
    back = rank_n_contrast_terms(scores.T, distances.T).diagonal().mean()
    assert clip_loss(scores).item() == pytest.approx(((there + back) / 2).item(), abs=1e-12)
    target = torch.arange(8)
    cross = torch.nn.functional.cross_entropy
    assert clip_loss(scores).item() == pytest.approx(
        0.5 * (cross(scores, target) + cross(scores.T, target)).item(), abs=1e-12
    )


def test_supervised_contrastive_is_its_formula_and_clip_where_every_item_is_its_own_class() -> None:
    audio, text, _ = draw(3, 7)
    scores, labels = similarities(audio, text, temperature=0.3), torch.tensor([0, 0, 1, 2, 2, 2, 3])

    def one_way(s: Tensor) -> float:
        log_p = s.log_softmax(1)
        return float(np.mean([log_p[i, labels == labels[i]].mean().item() for i in range(7)]))

    expected = -(one_way(scores) + one_way(scores.T)) / 2
    assert cross_modal_supervised_contrastive(scores, labels).item() == pytest.approx(expected, abs=1e-12)
    alone = cross_modal_supervised_contrastive(scores, torch.arange(7))
    assert alone.item() == pytest.approx(clip_loss(scores).item(), abs=1e-12)


def more(seed: int, rows: int, columns: int) -> tuple[Tensor, Tensor, Tensor]:
    """Similarities of rows to more columns, and places of both on a coarse grid."""
    audio, _, places = draw(seed, rows)
    _, text, others = draw(seed + 1000, columns)
    return similarities(audio, text, temperature=0.2), places, others


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize(("rows", "columns"), [(5, 9), (9, 5), (1, 4), (4, 1)])
def test_rank_n_contrast_needs_no_pairs(rows: int, columns: int, norm: Any) -> None:
    scores, here, there = more(7, rows, columns)
    distances = label_distances(here, there, norm=norm)
    expected = (written_out(scores, distances) + written_out(scores.T, distances.T)) / 2
    assert cross_modal_rank_n_contrast(scores, distances).item() == pytest.approx(expected, abs=1e-10)


def supervised_written_out(scores: Tensor, rows: list[int], columns: list[int]) -> float:
    """One direction, as its formula says; rows without a column of their class are left out."""
    terms = []
    for i, own in enumerate(rows):
        right = [j for j, other in enumerate(columns) if other == own]
        if right:
            whole = np.log(sum(np.exp(float(score)) for score in scores[i]))
            terms.append(np.mean([whole - float(scores[i, j]) for j in right]))
    return float(np.mean(terms))


@pytest.mark.parametrize("seed", range(4))
def test_supervised_contrastive_takes_classes_of_both_sides(seed: int) -> None:
    scores, _, _ = more(seed, 5, 9)
    rows, columns = [0, 0, 1, 4, 2], [0, 0, 1, 2, 2, 3, 1, 3, 0]  # 4 has no column, 3 has no row
    found = cross_modal_supervised_contrastive(scores, torch.tensor(rows), torch.tensor(columns))
    expected = supervised_written_out(scores, rows, columns) + supervised_written_out(scores.T, columns, rows)
    assert found.item() == pytest.approx(expected / 2, abs=1e-10)


def test_further_columns_are_wrong_answers_of_every_row_in_the_clip_loss() -> None:
    scores, _, _ = more(8, 5, 9)
    rows = [np.log(sum(np.exp(float(score)) for score in scores[i])) - float(scores[i, i]) for i in range(5)]
    pairs = scores[:, :5]
    columns = [np.log(sum(np.exp(float(score)) for score in pairs[:, j])) - float(pairs[j, j]) for j in range(5)]
    expected = (np.mean(rows) + np.mean(columns)) / 2
    assert clip_loss(scores).item() == pytest.approx(expected, abs=1e-12)
    assert clip_loss(scores).item() > clip_loss(pairs).item()


def test_columns_that_nothing_is_near_change_no_pair() -> None:
    scores, _, _ = more(9, 5, 5)
    labels = torch.tensor([0, 1, 1, 2, 0])
    far = torch.full((5, 3), -1e4, dtype=torch.float64)
    wide = torch.cat([scores, far], dim=1)
    assert clip_loss(wide).item() == pytest.approx(clip_loss(scores).item(), abs=1e-12)
    found = cross_modal_supervised_contrastive(wide, labels, torch.cat([labels, torch.tensor([5, 5, 6])]))
    assert found.item() == pytest.approx(cross_modal_supervised_contrastive(scores, labels).item(), abs=1e-12)
    none = cross_modal_supervised_contrastive(scores, labels, torch.cat([labels, labels[:0]]))
    assert none.item() == cross_modal_supervised_contrastive(scores, labels).item()


@pytest.mark.parametrize("columns", [0, 3])
def test_sentences_in_another_order_are_the_same_loss(columns: int) -> None:
    scores, here, there = more(10, 5, 5 + columns)
    order = torch.cat([torch.arange(5), 5 + torch.as_tensor(np.random.default_rng(0).permutation(columns))])
    rows, classes = (here[:, 0] * 4).long(), (there[:, 0] * 4).long()
    classes[0] = rows[0]

    def losses(kept: Tensor) -> list[float]:
        return [
            cross_modal_rank_n_contrast(scores[:, kept], label_distances(here, there[kept])).item(),
            clip_loss(scores[:, kept]).item(),
            cross_modal_supervised_contrastive(scores[:, kept], rows, classes[kept]).item(),
        ]

    assert losses(order) == pytest.approx(losses(torch.arange(5 + columns)), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(2, 12))
def test_the_order_of_the_items_does_not_matter(seed: int, size: int) -> None:
    audio, text, places = draw(seed, size)
    order = torch.as_tensor(np.random.default_rng(seed).permutation(size))
    labels = (places[:, 0] * 4).long()

    def losses(a: Tensor, t: Tensor, p: Tensor, c: Tensor) -> list[float]:
        scores = similarities(a, t, temperature=0.1)
        return [
            cross_modal_rank_n_contrast(scores, label_distances(p)).item(),
            rank_n_contrast(a, p).item(),
            clip_loss(scores).item(),
            cross_modal_supervised_contrastive(scores, c).item(),
        ]

    moved = losses(audio[order], text[order], places[order], labels[order])
    assert losses(audio, text, places, labels) == pytest.approx(moved, abs=1e-9)


def test_no_label_makes_every_candidate_a_rival() -> None:
    audio, text, _ = draw(4, 6)
    scores = similarities(audio, text, temperature=0.5)
    terms = rank_n_contrast_terms(scores, torch.zeros(6, 6))
    assert torch.allclose(terms, scores.logsumexp(1, keepdim=True) - scores, atol=1e-12)


def test_an_order_that_is_right_costs_less() -> None:
    places = torch.linspace(0, 1, 6, dtype=torch.float64)
    distances = label_distances(places)
    right, wrong = -10.0 * distances.double(), 10.0 * distances.double()
    assert cross_modal_rank_n_contrast(right, distances) < cross_modal_rank_n_contrast(right * 0, distances)
    assert cross_modal_rank_n_contrast(right * 0, distances) < cross_modal_rank_n_contrast(wrong, distances)


@pytest.mark.parametrize(("places", "tied"), [([0.0, 0.1, 0.4, 1.1, 2.0], 0.0), ([0.0, 0.1, 0.2, 0.3], 4 / 16)])
def test_a_sharp_order_leaves_nothing_but_ties(places: list[float], tied: float) -> None:
    distances = label_distances(torch.tensor(places, dtype=torch.float64))
    found = cross_modal_rank_n_contrast(-1e3 * distances.double(), distances)
    assert found.item() == pytest.approx(tied * np.log(2), abs=1e-6)


@pytest.mark.parametrize("similarity", ["cosine", "l2"])
def test_gradients_are_those_of_finite_differences(similarity: Any) -> None:
    audio, text, places = draw(5, 5)
    audio.requires_grad_(True)
    text.requires_grad_(True)
    distances, labels = label_distances(places), (places[:, 0] * 4).long()

    def between(a: Tensor, t: Tensor) -> Tensor:
        rows = len(a)
        scores = similarities(a, t, temperature=0.3, similarity=similarity)
        others = clip_loss(scores) + cross_modal_supervised_contrastive(scores, labels[:rows], labels)
        return cross_modal_rank_n_contrast(scores, distances[:rows]) + others

    assert torch.autograd.gradcheck(between, (audio, text))
    assert torch.autograd.gradcheck(between, (audio[:3].detach().requires_grad_(), text))
    assert torch.autograd.gradcheck(lambda a: rank_n_contrast(a, places, similarity=similarity), (audio,))


def test_large_similarities_and_equal_embeddings_stay_finite() -> None:
    _, _, places = draw(6, 8)
    scores = torch.linspace(-1e4, 1e4, 64).view(8, 8).requires_grad_()
    cross_modal_rank_n_contrast(scores, label_distances(places)).backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert bool(torch.isfinite(scores.grad).all())
    same = torch.ones(4, 3, requires_grad=True)
    rank_n_contrast(same, torch.arange(4.0)).backward()  # type: ignore[no-untyped-call]
    similarities(same, same, similarity="l2").sum().backward()  # type: ignore[no-untyped-call]
    assert same.grad is not None
    assert bool(torch.isfinite(same.grad).all())


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: similarities(AUDIO, TEXT[:, :1]), ShapeError, r"\(3, 2\) and \(3, 1\); \(N, D\) and \(M, D\)"),
        (lambda: similarities(AUDIO, TEXT, similarity="dot"), ConfigError, "similarity is 'dot'"),  # type: ignore
        (lambda: label_distances(PLACES, norm="l3"), ConfigError, "norm is 'l3'"),  # type: ignore
        (lambda: rank_n_contrast_terms(AUDIO, PLACES[:2]), ShapeError, r"\(3, 2\) and \(2, 2\)"),
        (lambda: rank_n_contrast(AUDIO[:1], PLACES[:1]), ShapeError, "1 and 1 items"),
        (lambda: cross_modal_rank_n_contrast(AUDIO.T, PLACES[:2]), ShapeError, r"\(2, 3\) and \(2, 2\)"),
        (lambda: clip_loss(AUDIO), ShapeError, r"\(3, 2\); \(N, M\) with M >= N"),
        (
            lambda: cross_modal_supervised_contrastive(AUDIO, torch.arange(3)),
            ShapeError,
            r"\(3, 2\), \(3,\) and \(3,\)",
        ),
        (
            lambda: cross_modal_supervised_contrastive(AUDIO, torch.arange(3), torch.tensor([3, 4])),
            ConfigError,
            "no class of 3 rows is that of one of 2 columns",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
