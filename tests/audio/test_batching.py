"""Padding keeps every sample, masks say where they are."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affekt.audio import length_mask, pad_batch
from affekt.errors import ShapeError


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_clips_come_back_and_the_rest_is_zero(sizes):
    rng = np.random.default_rng(0)
    clips = [rng.standard_normal(size) for size in sizes]
    waveforms, lengths = pad_batch(clips)
    assert waveforms.shape == (len(sizes), max(sizes))
    assert waveforms.dtype == torch.float32
    assert lengths.dtype == torch.int64
    assert lengths.tolist() == sizes
    for clip, row in zip(clips, waveforms.numpy(), strict=True):
        np.testing.assert_array_equal(row[: len(clip)], clip.astype(np.float32))
        assert not row[len(clip) :].any()
    mask = length_mask(lengths, max(sizes))
    assert mask.tolist() == [[t < size for t in range(max(sizes))] for size in sizes]


def test_tensors_and_arrays_give_the_same_and_inputs_are_not_shared():
    clip = np.ones(3, dtype=np.float32)
    waveforms, _ = pad_batch([clip])
    same, _ = pad_batch([torch.ones(3)])
    assert torch.equal(waveforms, same)
    waveforms[0, 0] = 5.0
    assert clip[0] == 1.0


def test_read_only_arrays_are_fine():
    clip = np.ones(3, dtype=np.float32)
    clip.flags.writeable = False
    assert pad_batch([clip])[0].tolist() == [[1.0, 1.0, 1.0]]


def test_tensors_keep_their_gradient():
    clip = torch.ones(3, requires_grad=True)
    pad_batch([clip, torch.ones(5)])[0].sum().backward()
    assert clip.grad is not None
    assert clip.grad.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([], r"at least one clip \(got 0\)"),
        ([np.zeros((1, 5))], r"clip 0 must be \(T,\) with T >= 1 \(got \(1, 5\)\)"),
        ([np.zeros(3), np.zeros(0)], r"clip 1 must be \(T,\) with T >= 1 \(got \(0,\)\)"),
    ],
)
def test_bad_clips(clips, message):
    with pytest.raises(ShapeError, match=message):
        pad_batch(clips)


@pytest.mark.parametrize("lengths", [torch.tensor([1.0]), torch.tensor([[1]]), torch.tensor([True])])
def test_bad_lengths(lengths):
    with pytest.raises(ShapeError, match=r"lengths must be \(B,\) integers"):
        length_mask(lengths, 3)
