"""LogMel against a slow NumPy reference, against Kaldi, and what it promises about batches and gradients."""

import copy
import importlib.util
from pathlib import Path

import kaldi_native_fbank
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.audio import LogMel, pad_batch
from affekt.errors import ConfigError, ShapeError

SETTINGS = [
    {},
    {"window": "hann"},
    {"remove_mean": False},
    {"preemphasis": 0.0},
    {"preemphasis": 1.0, "n_mels": 23},
    {"remove_mean": False, "preemphasis": 0.0, "floor": 1e-3},
    {"sample_rate": 8000, "n_mels": 30, "low_hz": 100.0, "high_hz": 3700.0, "window_ms": 32.0, "hop_ms": 16.0},
    {"sample_rate": 22050, "n_mels": 40, "window_ms": 20.0, "hop_ms": 12.5},
]


def slow_log_mel(
    clip,
    *,
    sample_rate=16000,
    n_mels=64,
    window_ms=25.0,
    hop_ms=10.0,
    low_hz=50.0,
    high_hz=None,
    floor=1e-10,
    window="povey",
    remove_mean=True,
    preemphasis=0.97,
):
    """The definition, frame by frame in float64, with an explicit Fourier sum; shape (F, D)."""
    size, hop = int(sample_rate * window_ms / 1000), int(sample_rate * hop_ms / 1000)
    points = 1
    while points < size:
        points *= 2

    def mel(hz):
        return 1127.0 * np.log(1.0 + hz / 700.0)

    low, high = mel(low_hz), mel(high_hz or sample_rate / 2)
    step = (high - low) / (n_mels + 1)
    turn = np.exp(-2j * np.pi * np.outer(np.arange(points // 2), np.arange(size)) / points)
    rows, start = [], 0
    while start + size <= len(clip):
        part = np.array(clip[start : start + size], dtype=np.float64)
        if remove_mean:
            part = part - part.sum() / size
        emphasised = part.copy()
        for t in range(size):
            emphasised[t] = part[t] - preemphasis * part[max(t - 1, 0)]
        for t in range(size):
            hann = 0.5 - 0.5 * np.cos(2 * np.pi * t / (size - 1))
            emphasised[t] *= max(hann, 0.0) ** (0.85 if window == "povey" else 1.0)
        power = np.abs(turn @ emphasised) ** 2
        row = []
        for band in range(n_mels):
            left, centre, right = (low + step * (band + k) for k in range(3))
            total = 0.0
            for k in range(points // 2):
                m = mel(k * sample_rate / points)
                if left < m <= centre:
                    total += power[k] * (m - left) / (centre - left)
                elif centre < m < right:
                    total += power[k] * (right - m) / (right - centre)
            row.append(np.log(max(total, floor)))
        rows.append(row)
        start += hop
    return np.array(rows)


def signal(samples, *, seed=0, rate=16000):
    """A voiced-like mixture with an offset: tones over noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / rate
    tones = sum(0.1 * np.sin(2 * np.pi * f * t + rng.uniform(0, 6)) for f in (140.0, 280.0, 1500.0))
    return tones + 0.05 * rng.standard_normal(samples) + 0.02


def features_of(module, clip, dtype=torch.float32):
    waveform = torch.as_tensor(clip, dtype=dtype)[None]
    with torch.no_grad():
        features, _ = module(waveform, torch.tensor([waveform.shape[1]]))
    return features[0].numpy()


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_equals_the_slow_reference_in_float64(options):
    clip = signal(3000)
    result = features_of(LogMel(**options), clip, torch.float64)
    expected = slow_log_mel(clip, **options)
    assert result.shape == expected.shape
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_equals_the_slow_reference_in_float32(options):
    clip = signal(3000).astype(np.float32)
    np.testing.assert_allclose(features_of(LogMel(**options), clip), slow_log_mel(clip, **options), rtol=0, atol=1e-4)


def test_module_in_double_precision_is_exact_and_single_again_after_half():
    clip = signal(2000)
    np.testing.assert_allclose(features_of(LogMel().double(), clip, torch.float64), slow_log_mel(clip), atol=1e-6)
    np.testing.assert_array_equal(features_of(LogMel().half().float(), clip), features_of(LogMel(), clip))
    assert features_of(LogMel().bfloat16(), clip).dtype == np.float32


@pytest.mark.parametrize("scale", [1.0, 8000.0])
@pytest.mark.parametrize("n_mels", [23, 64])
@pytest.mark.parametrize("window", ["povey", "hann"])
def test_equals_kaldi(scale, n_mels, window):
    """To 1e-3 in the logarithm: Kaldi transforms in float32 with another algorithm (measured: under 3e-4)."""
    clip = (scale * signal(20000)).astype(np.float32)
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.window_type = {"povey": "povey", "hann": "hanning"}[window]
    options.mel_opts.num_bins = n_mels
    options.mel_opts.low_freq = 20.0
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(16000, clip)
    bank.input_finished()
    expected = np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)])
    result = features_of(LogMel(n_mels=n_mels, low_hz=20.0, floor=1.1920929e-07, window=window), clip)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(400, 3000), min_size=1, max_size=4),
    padding=st.integers(0, 2000),
    rubbish=st.floats(-1, 1),
)
def test_a_clip_does_not_depend_on_its_neighbours_or_padding(sizes, padding, rubbish):
    module = LogMel()
    clips = [signal(size, seed=i).astype(np.float32) for i, size in enumerate(sizes)]
    waveforms, lengths = pad_batch(clips)
    waveforms = torch.nn.functional.pad(waveforms, (0, padding))
    for row, size in zip(waveforms, sizes, strict=True):
        row[size:] = rubbish
    features, frames = module(waveforms, lengths)
    assert features.shape == (len(sizes), module.frame_count(waveforms.shape[1]), 64)
    for clip, row, count in zip(clips, features, frames.tolist(), strict=True):
        assert count == module.frame_count(len(clip))
        np.testing.assert_allclose(row[:count].numpy(), features_of(module, clip), rtol=0, atol=1e-5)
        assert not row[count:].any()


@given(length=st.integers(0, 5000))
def test_frame_count_counts_whole_windows(length):
    starts = [s for s in range(0, length, 160) if s + 400 <= length]
    assert LogMel().frame_count(length) == len(starts)


def test_gradient_with_respect_to_the_waveform():
    module = LogMel(sample_rate=1000, n_mels=3, window_ms=16.0, hop_ms=8.0, low_hz=20.0)
    waveforms = torch.tensor(np.stack([signal(40, seed=s, rate=1000) for s in (1, 2)]), requires_grad=True)
    lengths = torch.tensor([40, 30])
    assert torch.autograd.gradcheck(lambda x: module(x, lengths)[0], (waveforms,))


def test_silence_is_the_floor_and_its_gradient_is_finite():
    waveforms = torch.zeros(1, 1000, requires_grad=True)
    features, _ = LogMel(floor=1e-6)(waveforms, torch.tensor([1000]))
    np.testing.assert_allclose(features.detach().numpy(), np.log(1e-6), rtol=1e-6)
    features.sum().backward()
    assert waveforms.grad is not None
    assert not waveforms.grad.any()


def test_has_no_parameters_no_state_and_survives_copying():
    module = LogMel()
    assert not list(module.parameters())
    assert not module.state_dict()
    clip = signal(1000).astype(np.float32)
    np.testing.assert_array_equal(features_of(copy.deepcopy(module), clip), features_of(module, clip))


def test_autocast_does_not_round_the_features():
    module, clip = LogMel(), signal(2000).astype(np.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = features_of(module, clip)
    np.testing.assert_array_equal(rounded, features_of(module, clip))


@pytest.mark.parametrize(
    ("waveforms", "lengths", "message"),
    [
        (torch.zeros(2, 1000), torch.tensor([1000, 399]), r"at least 400 samples, one window \(got 399\)"),
        (torch.zeros(1, 320), torch.tensor([320]), r"at least 400 samples, one window \(got 320\)"),
        (torch.zeros(1, 1000), torch.tensor([1001]), r"at most T = 1000 \(got 1001\)"),
        (torch.zeros(1000), torch.tensor([1000]), r"waveforms must be \(B, T\)"),
        (torch.zeros(2, 1000), torch.tensor([1000]), r"lengths \(B,\)"),
        (torch.zeros(0, 1000), torch.zeros(0, dtype=torch.int64), r"waveforms must be \(B, T\)"),
        (torch.zeros(1, 1000), torch.tensor([1000.0]), "lengths integers"),
        (torch.zeros(1, 1000, dtype=torch.int16), torch.tensor([1000]), "waveforms must be floats"),
    ],
)
def test_bad_batches(waveforms, lengths, message):
    with pytest.raises(ShapeError, match=message):
        LogMel()(waveforms, lengths)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_rate": 0}, "sample_rate is out of range"),
        ({"n_mels": 0}, "n_mels is out of range"),
        ({"window_ms": 0.0}, "window_ms is out of range"),
        ({"hop_ms": 0.0}, "hop_ms is out of range"),
        ({"low_hz": -1.0}, "low_hz is out of range"),
        ({"low_hz": 4000.0, "high_hz": 4000.0}, "low_hz is out of range"),
        ({"high_hz": 9000.0}, r"high_hz is out of range \(got 9000.0\); expected at most half the sample rate"),
        ({"floor": 0.0}, "floor is out of range"),
        ({"floor": float("nan")}, "floor is out of range"),
        ({"window": "kaiser"}, "expected 'povey' or 'hann'"),
        ({"preemphasis": 1.1}, "preemphasis is out of range"),
        ({"n_mels": 200}, "bands hold no frequency of the 512-point transform"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(ConfigError, match=message):
        LogMel(**options)


@pytest.mark.slow
def test_is_at_most_half_as_slow_again_as_kaldi():
    path = Path(__file__).parents[2] / "benchmarks" / "audio_speed.py"
    spec = importlib.util.spec_from_file_location("audio_speed", path)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    assert benchmark.measure(repeats=9)["ratio_best"] <= 1.5
