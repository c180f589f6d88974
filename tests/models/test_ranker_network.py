"""The network that scores: its reading as levels, its sources, and how it is saved."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from affekt.errors import ConfigError
from affekt.models import EmotionModel, EncoderNetwork, LogmelCnn, ModelConfig, RankerNetwork, RankerOptions

LEVELS = ("low", "mid", "high")


def built(**options: object) -> EmotionModel:
    torch.manual_seed(0)
    return EmotionModel(ModelConfig(family="ranker", classes=LEVELS, options=options)).eval()


def test_a_higher_score_is_read_as_a_higher_level() -> None:
    network = RankerNetwork(3, RankerOptions()).double()
    with torch.no_grad():
        network.slope.fill_(0.7)
        network.bias.copy_(torch.tensor([0.3, 0.0, -0.2], dtype=torch.float64))
    scores = torch.linspace(-6, 6, 121, dtype=torch.float64)
    logits = network.read(scores)
    slope = math.exp(network.slope.item())
    by_hand = torch.stack([0.3 - slope * scores, 0 * scores, slope * scores - 0.2], dim=1)
    torch.testing.assert_close(logits, by_hand)
    levels = logits.argmax(1)
    assert (levels.diff() >= 0).all()
    assert levels[0] == 0
    assert levels[-1] == 2
    expected = logits.softmax(1) @ network.levels
    assert (expected.diff() > 0).all()


def test_the_logits_are_the_reading_of_the_score_and_move_the_source() -> None:
    model = built()
    network = model.network
    assert isinstance(network, RankerNetwork)
    waveforms, lengths = torch.randn(2, 16000), torch.tensor([16000, 9000])
    features, counts = model.front_end(waveforms, lengths)
    scores = network.score(features, counts)
    assert scores.shape == (2,)
    torch.testing.assert_close(model(waveforms, lengths), network.read(scores))
    torch.testing.assert_close(network(waveforms, lengths), network.read(scores))
    alone = network.score(*model.front_end(waveforms[1:, :9000], lengths[1:]))
    torch.testing.assert_close(scores[1:], alone, atol=1e-4, rtol=1e-4)
    (gradient,) = torch.autograd.grad(model(waveforms, lengths)[:, 2].sum(), network.source.head[1].weight)
    assert gradient.abs().sum() > 0


def test_sources(encoder_folder: Callable[[str], Path], tmp_path: Path) -> None:
    default = RankerNetwork(3, RankerOptions(settings={"width": 16, "channels": [2, 3, 4]}))
    assert isinstance(default.source, LogmelCnn)
    assert default.source.options.channels == (2, 3, 4)
    assert RankerNetwork(3, RankerOptions(source="emo18")).options.family == "emo18"
    folder = str(encoder_folder("whisper"))
    model = built(encoder=folder, settings={"layer": 2, "hidden": 8})
    assert isinstance(model.pretrained, EncoderNetwork)
    assert model.has_frozen_encoder
    assert model.config.options["source_sha256"]
    clip, length = torch.randn(1, 16000), torch.tensor([16000])
    again = EmotionModel.from_pretrained(model.save_pretrained(tmp_path / "model"))
    torch.testing.assert_close(again(clip, length), model(clip, length))
    fresh = model.fresh(3)
    torch.testing.assert_close(fresh.front_end(clip, length), model.front_end(clip, length))
    assert not torch.equal(fresh(clip, length), model(clip, length))


def test_what_is_refused() -> None:
    with pytest.raises(ConfigError, match="source is 'ridge'; one of emo18, encoder"):
        RankerOptions(source="ridge")
    with pytest.raises(ConfigError, match="an encoder is named and source is 'emo18'"):
        RankerOptions(source="emo18", encoder="somewhere")
    with pytest.raises(ConfigError, match=r"unknown option 'layer' of logmel-cnn; one of .* in settings"):
        RankerOptions(settings={"layer": 2})
    with pytest.raises(ConfigError, match="unknown option 'download' of encoder"):
        RankerOptions(encoder="somewhere", settings={"download": True})
