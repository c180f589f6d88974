"""Frames are where they should be, share storage, and pass gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affekt.audio import frame
from affekt.errors import ConfigError, ShapeError


@given(samples=st.integers(1, 60), window=st.integers(1, 60), hop=st.integers(1, 20))
def test_equals_slices(samples, window, hop):
    signal = np.arange(2.0 * samples).reshape(2, samples)
    expected = [signal[:, s : s + window] for s in range(0, samples, hop) if s + window <= samples]
    if not expected:
        with pytest.raises(ShapeError, match=f"T >= {window}"):
            frame(torch.from_numpy(signal), window=window, hop=hop)
    else:
        np.testing.assert_array_equal(
            frame(torch.from_numpy(signal), window=window, hop=hop).numpy(), np.stack(expected, axis=1)
        )


def test_gradient_counts_how_often_a_sample_is_used():
    signal = torch.zeros(6, requires_grad=True)
    frame(signal, window=4, hop=1).sum().backward()
    assert signal.grad is not None
    assert signal.grad.tolist() == [1, 2, 3, 3, 2, 1]


@pytest.mark.parametrize(("window", "hop"), [(0, 1), (1, 0), (-1, 1)])
def test_bad_settings(window, hop):
    with pytest.raises(ConfigError, match="window and hop must be >= 1"):
        frame(torch.zeros(10), window=window, hop=hop)


def test_a_number_is_not_a_signal():
    with pytest.raises(ShapeError, match="T >= 4"):
        frame(torch.tensor(1.0), window=4, hop=1)
