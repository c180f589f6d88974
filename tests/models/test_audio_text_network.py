"""Two sides in one space, prompts as classes, and what of the text side a saved model needs."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affekt.encoders import HashedText
from affekt.errors import CheckpointError, ConfigError, DataError, ShapeError
from affekt.models import AudioTextNetwork, AudioTextOptions, EmotionModel
from affekt.models.curvature import collect_curvature
from affekt.training import build_model

CLASSES = ("anger", "joy", "sadness")
SMALL: dict[str, Any] = {
    "settings": {"channels": [4, 6, 8], "width": 16},
    "words": 16,
    "characters": 16,
    "hidden": 12,
    "embedding": 8,
    "dropout": 0.0,
}
PROMPTS = ["an angry voice", "a joyful voice", "a sad voice"]


def built(**options: Any) -> EmotionModel:
    return build_model("audio-text", CLASSES, seed=3, options={**SMALL, **options}).eval()


def network(model: EmotionModel) -> AudioTextNetwork:
    assert isinstance(model.network, AudioTextNetwork)
    return model.network


def clips() -> tuple[Tensor, Tensor]:
    waveforms = 0.1 * torch.randn(3, 6000, generator=torch.Generator().manual_seed(0))
    return waveforms, torch.tensor([6000, 5000, 4000])


@pytest.fixture
def lexicon(tmp_path: Path) -> Path:
    file = tmp_path / "norms.csv"
    file.write_text("word,valence,arousal,dominance\nangry,2,7,6\njoyful,8,6,6\nsad,2,3,3\n")
    return file


def test_logits_are_scaled_cosines_to_the_prompts() -> None:
    model = built()
    inside = network(model)
    inside.describe(PROMPTS)
    with torch.no_grad():
        features = model.front_end(*clips())
        audio, text = inside.embed_audio(*features).numpy(), inside.embed_text(PROMPTS).numpy()
        logits = model.classify(*features).numpy()
    assert np.linalg.norm(audio, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert np.linalg.norm(text, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert logits == pytest.approx(audio @ text.T * 10.0, abs=1e-4)  # 10 is where the scale starts
    assert logits == pytest.approx(model.classify(*features).detach().numpy(), abs=1e-5)  # as it is for gradients


def test_both_projections_are_the_two_maps_they_claim_to_be() -> None:
    inside = network(built())
    features = torch.from_numpy(HashedText(words=16, characters=16).encode(["so good", ""]))
    part = inside.text
    hidden = features @ part.first.weight.T + part.first.bias
    hidden = (hidden - hidden.mean(1, keepdim=True)) / (hidden.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    hidden = 0.5 * hidden * (1 + torch.erf(hidden / 2**0.5))
    expected = nn.functional.normalize(hidden @ part.second.weight.T + part.second.bias, dim=1)
    assert torch.allclose(inside.embed_text(["so good", ""]), expected, atol=1e-5)


def test_what_is_learned_is_both_sides_and_two_scales() -> None:
    model = built()
    network(model).describe(PROMPTS)
    model(*clips()).logsumexp(1).sum().backward()
    reached = {
        name for name, value in model.named_parameters() if value.grad is not None and value.grad.abs().sum() > 0
    }
    for part in ("audio.first.weight", "text.first.weight", "text.second.bias", "class_log_scale", "source.temporal"):
        assert any(name.startswith(f"network.{part}") for name in reached), part
    assert "network.log_scale" not in reached  # only the contrast uses it
    assert float(network(model).temperature.detach()) == pytest.approx(0.1)


def test_curvature_sees_each_recording_on_the_text_side_too() -> None:
    model = built()
    network(model).describe(PROMPTS)
    waveforms, lengths = clips()
    features, counts = model.front_end(waveforms, lengths)
    whole = collect_curvature(model, model.classify, [(features, counts)])
    apart = [
        collect_curvature(model, model.classify, [(features[i : i + 1, : counts[i]], counts[i : i + 1])])
        for i in range(3)
    ]
    assert whole.count == 3
    for name in ("network.text.first", "network.text.second", "network.audio.second"):
        total = sum(part.layers[name].outputs for part in apart)
        assert torch.allclose(whole.layers[name].outputs, total, rtol=1e-3, atol=1e-6)  # type: ignore[arg-type]
        assert whole.layers[name].outputs.abs().max() > 0
    rest = whole.without(apart[0])
    other = collect_curvature(model, model.classify, [(features[1:], counts[1:])])
    left, right = (c.layers["network.text.second"].inputs for c in (rest, other))
    assert torch.allclose(left, right, rtol=1e-3, atol=1e-5)


def test_it_is_the_same_after_saving(tmp_path: Path) -> None:
    model = built()
    network(model).describe(PROMPTS)
    model.save_pretrained(tmp_path / "model")
    again = EmotionModel.from_pretrained(tmp_path / "model")
    assert again.config == model.config
    assert bool(network(again).described)
    with torch.no_grad():
        assert torch.equal(again(*clips()), model(*clips()))
        assert torch.equal(network(again).embed_text(["hm"]), network(model).embed_text(["hm"]))


def test_a_fresh_one_draws_other_weights_and_has_no_prompts() -> None:
    model = built()
    network(model).describe(PROMPTS)
    fresh = model.fresh(8)
    assert not bool(network(fresh).described)
    assert not torch.equal(network(fresh).audio.first.weight, network(model).audio.first.weight)
    with torch.no_grad():
        assert torch.isfinite(fresh.eval()(*clips())).all()  # prompts that stand for nothing still part the classes


def test_norms_of_words_count_and_must_be_the_same_later(lexicon: Path, tmp_path: Path) -> None:
    model = built(lexicon=str(lexicon))
    inside = network(model)
    assert model.config.options["text_width"] == 16 + 16 + 13
    assert len(model.config.options["lexicon_sha256"]) == 64
    inside.describe(PROMPTS)
    assert inside.prompts[0, -13:].abs().sum() > 0
    model.save_pretrained(tmp_path / "model")
    lexicon.rename(tmp_path / "elsewhere.csv")
    again = EmotionModel.from_pretrained(tmp_path / "model")
    with torch.no_grad():
        assert torch.equal(again(*clips()), model(*clips()))  # prompts are in the model
    with pytest.raises(DataError, match="cannot be read"):
        network(again).embed_text(["sad"])
    lexicon.write_text("word,valence,arousal,dominance\nsad,9,3,3\n")
    with pytest.raises(CheckpointError, match="is not the one this model was built with"):
        network(again).embed_text(["sad"])


def test_a_pretrained_speech_encoder_is_frozen(encoder_folder: Callable[[str], Path], tmp_path: Path) -> None:
    options = {"encoder": str(encoder_folder("whisper")), "settings": {"layer": 1}}
    model = built(**options)
    inside = network(model)
    assert model.pretrained is inside.source
    assert model.has_frozen_encoder
    assert not any(value.requires_grad for value in inside.source.parameters())
    inside.describe(PROMPTS)
    model.save_pretrained(tmp_path / "model")
    again = EmotionModel.from_pretrained(tmp_path / "model")
    with torch.no_grad():
        found = model(*clips())
        assert torch.equal(again(*clips()), found)
    assert found.shape == (3, 3)
    fresh = model.fresh(1)
    assert torch.equal(model.front_end(*clips())[0], fresh.front_end(*clips())[0])


def test_a_pretrained_text_encoder_stays_where_it_is(make_text_encoder: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_text_encoder(
        tmp_path / "bert", ["a", "sad", "angry", "voice"], num_hidden_layers=1, initializer_range=0.5
    )
    model = built(text_encoder=str(folder))
    inside = network(model)
    assert model.config.options["text_width"] == 16
    inside.describe(PROMPTS)
    vectors = inside.embed_text(["a sad voice", "an angry voice"]).detach()
    assert not torch.allclose(vectors[0], vectors[1])
    assert not any("bert" in name for name in model.state_dict())
    model.save_pretrained(tmp_path / "model")
    folder.rename(tmp_path / "gone")
    again = EmotionModel.from_pretrained(tmp_path / "model")
    with torch.no_grad():
        assert torch.equal(again(*clips()), model(*clips()))
    with pytest.raises(DataError):
        network(again).embed_text(["sad"])


def test_prompts_are_one_a_class() -> None:
    with pytest.raises(ShapeError, match="2 prompts are given for 3 classes"):
        network(built()).describe(PROMPTS[:2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dropout": 1.0}, "dropout is 1.0; a value from 0.0 to 0.99"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"embedding": 1}, "embedding is 1"),
        ({"lexicon": "a.csv", "text_encoder": "b"}, "a lexicon and a text encoder are both given"),
    ],
)
def test_bad_options_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AudioTextOptions(**changes)


def test_settings_of_the_audio_side_are_checked() -> None:
    with pytest.raises(ConfigError, match="unknown option 'depth' of logmel-cnn; one of channels"):
        built(settings={"depth": 3})


def test_a_copy_is_its_own() -> None:
    model = built()
    other = copy.deepcopy(model)
    network(other).describe(PROMPTS)
    assert not bool(network(model).described)
