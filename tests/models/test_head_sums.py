"""Sums of a closed-form head: against plain arithmetic, additive, and never below nothing."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import CheckpointError
from affekt.models import HeadSums


def data(count: int, *, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 4, generator=generator), torch.arange(count) % 3


@pytest.mark.parametrize("by_class", [False, True])
def test_against_loops(by_class: bool) -> None:
    vectors, labels = data(8)
    found = HeadSums.of(vectors, labels, n_classes=4, by_class=by_class)
    assert found.counts.tolist() == [3, 3, 2, 0]
    assert found.count == 8
    assert found.moments.dtype == found.vectors.dtype == torch.float64
    for k in range(4):
        own = [x.double() for x, label in zip(vectors, labels.tolist(), strict=True) if label == k]
        total = sum(own) if own else torch.zeros(4, dtype=torch.float64)
        assert torch.allclose(found.vectors[k], total)  # type: ignore[arg-type]
    products = sum(torch.outer(x, x) for x in vectors.double())
    assert torch.allclose(found.moments.sum(0), products)  # type: ignore[arg-type]
    assert found.moments.shape == ((4 if by_class else 1), 4, 4)


@given(seed=st.integers(0, 1000), gone=st.sets(st.integers(0, 19), min_size=1, max_size=19), by_class=st.booleans())
def test_what_is_left_is_the_sum_of_the_rest(seed: int, gone: set[int], by_class: bool) -> None:
    vectors, labels = data(20, seed=seed)
    out = torch.tensor(sorted(gone))
    kept = torch.tensor([row for row in range(20) if row not in gone])
    whole, share, rest = (
        HeadSums.of(vectors[rows], labels[rows], n_classes=3, by_class=by_class)
        for rows in (torch.arange(20), out, kept)
    )
    left = whole.without(share)
    assert torch.equal(left.counts, rest.counts)
    assert torch.allclose(left.vectors, rest.vectors, rtol=0, atol=1e-12)
    assert torch.allclose(left.moments, rest.moments, rtol=0, atol=1e-12)
    assert not left.vectors[left.counts == 0].any()


def test_no_more_can_be_taken_out_than_there_is() -> None:
    vectors, labels = data(6)
    whole = HeadSums.of(vectors, labels, n_classes=3, by_class=True)
    with pytest.raises(CheckpointError, match=r"\[2, 2, 2\] recordings of the classes cannot be taken out"):
        whole.without(whole)
    with pytest.raises(CheckpointError, match="with the labels they were trained with"):
        whole.without(HeadSums.of(vectors[:3], torch.zeros(3, dtype=torch.int64), n_classes=3, by_class=True))


def test_they_come_back_from_tensors() -> None:
    sums = HeadSums.of(*data(6), n_classes=3, by_class=True)
    again = HeadSums.from_tensors(sums.tensors())
    assert all(torch.equal(again.tensors()[name], tensor) for name, tensor in sums.tensors().items())
