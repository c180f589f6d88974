"""The model that is trained, saved, loaded and forgotten, and its directory format.

A model directory holds ``config.json``, ``model.safetensors``, ``README.md`` (the model card) and, when it was trained
by affekt, ``erasure/record.json``. Nothing in it is a pickle.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from affekt import __version__
from affekt.errors import CheckpointError, ConfigError
from affekt.files import new_folder, write_json, write_text
from affekt.models.encoder_network import EncoderNetwork
from affekt.models.erasure_record import ErasureRecord
from affekt.models.family import find_family
from affekt.models.model_card import model_card
from affekt.models.saved_statistics import SavedStatistics
from affekt.types import PathLike

__all__ = [
    "ATTRIBUTES",
    "FORMAT_VERSION",
    "LABELS",
    "EmotionModel",
    "Heads",
    "ModelConfig",
    "tensor_digest",
]

FORMAT_VERSION = 1

ATTRIBUTES: Final = ("arousal", "valence", "dominance")
"""Names of the attributes a model can estimate, in the order of a corpus table."""

LABELS: Final = ("emotion", "intensity", "intent", "preference", *ATTRIBUTES)
"""Columns of a corpus table that classes can be made of; that of preferences is filled from pairs or lists."""


class Heads(NamedTuple):
    """What a model says about a batch."""

    logits: Tensor
    """One a class, (B, K); K is 0 for a model of attributes alone."""
    attributes: Tensor
    """One an attribute, (B, A); 0 and 1 are the ends of the raters' scale. A is 0 for a model of emotions alone."""
    intents: Tensor = torch.empty(0, 0)
    """One an intent, (B, I); I is 0 for a model that does not tell them."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What a model is: everything needed to build it again, and where it comes from."""

    family: str
    """A key of :data:`affekt.models.FAMILIES`."""
    classes: tuple[str, ...]
    """The emotions, in the order of the logits."""
    options: dict[str, Any] = field(default_factory=dict)
    """Values of the family's options that differ from their defaults."""
    sample_rate: int = 16000
    """Hz of the waveforms the model expects."""
    attributes: tuple[str, ...] = ()
    """Which of :data:`ATTRIBUTES` it estimates, in the order of the outputs."""
    attribute_range: tuple[float, float] = (0.0, 1.0)
    """Ends of the scale the raters used, such as 1 and 7; estimates are given on it."""
    multi_label: bool = False
    """Whether an utterance can have several emotions: those with a probability above 1 / K."""
    intents: tuple[str, ...] = ()
    """The intents it tells besides, in the order of their logits."""
    label: str = "emotion"
    """Which column of a corpus the classes come from; one of :data:`LABELS`."""
    edges: tuple[float, ...] = ()
    """Where the column is an attribute: the K - 1 rising values between the classes, on the raters' scale."""
    history: tuple[dict[str, Any], ...] = ()
    """What was done to the weights, oldest first: one training, then any number of deletions."""

    def __post_init__(self) -> None:
        find_family(self.family)
        if self.sample_rate != 16000:
            raise ConfigError(
                f"sample_rate is {self.sample_rate}; 16000 was expected, the rate of every family; resample instead."
            )
        if len(set(self.attributes)) < len(self.attributes) or not set(self.attributes) <= set(ATTRIBUTES):
            raise ConfigError(
                f"attributes are {', '.join(self.attributes)}; each of {', '.join(ATTRIBUTES)} at most once was "
                "expected; correct their names."
            )
        if self.label not in LABELS:
            raise ConfigError(
                f"label is {self.label!r}; one of {', '.join(LABELS)} was expected; choose one of these columns."
            )
        rising = all(low < high for low, high in pairwise(self.edges))
        if len(self.edges) != (len(self.classes) - 1 if self.label in ATTRIBUTES else 0) or not rising:
            raise ConfigError(
                f"edges are {list(self.edges)} for {len(self.classes)} classes of {self.label}; one rising value "
                "between each two classes of an attribute was expected, and none for other columns; correct them."
            )
        if len(set(self.intents)) != len(self.intents) or len(self.intents) == 1:
            raise ConfigError(
                f"intents are {list(self.intents)}; two or more different ones, or none, were expected; check the "
                "corpus's intent column."
            )
        low, high = self.attribute_range
        if not low < high:
            raise ConfigError(f"attribute_range is {low} to {high}; a rising pair was expected; correct it.")
        enough = len(self.classes) >= 2 or (not self.classes and bool(self.attributes))
        if not enough or len(set(self.classes)) != len(self.classes):
            raise ConfigError(
                f"a model needs two or more different classes (got {list(self.classes)}); "
                "check the corpus's emotion column."
            )


