"""The model directory: what is saved comes back bit for bit, and damage is named."""

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from affekt.audio.batching import pad_batch
from affekt.corpora.text_corpus import samples_of
from affekt.errors import CheckpointError, ConfigError, DataError
from affekt.models import FAMILIES, EmotionModel, ErasureRecord, MeanLoss, ModelConfig, tensor_digest

CLASSES = ("anger", "joy", "sadness")
Build = Callable[..., EmotionModel]


@pytest.fixture(scope="module")
def small(small_model: Callable[..., EmotionModel]) -> Build:
    """A small model of a family with an erasure record."""

    def build(family: str = "logmel-cnn") -> EmotionModel:
        model = small_model(family)
        model.erasure = ErasureRecord(
            within=MeanLoss(loss=0.1 + 0.2, accuracy=1 / 3, utterances=3),
            across=None,
            commitments={"train": frozenset({"a" * 32, "b" * 32}), "test": frozenset()},
        )
        return model

    return build


@pytest.fixture
def saved(small: Build, tmp_path: Path) -> Path:
    return small().save_pretrained(tmp_path / "model")


@pytest.mark.parametrize("family", FAMILIES)
def test_round_trip_is_exact(small: Build, tmp_path: Path, family: str) -> None:
    model = small(family)
    model.config = replace(model.config, history=({"event": "training", "corpus": "Töne", "seed": 3},))
    path = model.save_pretrained(tmp_path / "model")
    found = EmotionModel.from_pretrained(path)
    assert not found.training
    assert tensor_digest(found) == tensor_digest(model)
    assert list(found.state_dict()) == list(model.state_dict())
    assert found.erasure == model.erasure
    assert (found.config.family, found.classes, found.config.history) == (family, CLASSES, model.config.history)
    clip = samples_of("How are you?") if model.reads == "text" else torch.randn(4000)
    batch = pad_batch([clip])
    with torch.no_grad():
        assert torch.equal(found(*batch), model(*batch))
    again = found.save_pretrained(tmp_path / "again")
    for file in ("config.json", "model.safetensors", "README.md", "erasure/record.json"):
        assert (again / file).read_bytes() == (path / file).read_bytes()


def test_what_a_directory_holds(saved: Path) -> None:
    files = sorted(path.relative_to(saved).as_posix() for path in saved.rglob("*") if path.is_file())
    assert files == ["README.md", "config.json", "erasure/record.json", "model.safetensors"]
    config = json.loads((saved / "config.json").read_text(encoding="utf-8"))
    assert config["weights_sha256"] == hashlib.sha256((saved / "model.safetensors").read_bytes()).hexdigest()


def test_without_a_record_there_is_none(small: Build, tmp_path: Path) -> None:
    model = small()
    model.erasure = None
    assert EmotionModel.from_pretrained(model.save_pretrained(tmp_path / "model")).erasure is None


def test_a_full_folder_is_not_written_into(small: Build, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty; results are never written over"):
        small().save_pretrained(tmp_path / "model")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["mine.txt"]


def change(path: Path, **fields: Any) -> None:
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    config.update(fields)
    (path / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))


