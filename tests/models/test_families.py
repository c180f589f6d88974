"""What the families have in common, and the end-to-end networks against a slow oracle."""

import copy
import doctest
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import affekt.models
from affekt.audio.batching import pad_batch
from affekt.errors import ShapeError
from affekt.models import FAMILIES, EmotionModel, ModelConfig, find_family, masked_mean
from affekt.models.pooling import AttentiveStatisticsPooling
from affekt.training import build_model

CLASSES = ("anger", "joy", "sadness")
HEARING = [name for name in FAMILIES if getattr(find_family(name).network, "reads", "sound") == "sound"]
Models = Mapping[str, EmotionModel]


@pytest.fixture(scope="module")
def models(small_model: Callable[..., EmotionModel]) -> Models:
    """A small model of each family that hears."""
    return {family: small_model(family) for family in HEARING}


def noise(length: int, *, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(length, generator=torch.Generator().manual_seed(seed))


def test_contents_are_there_once() -> None:
    assert len(set(affekt.models.__all__)) == len(affekt.models.__all__)
    assert all(hasattr(affekt.models, name) for name in affekt.models.__all__)


def test_every_family_has_small_options(small_options: dict[str, dict[str, Any]]) -> None:
    assert list(small_options) == list(FAMILIES)


def test_the_example_gives_what_it_says() -> None:
    module = __import__("affekt.models.emotion_model", fromlist=["x"])
    assert doctest.testmod(module, extraglobs={"torch": torch}).failed == 0


@pytest.mark.parametrize("family", HEARING)
def test_one_logit_a_class(models: Models, family: str) -> None:
    waveforms, lengths = pad_batch([noise(9000), noise(4000, seed=1)])
    logits = models[family](waveforms, lengths)
    assert logits.shape == (2, 3)
    assert torch.isfinite(logits).all()
    assert not torch.allclose(logits[0], logits[1])
    assert models[family].classes == CLASSES


@pytest.mark.parametrize("family", HEARING)
@settings(max_examples=12, deadline=None)
@given(lengths=st.lists(st.integers(1600, 8000), min_size=2, max_size=4), extra=st.integers(0, 3000))
def test_a_clip_scores_the_same_in_any_batch(models: Models, family: str, lengths: list[int], extra: int) -> None:
    clips = [noise(length, seed=number) for number, length in enumerate(lengths)]
    waveforms, sizes = pad_batch(clips)
    waveforms = torch.nn.functional.pad(waveforms, (0, extra))
    with torch.no_grad():
        together = models[family](waveforms, sizes)
        alone = torch.cat([models[family](clip[None], torch.tensor([len(clip)])) for clip in clips])
    assert float((together - alone).abs().max()) <= 1e-5


@pytest.mark.parametrize("family", HEARING)
def test_what_lies_behind_the_end_is_not_heard(models: Models, family: str) -> None:
    waveforms, lengths = pad_batch([noise(6000), noise(3000, seed=1)])
    rubbish = waveforms.clone()
    rubbish[1, 3000 + 400 :] = 5.0
    if family == "logmel-cnn":  # frames end before the clip does, so even the next sample is not heard
        rubbish[1, 3000:] = 5.0
    with torch.no_grad():
        assert torch.allclose(models[family](waveforms, lengths), models[family](rubbish, lengths), atol=1e-5)


@pytest.mark.parametrize("family", HEARING)
def test_the_gradient_reaches_the_waveform_and_stays_in_the_clip(models: Models, family: str) -> None:
    waveforms, lengths = pad_batch([noise(6000), noise(3000, seed=1)])
    waveforms.requires_grad_(True)
    models[family](waveforms, lengths)[:, 0].sum().backward()
    gradient = waveforms.grad
    assert gradient is not None
    assert torch.isfinite(gradient).all()
    assert (gradient[0].abs() > 0).double().mean() > 0.5
    assert (gradient[1, :3000].abs() > 0).double().mean() > 0.5
    assert (gradient[1, 3000:] == 0).all()


@pytest.mark.parametrize("family", HEARING)
def test_the_gradient_is_the_slope(models: Models, family: str) -> None:
    model = copy.deepcopy(models[family]).double()
    clip = noise(2000).double()
    length = torch.tensor([2000])
    direction = noise(2000, seed=5).double()
    clip.requires_grad_(True)
    model(clip[None], length)[0, 1].backward()
    assert clip.grad is not None
    slope = float(clip.grad @ direction)
    with torch.no_grad():
        h = 1e-6
        ahead, behind = (float(model((clip + s * h * direction)[None], length)[0, 1]) for s in (1, -1))
    assert slope == pytest.approx((ahead - behind) / (2 * h), rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("family", HEARING)
@pytest.mark.parametrize("length", [1, 30, 200])
def test_a_clip_that_is_too_short_is_named(models: Models, family: str, length: int) -> None:
    model = models[family]
    with pytest.raises(ShapeError, match="samples"):
        model(noise(length)[None], torch.tensor([length]))
    waveforms, lengths = pad_batch([noise(6000), noise(length)])
    with pytest.raises(ShapeError, match="samples"):
        model(waveforms, lengths)


@pytest.mark.parametrize("family", HEARING)
def test_a_tenth_of_a_second_is_enough(models: Models, family: str) -> None:
    assert torch.isfinite(models[family](noise(1600)[None], torch.tensor([1600]))).all()


@pytest.mark.parametrize("family", HEARING)
def test_silence_gives_finite_scores(models: Models, family: str) -> None:
    assert torch.isfinite(models[family](torch.zeros(1, 4000), torch.tensor([4000]))).all()


@pytest.mark.parametrize("family", sorted(set(HEARING) - {"encoder"}))  # Whisper was trained to know levels
@pytest.mark.parametrize("gain_db", [-20.0, -6.0, 12.0])
def test_gain_changes_nothing(models: Models, family: str, gain_db: float) -> None:
    clip, length = noise(6000)[None], torch.tensor([6000])
    with torch.no_grad():
        plain = models[family](clip, length)
        scaled = models[family](clip * 10 ** (gain_db / 20), length)
    assert torch.allclose(plain, scaled, atol=1e-4)


def test_end_to_end_networks_ignore_an_offset(models: Models) -> None:
    clip, length = noise(6000)[None], torch.tensor([6000])
    with torch.no_grad():
        for family in ("emo18", "zhao19"):
            assert torch.allclose(models[family](clip, length), models[family](clip + 0.2, length), atol=1e-4)


@pytest.mark.parametrize("family", HEARING)
def test_front_end_has_no_parameters_and_composes(
    models: Models, small_options: dict[str, dict[str, Any]], family: str
) -> None:
    model = models[family]
    waveforms, lengths = pad_batch([noise(6000), noise(3000, seed=1)])
    with torch.no_grad():
        features, counts = model.front_end(waveforms, lengths)
        other = build_model(family, CLASSES, seed=99, options=small_options[family])
        theirs, _ = other.front_end(waveforms, lengths)
        assert torch.equal(model.classify(features, counts), model(waveforms, lengths))
    assert torch.equal(features, theirs)
    for row, count in enumerate(counts.tolist()):
        assert (features[row, count:] == 0).all()


@pytest.mark.parametrize("family", HEARING)
def test_fresh_weights_come_from_the_seed_alone(small_options: dict[str, dict[str, Any]], family: str) -> None:
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    first = build_model(family, CLASSES, seed=1, options=small_options[family])
    assert torch.equal(torch.rand(1), before)  # the global state was left alone
    again, other = (build_model(family, CLASSES, seed=seed, options=small_options[family]) for seed in (1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_parameter_names_do_not_change(models: Models) -> None:
    """Saved models are read by these names."""
    raw = [
        *(f"network.convolutions.{i}.{w}" for i in range(3) for w in ("weight", "bias")),
        *(f"network.normalisations.{i}.{w}" for i in range(3) for w in ("weight", "bias")),
        *(
            f"network.normalisations.{i}.{w}"
            for i in range(3)
            for w in ("running_mean", "running_var", "num_batches_tracked")
        ),
        *(f"network.lstm.{w}_l{i}" for i in range(2) for w in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
        "network.head.weight",
        "network.head.bias",
    ]
    logmel = [
        f"network.{part}.{w}"
        for part in (*(f"convolutions.{i}" for i in range(3)), "temporal", "norm", "pooling.score", "head.1")
        for w in ("weight", "bias")
    ]
    assert sorted(models["emo18"].state_dict()) == sorted(raw)
    assert sorted(models["zhao19"].state_dict()) == sorted(
        [*raw, *(n.replace("s.0.", "s.3.") for n in raw if "s.0." in n)]
    )
    assert sorted(models["logmel-cnn"].state_dict()) == sorted(logmel)


def test_full_sizes() -> None:
    counts = {
        family: sum(p.numel() for p in EmotionModel(ModelConfig(family=family, classes=CLASSES)).parameters())
        for family in HEARING
        if family != "encoder"  # as large as what it is given
    }
    # by hand: convolutions + batch norm + LSTM of two layers of 256 + head
    lstm = {width: 4 * 256 * (width + 256 + 2) + 4 * 256 * (256 + 256 + 2) for width in (256, 128)}
    head = 256 * 3 + 3
    emo18 = (64 * 8 + 64) + (128 * 64 * 6 + 128) + (256 * 128 * 6 + 256) + 2 * (64 + 128 + 256)
    zhao19 = (64 * 3 + 64) + (64 * 64 * 3 + 64) + (128 * 64 * 3 + 128) + (128 * 128 * 3 + 128) + 2 * (64 * 2 + 128 * 2)
    assert counts["emo18"] == emo18 + lstm[256] + head
    assert counts["zhao19"] == zhao19 + lstm[128] + head
    assert 100_000 < counts["logmel-cnn"] < 300_000


def slow_raw_network(weights: dict[str, np.ndarray], clip: np.ndarray, *, pools: list[int], slope: float | None) -> Any:
    """Emo18 (slope of the leaky unit) or Zhao19 (None: ELU) for one clip, in loops over time and numpy only."""
    x = (clip - clip.mean()) / np.sqrt(clip.var() + 1e-12)
    x = x[None]  # (1, T)
    for stage, pool in enumerate(pools):
        kernel = weights[f"convolutions.{stage}.weight"]  # (C, C', k)
        side = (kernel.shape[2] - 1) // 2
        padded = np.pad(x, ((0, 0), (side, side)))
        steps = padded.shape[1] - kernel.shape[2] + 1
        y = np.stack([np.tensordot(kernel, padded[:, t : t + kernel.shape[2]], 2) for t in range(steps)], 1)
        y = y + weights[f"convolutions.{stage}.bias"][:, None]
        part = {
            name: weights[f"normalisations.{stage}.{name}"][:, None]
            for name in ("running_mean", "running_var", "weight", "bias")
        }
        y = (y - part["running_mean"]) / np.sqrt(part["running_var"] + 1e-5) * part["weight"] + part["bias"]
        y = np.where(y > 0, y, np.expm1(y) if slope is None else slope * y)
        x = np.stack([y[:, t * pool : (t + 1) * pool].max(1) for t in range(steps // pool)], 1)
    sequence = x.T  # (F, C)
    for layer in range(2):
        w, r = weights[f"lstm.weight_ih_l{layer}"], weights[f"lstm.weight_hh_l{layer}"]
        bias = weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
        h = c = np.zeros(r.shape[1])
        out = []
        for step in sequence:
            i, f, g, o = np.split(w @ step + r @ h + bias, 4)
            i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
            c = f * c + i * np.tanh(g)
            h = o * np.tanh(c)
            out.append(h)
        sequence = np.array(out)
    return (sequence @ weights["head.weight"].T + weights["head.bias"]).mean(0)


@pytest.mark.parametrize(("family", "pools", "slope"), [("emo18", [10, 8, 8], 0.01), ("zhao19", [4, 4, 4, 4], None)])
@pytest.mark.parametrize("length", [1600, 2777])
def test_end_to_end_networks_against_a_slow_oracle(
    models: Models, family: str, pools: list[int], slope: float | None, length: int
) -> None:
    model = models[family]
    weights = {name.removeprefix("network."): tensor.double().numpy() for name, tensor in model.state_dict().items()}
    clip = noise(length)
    wanted = slow_raw_network(weights, clip.double().numpy(), pools=pools, slope=slope)
    waveforms, lengths = pad_batch([clip, noise(4000, seed=1)])
    with torch.no_grad():
        assert model(waveforms, lengths)[0].numpy() == pytest.approx(wanted, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4), seed=st.integers(0, 1000))
def test_pooling_against_loops(lengths: list[int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    frames = torch.randn(len(lengths), max(lengths) + 2, 3, generator=generator)
    sizes = torch.tensor(lengths)
    pooling = AttentiveStatisticsPooling(3)
    with torch.no_grad():
        found, means = pooling(frames, sizes).numpy(), masked_mean(frames * 1.0, sizes).numpy()
    vector, bias = pooling.score.weight[0].detach().double().numpy(), pooling.score.bias.item()
    for row, length in enumerate(lengths):
        x = frames[row, :length].double().numpy()
        score = np.exp(x @ vector + bias)
        share = score / score.sum()
        mean = share @ x
        deviation = np.sqrt(np.maximum(share @ (x - mean) ** 2, 1e-6))
        assert found[row] == pytest.approx(np.concatenate([mean, deviation]), abs=1e-4)
        assert means[row] == pytest.approx(x.mean(0), abs=1e-5)


def test_training_mode_augments_and_evaluation_mode_does_not(models: Models) -> None:
    model = copy.deepcopy(models["logmel-cnn"]).train()
    waveforms, lengths = pad_batch([noise(6000), noise(3000, seed=1)])
    features, counts = model.front_end(waveforms, lengths)
    torch.manual_seed(0)
    runs = [model.network.augment(features, counts) for _ in range(20)]  # type: ignore[operator]
    assert len({tuple(x.shape) for x, _ in runs}) > 1  # tempo
    for x, sizes in runs:
        assert sizes.max() <= x.shape[1]
        assert sizes.min() >= 1
    assert len({float(x.sum()) for x, _ in runs}) == len(runs)
    model.eval()
    with torch.no_grad():
        assert torch.equal(model(waveforms, lengths), model(waveforms, lengths))
