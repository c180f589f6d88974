"""A model as one .onnx file that needs neither torch nor affekt to run; its scores are compared before it is kept.

Inputs of the graph: ``waveforms`` (batch, samples) float32 in [-1, 1] at the sample rate, anything behind the end of a
shorter clip; ``lengths`` (batch) int64, samples of each clip. Outputs: ``logits`` (batch, K) and ``probabilities``
(batch, K), their softmax, for a model with classes; ``attributes`` (batch, A) on the raters' scale for a model with
attributes; ``intents`` (batch, I), logits, for a model that tells them; ``scores`` (batch,) for a ranker, whose order
alone means something. Batch and samples can be any number. Under the
key ``affekt`` the metadata hold, as JSON, the names and their order, the shortest clip, and where the model comes from.

What the exporter cannot follow is replaced in a copy by its equal: the log mel spectrogram by one convolution with the
windowed Fourier transform (Fourier transforms of a batch have no fixed form in ONNX), an LSTM by the operator of that
name (it would be unrolled to the length of the example).
"""

import copy
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from affekt import __version__
from affekt.audio import LogMel
from affekt.audio.batching import length_mask, pad_batch
from affekt.errors import AffektError, CheckpointError, MissingExtraError, ShapeError
from affekt.files import check_new_file, new_file
from affekt.models.emotion_model import EmotionModel, tensor_digest
from affekt.models.ranker_network import RankerNetwork
from affekt.types import PathLike

__all__ = ["TOLERANCE", "ExportReport", "export_onnx", "minimum_samples"]

TOLERANCE: Final = 1e-4
"""How much a score of the exported model may differ from that of the model; see :class:`ExportReport`."""

_LARGEST_BYTES: Final = 2**31 - 2**20
"""An ONNX file is one protocol buffer, which cannot be larger than 2 GiB."""

_LENGTHS: Final = ((1.0,), (0.4, 1.3), (2.1, 0.7, 1.9, 0.5), (5.3,), (3.0, 1.0, 2.0, 3.0, 0.6, 1.7, 2.9))
"""Seconds of the clips of each batch that is compared; the shortest clip and a long one are added."""


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """What was written, and how well it agrees."""

    path: str
    size: int
    """Bytes of the file."""
    outputs: tuple[str, ...]
    """Names of the outputs, in their order."""
    minimum_samples: int
    """The shortest clip that the file takes."""
    maximum_samples: int | None
    """The longest clip that the file takes; None is any."""
    largest_difference: float
    """From the model's own scores, over all compared batches; attributes as a share of their scale, scores of a ranker
    beyond 1 as a share of themselves."""
    compared_clips: int

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


class _Graph(nn.Module):
    """What is exported: waveforms and lengths in, the outputs by their order."""

    def __init__(self, model: EmotionModel) -> None:
        super().__init__()
        self.model = model
        self.names = [
            *(("logits", "probabilities") if model.config.classes else ()),
            *(("attributes",) if model.config.attributes else ()),
            *(("intents",) if model.config.intents else ()),
            *(("scores",) if isinstance(model.network, RankerNetwork) else ()),
        ]

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        inside = length_mask(lengths, waveforms.shape[1])
        features, counts = self.model.front_end(torch.where(inside, waveforms, 0.0), lengths)
        heads = self.model.heads(features, counts)
        low, high = self.model.config.attribute_range
        found = {
            "logits": heads.logits,
            "probabilities": heads.logits.softmax(1),
            "attributes": low + (high - low) * heads.attributes,
            "intents": heads.intents,
        }
        if isinstance(self.model.network, RankerNetwork):
            found["scores"] = self.model.network.score(features, counts)
        return tuple(found[name] for name in self.names)


