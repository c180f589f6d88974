"""Whisper's log mel spectrogram against the feature extractor of transformers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.audio import pad_batch
from affekt.encoders.whisper_mel import WhisperMel, slaney_bands


@pytest.mark.parametrize("n_mels", [80, 128])
def test_bands_are_those_of_transformers(n_mels: int) -> None:
    from transformers.audio_utils import mel_filter_bank

    expected = mel_filter_bank(201, n_mels, 0.0, 8000.0, 16000, norm="slaney", mel_scale="slaney")
    np.testing.assert_allclose(slaney_bands(n_mels), expected, atol=1e-7)


@pytest.mark.parametrize(("length", "gain"), [(16000, 0.1), (16161, 1e-4), (401, 0.5), (16000 * 5 + 77, 0.9)])
def test_frames_are_those_of_transformers(length: int, gain: float) -> None:
    from transformers import WhisperFeatureExtractor

    clip = gain * np.random.default_rng(length).standard_normal(length).astype(np.float32)
    extract = WhisperFeatureExtractor(feature_size=80)
    expected = extract(clip, sampling_rate=16000, padding="do_not_pad", return_tensors="np").input_features[0].T
    found, counts = WhisperMel(80)(*pad_batch([clip]))
    assert found.shape[1] == int(counts[0]) == len(expected) == length // 160
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(400, 4000), min_size=1, max_size=4), st.integers(0, 500))
def test_padding_changes_nothing(sizes: list[int], extra: int) -> None:
    mel = WhisperMel(20)
    clips = [torch.randn(size, generator=torch.Generator().manual_seed(size)) for size in sizes]
    waveforms, lengths = pad_batch(clips)
    found, counts = mel(torch.nn.functional.pad(waveforms, (0, extra)), lengths)
    for row, clip in enumerate(clips):
        alone, _ = mel(*pad_batch([clip]))
        torch.testing.assert_close(found[row, : counts[row]], alone[0], atol=1e-6, rtol=0)
        assert bool((found[row, counts[row] :] == 0).all())
