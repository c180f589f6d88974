"""What predicts: a model directory through torch, or an exported model through onnxruntime."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from affekt.errors import CheckpointError, ConfigError
from affekt.types import FloatArray, PathLike, Waveform

__all__ = ["EXPORTED", "Outputs", "Scorer", "Scores", "open_scorer"]

EXPORTED = Path("export") / "model.onnx"
"""Where in a model directory its exported form lies."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What a model says."""

    classes: tuple[str, ...]
    """The emotions, in the order of the logits; empty for a model of attributes alone."""
    attributes: tuple[str, ...] = ()
    """The attributes, in the order of the estimates."""
    multi_label: bool = False
    """Whether an utterance can have several emotions: those with a probability above 1 / K."""
    intents: tuple[str, ...] = ()
    """The intents, in the order of their logits; empty for a model that does not tell them."""
    sample_rate: int = 16000
    """Hz of the waveforms it takes."""
    reads: Literal["sound", "text"] = "sound"
    """What it takes of an utterance; texts as :func:`affekt.corpora.text_corpus.samples_of` gives them."""


class Scores(NamedTuple):
    """What a model says about a batch."""

    logits: FloatArray
    """One a class, (B, K)."""
    attributes: FloatArray
    """One an attribute, (B, A), on the raters' scale."""
    intents: FloatArray
    """Logits, one an intent, (B, I)."""


class Scorer(Protocol):
    """Clips in, scores out; what a clip gets does not depend on the clips beside it."""

    @property
    def outputs(self) -> Outputs:
        """What the scores mean."""

    def __call__(self, clips: Sequence[Waveform]) -> Scores:
        """Score B clips, each (T_b,).

        Raises:
            ShapeError: a clip is too short for the model, or "too long" in these words.
        """


def open_scorer(model: PathLike, *, onnx: bool = False, device: str = "cpu") -> Scorer:
    """Open what predicts.

    Args:
        model: a model directory, or an .onnx file written by ``affekt export``.
        onnx: run the exported form: of a model directory, its ``export/model.onnx``. Needs no torch.
        device: for a model directory, where torch computes, such as ``cuda``; ``auto`` is a GPU where there is one. An
            exported model is computed on the CPU.

    Raises:
        CheckpointError: the model is missing, damaged, or was not written by affekt.
        MissingExtraError: onnxruntime is not installed.
        ConfigError: there is no such device.
    """
    path = Path(model)
    if onnx or path.suffix.lower() == ".onnx":
        from affekt.prediction.onnx_scorer import OnnxScorer

        if device not in ("auto", "cpu"):
            raise ConfigError(
                f"the device '{device}' is of no use to an exported model; cpu was expected, where onnxruntime "
                "computes; leave --device out, or use the model directory."
            )
        if path.is_dir():
            if not (path / EXPORTED).is_file():
                raise CheckpointError(
                    f"{path} has no {EXPORTED.as_posix()}; an exported model was expected; "
                    f"make it with affekt export {path}."
                )
            path = path / EXPORTED
        return OnnxScorer(path)
    from affekt.models import EmotionModel
    from affekt.prediction.torch_scorer import TorchScorer

    return TorchScorer(EmotionModel.from_pretrained(path), device=device)
