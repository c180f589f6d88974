"""Dawid-Skene against the table of the paper, a loop, and made-up raters."""

import numpy as np
import numpy.typing as npt
import pytest

from affekt.corpora import DawidSkene, dawid_skene
from affekt.errors import ConfigError, DataError, ShapeError

ANAESTHETISTS = (
    "1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212 "
    "1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111 "
    "1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111 "
    "2322222 1211111 2222222"
)
"""Dawid & Skene 1979, table 1: for each patient three answers of observer 1, then one of each of the other four."""


def published() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    answers = np.array([[int(digit) - 1 for digit in word] for word in ANAESTHETISTS.split()])
    items = np.repeat(np.arange(len(answers)), 7)
    raters = np.tile([0, 0, 0, 1, 2, 3, 4], len(answers))
    return items, raters, answers.ravel()


def paper(**options: float) -> DawidSkene:
    return dawid_skene(*published(), n_classes=4, smoothing=0.0, diagonal=0.0, tolerance=1e-10, **options)  # type: ignore[arg-type]


def test_the_table_of_the_paper() -> None:
    found = paper()
    assert found.converged
    # the marginals that the paper prints
    assert found.priors.round(2).tolist() == [0.40, 0.42, 0.11, 0.07]
    # what observer 1 said about patients of each class, from the posteriors of the loops below
    items, raters, choices = published()
    truth = by_loops(found.steps)
    own = np.stack([truth[items[(raters == 0) & (choices == k)]].sum(0) for k in range(4)], axis=1)
    assert found.confusions[0] == pytest.approx(own / own.sum(1, keepdims=True), abs=1e-6)


def by_loops(steps: int) -> npt.NDArray[np.float64]:
    """EM as the paper writes it, with products instead of logarithms."""
    items, raters, choices = published()
    counts = np.zeros((45, 5, 4))
    for i, r, c in zip(items, raters, choices, strict=True):
        counts[i, r, c] += 1
    truth = counts.sum(1) / counts.sum((1, 2))[:, None]
    for _ in range(steps):
        priors = truth.mean(0)
        confusion = np.einsum("ik,irl->rkl", truth, counts)
        confusion /= confusion.sum(2, keepdims=True)
        joint = priors * np.prod(confusion[None] ** counts[:, :, None, :], axis=(1, 3))
        truth = joint / joint.sum(1, keepdims=True)
    return truth


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_against_loops(steps: int) -> None:
    assert paper(max_steps=steps).posteriors == pytest.approx(by_loops(steps), abs=1e-9)


def test_the_likelihood_never_falls() -> None:
    trace = [paper(max_steps=steps).log_likelihood for steps in range(1, 15)]
    assert (np.diff(trace) >= -1e-9).all()


def made_up(seed: int = 0) -> tuple[npt.NDArray[np.int64], DawidSkene, npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Six raters, of whom three are poor, on 600 items; everyone rates four items in six."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, 600, p=[0.5, 0.3, 0.2])
    skill = np.array([0.92, 0.9, 0.88, 0.45, 0.4, 0.4])
    confusions = skill[:, None, None] * np.eye(3) + ((1 - skill) / 3)[:, None, None]
    items, raters = np.nonzero(rng.random((600, 6)) < 2 / 3)
    cumulative = confusions[raters, truth[items]].cumsum(1)
    choices = (rng.random(items.size)[:, None] > cumulative).sum(1)
    found = dawid_skene(items, raters, choices, n_classes=3, n_items=600)
    votes = np.zeros((600, 3))
    np.add.at(votes, (items, choices), 1)
    return truth, found, votes.argmax(1), confusions


def test_better_than_the_plurality_where_raters_differ() -> None:
    truth, found, plurality, confusions = made_up()
    best = np.nan_to_num(found.posteriors).argmax(1)
    assert (best == truth).mean() > (plurality == truth).mean() + 0.015
    assert np.abs(found.confusions - confusions).max() < 0.15
    assert found.confusions.sum(2) == pytest.approx(np.ones((6, 3)))


def test_the_same_twice() -> None:
    assert np.array_equal(made_up()[1].posteriors, made_up()[1].posteriors, equal_nan=True)


def test_nobody_rated() -> None:
    found = dawid_skene([0, 0, 2], [0, 1, 0], [1, 1, 0], n_classes=2, n_items=3)
    assert np.isnan(found.posteriors[1]).all()
    assert found.posteriors[[0, 2]].sum(1) == pytest.approx([1, 1])


def test_bad_input() -> None:
    with pytest.raises(ConfigError, match="pseudo-counts >= 0"):
        dawid_skene([0], [0], [0], n_classes=1, smoothing=-1)
    with pytest.raises(ShapeError, match="one of each a rating"):
        dawid_skene([0, 1], [0], [0], n_classes=1)
    with pytest.raises(DataError, match="there is no rating"):
        dawid_skene([], [], [], n_classes=2)
    with pytest.raises(DataError, match="choices run from 0 to 2; 0 to 1 was expected"):
        dawid_skene([0, 0], [0, 1], [0, 2], n_classes=2)