def rewrite(path: Path, edit: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Change the weights and make config.json agree with them."""
    tensors = load_file(path / "model.safetensors")
    edit(tensors)
    save_file(tensors, path / "model.safetensors")
    change(path, weights_sha256=hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest())


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 0x10
    path.write_bytes(bytes(content))


def poison(tensors: dict[str, torch.Tensor]) -> None:
    tensors["network.norm.bias"][2] = float("nan")


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no config": (lambda p: (p / "config.json").unlink(), "has no config.json; a model directory"),
    "no weights": (lambda p: (p / "model.safetensors").unlink(), "has no model.safetensors"),
    "cut config": (lambda p: (p / "config.json").write_text('{"format": "aff'), r"config\.json is not valid JSON"),
    "config is a list": (lambda p: (p / "config.json").write_text("[1]"), "is not valid JSON"),
    "config is binary": (lambda p: (p / "config.json").write_bytes(b"\xff\xfe\x00"), "is not valid JSON"),
    "other format": (lambda p: change(p, format="bert"), "does not describe an affekt model"),
    "later version": (lambda p: change(p, format_version=2), "format version 2; version 1 was expected"),
    "no version": (lambda p: change(p, format_version=None), "format version None; version 1 was expected"),
    "no classes": (lambda p: change(p, classes=None), "lacks or garbles the field 'classes'"),
    "no digest": (lambda p: change(p, weights_sha256=None), "lacks or garbles the field 'weights_sha256'"),
    "bad rate": (lambda p: change(p, sample_rate="fast"), "lacks or garbles the field"),
    "unknown family": (lambda p: change(p, family="resnet"), r"can build \(unknown model family 'resnet'"),
    "unknown option": (lambda p: change(p, options={"widht": 3}), "unknown model option 'widht'"),
    "option of a wrong type": (lambda p: change(p, options={"width": "wide"}), "does not hold a model this version"),
    "one class": (lambda p: change(p, classes=["joy"]), "two or more different classes"),
    "class of a wrong type": (lambda p: change(p, classes=[["joy"], ["x"]]), "does not hold a model this version"),
    "more classes": (lambda p: change(p, classes=["a", "b", "c", "d"]), "does not hold a model this version can build"),
    "truncated weights": (
        lambda p: (p / "model.safetensors").write_bytes((p / "model.safetensors").read_bytes()[:-100]),
        "its SHA-256 differs.*restore the model directory",
    ),
    "flipped byte": (lambda p: flip(p / "model.safetensors"), "its SHA-256 differs"),
    "weights of nothing": (
        lambda p: (
            (p / "model.safetensors").write_bytes(b"x"),
            change(p, weights_sha256=hashlib.sha256(b"x").hexdigest()),
        ),
        "does not hold a model this version can build",
    ),
    "NaN weights": (lambda p: rewrite(p, poison), r"NaN or infinite weights \(first in network\.norm\.bias\)"),
    "wrong shapes": (
        lambda p: rewrite(p, lambda t: t.update({"network.norm.bias": torch.zeros(3)})),
        "does not hold a model this version can build",
    ),
    "a tensor missing": (lambda p: rewrite(p, lambda t: t.pop("network.norm.bias")), "does not hold a model"),
    "a tensor too many": (lambda p: rewrite(p, lambda t: t.update(more=torch.zeros(1))), "does not hold a model"),
    "cut record": (lambda p: (p / "erasure/record.json").write_text("{"), r"record\.json is not valid JSON"),
    "binary record": (lambda p: (p / "erasure/record.json").write_bytes(b"\xff"), r"record\.json is not valid JSON"),
    "other record": (lambda p: (p / "erasure/record.json").write_text("{}"), "not an erasure record of this version"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named(saved: Path, damage: str) -> None:
    EmotionModel.from_pretrained(saved)
    hurt, message = DAMAGE[damage]
    hurt(saved)
    with pytest.raises(CheckpointError, match=message):
        EmotionModel.from_pretrained(saved)


def test_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there is no model directory .*nowhere; a folder with config\.json"):
        EmotionModel.from_pretrained(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"family": "resnet", "classes": CLASSES},
            "unknown model family 'resnet'; one of audio-text, emo18, ",
        ),
        ({"family": "emo18", "classes": ("joy",)}, r"two or more different classes \(got \['joy'\]\)"),
        ({"family": "emo18", "classes": ("joy", "joy")}, "two or more different classes"),
    ],
)
def test_impossible_models(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ModelConfig(**fields)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_digest_feels_every_tensor(small: Build, family: str) -> None:
    model = small(family)
    digest = tensor_digest(model)
    seen = {digest}
    for name in model.state_dict():
        changed = copy.deepcopy(model)
        tensor = changed.state_dict()[name]
        last = tensor.view(-1)[-1]
        tensor.view(-1)[-1] = ~last if last.dtype == torch.bool else last + 1
        seen.add(tensor_digest(changed))
    assert len(seen) == 1 + len(model.state_dict())
    if family in ("emo18", "zhao19"):  # statistics of batches are part of it
        assert any("running_var" in name for name in model.state_dict())


def test_the_digest_does_not_feel_order_or_mode() -> None:
    class Two(torch.nn.Module):
        def __init__(self, names: tuple[str, ...]) -> None:
            super().__init__()
            for name in names:
                self.register_parameter(name, torch.nn.Parameter(torch.full((2,), float(ord(name)))))

    assert tensor_digest(Two(("a", "b"))) == tensor_digest(Two(("b", "a")).train())
    assert tensor_digest(Two(("a", "b"))) != tensor_digest(Two(("a", "c")))
    flat, square = torch.nn.Linear(4, 1, bias=False), torch.nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        flat.weight.fill_(1.0)
        square.weight.fill_(1.0)
    assert tensor_digest(flat) != tensor_digest(square)
    assert tensor_digest(flat) != tensor_digest(copy.deepcopy(flat).double())


def test_the_card_says_what_was_done(small: Build, tmp_path: Path) -> None:
    model = small()
    training = {
        "event": "training",
        "corpus": "Töne",
        "utterances": 41,
        "speakers": 4,
        "seed": 3,
        "synthetic": True,
        "licence": "CC0-1.0",
        "dev_uar": 0.75,
    }
    deletion = {"event": "deletion", "method": "amun", "scope": "speaker", "utterances": 7, "stopped": "all done"}
    model.config = replace(model.config, history=(training, deletion))
    card = (model.save_pretrained(tmp_path / "a") / "README.md").read_text(encoding="utf-8")
    parameters = sum(p.numel() for p in model.parameters())
    for text in (
        "logmel-cnn",
        "anger, joy, sadness",
        f"{parameters:,}",
        "Töne (41 utterances, 4 speakers), seed 3",
        "CC0-1.0",
        "training speech is synthetic",
        "0.750 (chance 0.333)",
        "1. 7 utterances, method `amun`, stopped because: all done",
    ):
        assert text in card
    model.config = replace(model.config, history=({**training, "synthetic": False},))
    card = (model.save_pretrained(tmp_path / "b") / "README.md").read_text(encoding="utf-8")
    assert "synthetic" not in card
    assert "## Deletions applied\n\nNone." in card