class EmotionModel(nn.Module):
    """A recogniser of emotion in speech: waveforms in, one logit a class out.

    Args:
        config: what to build. Where it names a pretrained encoder, the shape of the encoder is noted in it.
        erasure: held-out losses and commitments from training, if any.
        load_encoder: read the pretrained weights of the encoder, where there is one; False when a state dict follows.

    Example:
        >>> model = EmotionModel(ModelConfig(family="logmel-cnn", classes=("anger", "neutral")))
        >>> model.eval()(torch.zeros(1, 16000), torch.tensor([16000])).shape
        torch.Size([1, 2])
    """

    def __init__(self, config: ModelConfig, *, erasure: ErasureRecord | None = None, load_encoder: bool = True) -> None:
        super().__init__()
        self.erasure = erasure
        family = find_family(config.family)
        outputs = len(config.classes) + len(config.attributes) + len(config.intents)
        self.network = family.network(outputs, family.options_from(config.options))
        pretrained = self.pretrained
        found = {**getattr(self.network, "resolved", {}), **({} if pretrained is None else pretrained.resolved)}
        config = replace(config, options={**config.options, **found}) if found else config
        if pretrained is not None and load_encoder:
            pretrained.load_source()
        self.config = config

    def fresh(self, seed: int) -> "EmotionModel":
        """A model of the same config that was never trained: the same pretrained encoder, all else drawn from ``seed``.

        Frozen weights of an encoder come from this model; those that training may have changed come from where the
        encoder was first read. The global random state is left as it was. History and erasure record are empty.

        Raises:
            DataError: the encoder was trained too, and what it was read from is gone.
            CheckpointError: what it was read from has changed.
        """
        digest = hashlib.sha256(f"weights|{seed}".encode()).digest()  # as affekt.training.build_model draws them
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int.from_bytes(digest[:7], "big"))
            model = EmotionModel(replace(self.config, history=()), load_encoder=False)
        if model.pretrained is not None and self.pretrained is not None:
            model.pretrained.adopt(self.pretrained)
        return model.to(next(self.parameters()).device)

    @property
    def classes(self) -> tuple[str, ...]:
        """The emotions, in the order of the logits."""
        return self.config.classes

    @property
    def pretrained(self) -> EncoderNetwork | None:
        """The network around a pretrained encoder, if there is one."""
        network = getattr(self.network, "source", None) or self.network
        return network if isinstance(network, EncoderNetwork) else None

    @property
    def reads(self) -> Literal["sound", "text"]:
        """What of a corpus it takes in; texts stand in the place of waveforms, as their samples."""
        found: Literal["sound", "text"] = getattr(self.network, "reads", "sound")
        return found

    def front_end_key(self) -> str:
        """A digest of all that :meth:`front_end` depends on, and of this version of affekt."""
        left_out = find_family(self.config.family).not_front_end
        known = {name: value for name, value in sorted(self.config.options.items()) if name not in left_out}
        content = json.dumps([__version__, self.config.family, self.config.sample_rate, known], sort_keys=True)
        state = {} if self.pretrained is None else self.pretrained.front_end_state()
        return hashlib.sha256(f"{content}\0{_state_digest(state)}".encode()).hexdigest()

    @property
    def has_frozen_encoder(self) -> bool:
        """Whether :meth:`front_end` runs a frozen encoder, of sound or of text: worth keeping what it gives."""
        if self.reads == "text":
            return True
        return self.pretrained is not None and self.pretrained.options.train in ("head", "last")

    def front_end(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The part that is never trained: waveforms (B, T), lengths (B,) -> features (B, F, ...), lengths (B,)."""
        features, counts = self.network.front_end(waveforms, lengths)  # type: ignore[operator]
        return features, counts

    def heads(self, features: Tensor, lengths: Tensor) -> Heads:
        """The learned part: what :meth:`front_end` gave -> logits (B, K), attributes (B, A) and intents (B, I)."""
        outputs: Tensor = self.network.classify(features, lengths)  # type: ignore[operator]
        size = len(self.classes)
        end = size + len(self.config.attributes)
        return Heads(logits=outputs[:, :size], attributes=outputs[:, size:end], intents=outputs[:, end:])

    def classify(self, features: Tensor, lengths: Tensor) -> Tensor:
        """The learned part as a classifier: what :meth:`front_end` gave -> logits (B, K)."""
        return self.heads(features, lengths).logits

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Waveforms (B, T) float32 in [-1, 1] and lengths (B,) in samples -> logits (B, K)."""
        return self.classify(*self.front_end(waveforms, lengths))

    def save_pretrained(self, path: PathLike) -> Path:
        """Write the model directory; it appears whole or not at all.

        Raises:
            DataError: ``path`` exists and is not an empty folder.
        """
        path = Path(path)
        with new_folder(path) as folder:
            self.write_into(folder)
        return path

    def write_into(self, folder: Path) -> None:
        """Write the model's files into an existing folder (callers that add files of their own use this)."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        config = {
            "format": "affekt-model",
            "format_version": FORMAT_VERSION,
            "affekt_version": __version__,
            **dataclasses.asdict(self.config),
            "weights_sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
        }
        write_json(folder / "config.json", config)
        write_text(folder / "README.md", model_card(config, parameters=sum(p.numel() for p in self.parameters())))
        if self.erasure is not None:
            (folder / "erasure").mkdir()
            write_json(folder / "erasure" / "record.json", self.erasure.to_json())
            if self.erasure.statistics is not None:
                self.erasure.statistics.write_into(folder / "erasure")

    @classmethod
    def from_pretrained(cls, path: PathLike) -> "EmotionModel":
        """Load a model directory, in evaluation mode.

        Raises:
            CheckpointError: the directory is missing, incomplete, damaged or of another version.
        """
        path = Path(path)
        config = _read_config(path)
        weights = path / "model.safetensors"
        if not weights.is_file():
            raise CheckpointError(f"{path} has no model.safetensors; a model directory was expected; restore it.")
        if hashlib.sha256(weights.read_bytes()).hexdigest() != config.pop("weights_sha256"):
            raise CheckpointError(
                f"{weights} is not the file that config.json describes (its SHA-256 differs); it may be damaged or cut "
                "short; restore the model directory from a copy."
            )
        try:
            model = cls(ModelConfig(**config), load_encoder=False)
            model.load_state_dict(load_file(weights))
        except (TypeError, RuntimeError, SafetensorError, ConfigError, CheckpointError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(
                f"{path} does not hold a model this version can build ({reason}); weights and config.json of one "
                "model were expected; restore the model directory from a copy."
            ) from None
        broken = [name for name, tensor in model.state_dict().items() if not torch.isfinite(tensor).all()]
        if broken:
            raise CheckpointError(
                f"{weights} holds NaN or infinite weights (first in {broken[0]}); finite weights were expected; "
                "train the model again."
            )
        record = path / "erasure" / "record.json"
        if record.is_file():
            try:
                model.erasure = ErasureRecord.from_json(json.loads(record.read_text(encoding="utf-8")))
            except (json.JSONDecodeError, UnicodeDecodeError):
                raise CheckpointError(
                    f"{record} is not valid JSON; the file that training wrote was expected; restore the model "
                    "directory from a copy."
                ) from None
            statistics = path / "erasure" / "statistics.safetensors"
            if statistics.is_file():
                model.erasure = replace(model.erasure, statistics=SavedStatistics.read(statistics))
        return model.eval()


def tensor_digest(model: nn.Module) -> str:
    """SHA-256 over a module's parameters and buffers: sorted names, dtypes, shapes, little-endian bytes."""
    return _state_digest(model.state_dict())


def _state_digest(state: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        tensor = tensor.detach().cpu().contiguous()
        if tensor.dtype == torch.bfloat16:  # NumPy has none
            digest.update(b"bfloat16\0")
            tensor = tensor.view(torch.int16)
        array = tensor.numpy()
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def _read_config(path: Path) -> dict[str, Any]:
    """The checked fields of config.json that :class:`ModelConfig` takes, and ``weights_sha256``."""
    file = path / "config.json"
    if not path.is_dir():
        raise CheckpointError(
            f"there is no model directory {path}; a folder with config.json and model.safetensors was expected; "
            "check the path, or make one with affekt train."
        )
    if not file.is_file():
        raise CheckpointError(
            f"{path} has no config.json; a model directory written by affekt was expected; check the path."
        )
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError
    except (ValueError, UnicodeDecodeError):
        raise CheckpointError(
            f"{file} is not valid JSON; it may be cut short; restore the model directory from a copy."
        ) from None
    if config.get("format") != "affekt-model":
        raise CheckpointError(f"{file} does not describe an affekt model; check that {path} is the right folder.")
    if config.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has model format version {config.get('format_version')}; version {FORMAT_VERSION} was expected; "
            "use the affekt version that wrote it, or train the model again."
        )
    try:
        return {
            "family": str(config["family"]),
            "classes": tuple(config["classes"]),
            "options": dict(config["options"]),
            "sample_rate": int(config["sample_rate"]),
            "history": tuple(config["history"]),
            "attributes": tuple(config.get("attributes", ())),
            "attribute_range": tuple(map(float, config.get("attribute_range", (0.0, 1.0)))),
            "multi_label": bool(config.get("multi_label", False)),
            "intents": tuple(config.get("intents", ())),
            "label": str(config.get("label", "emotion")),
            "edges": tuple(map(float, config.get("edges", ()))),
            "weights_sha256": str(config["weights_sha256"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{file} lacks or garbles the field {error}; restore the model directory from a copy."
        ) from None