class _ConvolutionLogMel(nn.Module):
    """:class:`~affekt.audio.LogMel` as one convolution, for clips that hold a window.

    Removing the mean, pre-emphasis, the window and the transform are linear in the samples of a frame, so they are one
    matrix; it is put together in float64.
    """

    kernel: Tensor
    mel: Tensor

    def __init__(self, original: LogMel) -> None:
        super().__init__()
        size, transform = original.window_length, original.fft_length
        linear = np.eye(size)
        if original.remove_mean:
            linear = linear - 1.0 / size
        linear = (np.eye(size) - original.preemphasis * np.eye(size, k=-1)) @ linear
        linear = original.window.double().cpu().numpy()[:size, None] * linear
        angle = 2 * np.pi * np.outer(np.arange(transform // 2 + 1), np.arange(size)) / transform
        waves = np.stack([np.cos(angle), -np.sin(angle)], axis=1).reshape(-1, size)  # (2 * bins, size)
        kernel = torch.tensor(waves @ linear, dtype=torch.float32)
        self.register_buffer("kernel", kernel[:, None], persistent=False)  # (2 * bins, 1, size)
        self.register_buffer("mel", original.mel.detach().cpu().clone(), persistent=False)
        self.hop_length, self.window_length, self.floor = original.hop_length, size, original.floor

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Waveforms (B, T) and lengths (B,) -> features (B, F, D) and frames (B,)."""
        spectrum = nn.functional.conv1d(waveforms[:, None], self.kernel, stride=self.hop_length)  # (B, 2 * bins, F)
        features = (spectrum.transpose(1, 2).square() @ self.mel).clamp(min=self.floor).log()  # (B, F, D)
        frames = 1 + (lengths - self.window_length) // self.hop_length  # (B,)
        return features.masked_fill(~length_mask(frames, features.shape[1])[..., None], 0.0), frames


class _OperatorLstm(nn.Module):
    """A forward LSTM of one or more layers as the operator of ONNX; exists only inside an export."""

    def __init__(self, original: nn.LSTM) -> None:
        super().__init__()
        if original.bidirectional or not original.batch_first or original.proj_size or not original.bias:
            raise CheckpointError(
                "this model cannot be exported (it has an LSTM of a kind that is not covered); a forward LSTM with "
                "biases and the batch first was expected; predict with the model directory."
            )
        self.hidden_size, self.layers = original.hidden_size, original.num_layers
        for layer in range(original.num_layers):
            input_bias, state_bias = (_reordered(original, f"bias_{side}_l{layer}") for side in ("ih", "hh"))
            self.register_buffer(f"input_{layer}", _reordered(original, f"weight_ih_l{layer}")[None])
            self.register_buffer(f"state_{layer}", _reordered(original, f"weight_hh_l{layer}")[None])
            self.register_buffer(f"bias_{layer}", torch.cat([input_bias, state_bias])[None])

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """(B, F, D) -> (B, F, H); states at the end are not given."""
        x = x.transpose(0, 1)  # (F, B, D)
        steps, batch = x.shape[:2]
        for layer in range(self.layers):
            weights = [self.get_buffer(f"{name}_{layer}") for name in ("input", "state", "bias")]
            every, _, _ = torch.onnx.ops.symbolic_multi_out(
                "LSTM",
                (x, *weights),
                {"hidden_size": self.hidden_size},
                dtypes=(x.dtype,) * 3,
                shapes=(
                    (steps, 1, batch, self.hidden_size),
                    (1, batch, self.hidden_size),
                    (1, batch, self.hidden_size),
                ),
            )
            x = every[:, 0]  # (F, B, H)
        return x.transpose(0, 1), None


def _reordered(lstm: nn.LSTM, name: str) -> Tensor:
    """The gates in the order of ONNX (input, output, forget, cell) instead of that of torch."""
    gate_in, gate_forget, gate_cell, gate_out = getattr(lstm, name).detach().chunk(4)
    return torch.cat([gate_in, gate_out, gate_forget, gate_cell])


def export_onnx(model: EmotionModel, path: PathLike, *, tolerance: float = TOLERANCE) -> ExportReport:
    """Write a model as one .onnx file; it appears whole and compared, or not at all.

    Args:
        model: any model; it is not changed.
        path: a file that does not exist yet.
        tolerance: the largest difference between a score of the file under onnxruntime and the model's own.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        CheckpointError: the model reads texts, its network has a part that cannot be exported, the file would be larger
            than 2 GiB, or its scores differ by more than the tolerance.
        DataError: ``path`` exists.
    """
    path = check_new_file(path)
    if model.reads != "sound":
        raise CheckpointError(
            f"a model of the family {model.config.family} cannot be exported (it reads {model.reads}); a model that "
            "hears waveforms was expected, as an exported one does; predict with the model directory."
        )
    _check_extra()
    size = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    if size > _LARGEST_BYTES:
        raise CheckpointError(
            f"this model cannot be exported (its weights take {size / 2**30:.1f} GiB); one ONNX file holds at most "
            "2 GiB; predict with the model directory, or train a smaller encoder."
        )
    original = copy.deepcopy(model).cpu().float().eval()
    least = minimum_samples(original)
    graph = _Graph(_exportable(original)).eval()
    with new_file(path) as temporary:
        bounds = _write(graph, temporary, _description(model), least)
        largest, clips = _compare(original, temporary, *bounds)
        if not largest <= tolerance:
            raise CheckpointError(
                f"the exported model disagrees with the model (a score differs by {largest:.2g}); at most "
                f"{tolerance:g} was expected; predict with the model directory and report this."
            )
    return ExportReport(
        path=str(path),
        size=path.stat().st_size,
        outputs=tuple(graph.names),
        minimum_samples=bounds[0],
        maximum_samples=bounds[1],
        largest_difference=largest,
        compared_clips=clips,
    )


def minimum_samples(model: EmotionModel) -> int:
    """The shortest clip that a model takes, in samples.

    Raises:
        ShapeError: it does not take a second either.
    """

    def takes(samples: int) -> bool:
        try:
            with torch.no_grad():
                model(torch.zeros(1, samples), torch.tensor([samples]))
        except ShapeError:
            return False
        return True

    low, high = 0, model.config.sample_rate
    if not takes(high):
        model(torch.zeros(1, high), torch.tensor([high]))
    while high - low > 1:  # it takes high, it does not take low
        middle = (low + high) // 2
        low, high = (low, middle) if takes(middle) else (middle, high)
    return high


def _exportable(model: EmotionModel) -> EmotionModel:
    """A copy whose every part the exporter can follow."""
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, LogMel):
                setattr(parent, name, _ConvolutionLogMel(part))
            elif isinstance(part, nn.LSTM):
                setattr(parent, name, _OperatorLstm(part))
    return model


def _description(model: EmotionModel) -> dict[str, Any]:
    """What goes into the metadata."""
    config = model.config
    return {
        "format_version": 1,
        "family": config.family,
        "classes": list(config.classes),
        "attributes": list(config.attributes),
        "attribute_range": list(config.attribute_range),
        "multi_label": config.multi_label,
        "intents": list(config.intents),
        "sample_rate": config.sample_rate,
        "affekt_version": __version__,
        "model_digest": tensor_digest(model),
    }


def _write(graph: _Graph, path: Path, description: dict[str, Any], least: int) -> tuple[int, int | None]:
    """Export into a file, with the description in its metadata.

    Returns:
        The shortest and the longest clip for which the graph holds: what the model takes, and what the exporter found
        that its steps hold for (Whisper hears more than 30 s in stretches, which the graph of one stretch cannot).
    """
    example = pad_batch([_noise(max(16000, least + 4001), 0), _noise(max(9000, least + 100), 1)])
    with _quiet():
        try:
            program: Any = torch.onnx.export(
                graph,
                example,
                dynamo=True,
                input_names=["waveforms", "lengths"],
                output_names=graph.names,
                dynamic_shapes={"waveforms": {0: "batch", 1: "samples"}, "lengths": {0: "batch"}},
                verbose=False,
            )
        except AffektError:
            raise
        except Exception as error:  # the exporter's own errors are of many kinds
            causes = [line.strip() for line in str(error).splitlines() if "rror" in line and "'" in line]
            reason = (causes or str(error).splitlines() or [type(error).__name__])[-1][:160].rstrip(". ")
            raise CheckpointError(
                f"a network of the family {graph.model.config.family} with these options cannot be exported to ONNX "
                f"({reason}); a network of fixed structure was expected; predict with the model directory."
            ) from error
        low, high = _range(program)
        bounds = max(least, low), high
        description = {**description, "minimum_samples": bounds[0], "maximum_samples": bounds[1]}
        program.model.metadata_props["affekt"] = json.dumps(description, ensure_ascii=True)
        program.save(str(path), external_data=False)
    return bounds


def _range(program: Any) -> tuple[int, int | None]:
    """The samples of a padded batch for which the exported steps hold."""
    exported = program.exported_program
    (waveforms,) = (node for node in exported.graph.nodes if node.op == "placeholder" and node.name == "waveforms")
    bounds = exported.range_constraints[waveforms.meta["val"].shape[1].node.expr]
    # an upper end beyond any array means that there is none
    return int(bounds.lower), int(bounds.upper) if bounds.upper < 2**40 else None


def _compare(model: EmotionModel, path: Path, least: int, most: int | None) -> tuple[float, int]:
    """The largest difference between the file and the model, and over how many clips."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    graph = _Graph(model)
    low, high = model.config.attribute_range
    largest, clips = 0.0, 0
    rate = model.config.sample_rate
    for number, seconds in enumerate((*_LENGTHS, (least / rate,), (33.0 if most is None else most / rate,))):
        lengths = [min(max(least, round(second * rate)), most or 2**40) for second in seconds]
        waveforms, counts = pad_batch([_noise(length, 10 * number + k) for k, length in enumerate(lengths)])
        with torch.no_grad():
            ours = [output.numpy() for output in graph(waveforms, counts)]
        theirs = session.run(graph.names, {"waveforms": waveforms.numpy(), "lengths": counts.numpy()})
        for name, own, other in zip(graph.names, ours, theirs, strict=True):
            # attributes are as large as the raters' scale, and the scores of a ranker as large as they like
            unit = high - low if name == "attributes" else np.abs(own).clip(1.0) if name == "scores" else 1.0
            # a NaN must not pass for agreement
            largest = float(np.max([largest, float(np.abs((own - other) / unit).max())]))
        clips += len(lengths)
    return largest, clips


def _noise(samples: int, seed: int) -> Tensor:
    """A noisy tone that swells, so that no part of a network idles."""
    generator = torch.Generator().manual_seed(seed)
    times = torch.arange(samples) / 16000
    tone = torch.sin(2 * torch.pi * (120 + 30 * seed) * times) * (0.6 + 0.4 * torch.sin(2 * torch.pi * 3 * times))
    return 0.2 * tone + 0.02 * torch.randn(samples, generator=generator)


def _check_extra() -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        try:
            __import__(name)
        except ModuleNotFoundError:
            raise MissingExtraError(
                f"exporting needs {name}, which is not installed; the extra 'export' brings it; "
                "run pip install 'affekt[export]'."
            ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells of its own steps; none of it is for the user."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
