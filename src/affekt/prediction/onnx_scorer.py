"""An exported model through onnxruntime: numpy and onnxruntime, no torch."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from affekt.errors import CheckpointError, MissingExtraError, ShapeError
from affekt.prediction.scorer import Outputs, Scores
from affekt.types import PathLike, Waveform

__all__ = ["METADATA_KEY", "OnnxScorer"]

METADATA_KEY: Final = "affekt"
"""Key in the metadata of an .onnx file under which the description of the model lies, as JSON."""

_VERSION: Final = 1


class OnnxScorer:
    """A model that ``affekt export`` wrote.

    Computes on the CPU, with as many threads as OMP_NUM_THREADS says, or one a core where that is not set.

    Args:
        path: the .onnx file.

    Raises:
        CheckpointError: the file is missing, damaged, or was not written by affekt.
        MissingExtraError: onnxruntime is not installed.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path)
        self._session = _open(self.path)
        facts = _facts(self._session, self.path)
        try:
            self.outputs = Outputs(
                classes=tuple(map(str, facts["classes"])),
                attributes=tuple(map(str, facts["attributes"])),
                multi_label=bool(facts["multi_label"]),
                intents=tuple(map(str, facts.get("intents", ()))),
                sample_rate=int(facts["sample_rate"]),
            )
            self.minimum_samples = int(facts["minimum_samples"])
            self.maximum_samples = None if facts["maximum_samples"] is None else int(facts["maximum_samples"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{self.path} lacks or garbles the field {error} of its description; a file written by affekt export "
                "was expected; export the model again."
            ) from None
        wanted = {
            "logits": len(self.outputs.classes),
            "attributes": len(self.outputs.attributes),
            "intents": len(self.outputs.intents),
        }
        self._names = [name for name, width in wanted.items() if width]
        given = {output.name for output in self._session.get_outputs()}
        if not set(self._names) <= given or {i.name for i in self._session.get_inputs()} != {"waveforms", "lengths"}:
            raise CheckpointError(
                f"{self.path} has other inputs or outputs than its description says (outputs: "
                f"{', '.join(sorted(given))}); a file written by affekt export was expected; export the model again."
            )

    def __call__(self, clips: Sequence[Waveform]) -> Scores:
        """Score B clips, each (T_b,); see :class:`~affekt.prediction.Scorer`."""
        lengths = np.array([len(clip) for clip in clips], np.int64)
        if int(lengths.min()) < self.minimum_samples:
            raise ShapeError(
                f"a clip is too short for this model (got {lengths.min()} samples); at least {self.minimum_samples} "
                "were expected; leave it out or add silence."
            )
        if self.maximum_samples is not None and int(lengths.max()) > self.maximum_samples:
            raise ShapeError(
                f"a clip is too long for this exported model (got {lengths.max()} samples); at most "
                f"{self.maximum_samples} were expected; cut it into windows."
            )
        waveforms = np.zeros((len(clips), int(lengths.max())), np.float32)
        for row, clip in zip(waveforms, clips, strict=True):
            row[: len(clip)] = clip
        found = dict(
            zip(
                self._names,
                self._session.run(self._names, {"waveforms": waveforms, "lengths": lengths}),
                strict=True,
            )
        )
        none = np.empty((len(clips), 0), np.float32)
        return Scores(*(found.get(name, none) for name in ("logits", "attributes", "intents")))


def _open(path: Path) -> Any:
    """The session of a file."""
    if not path.is_file():
        raise CheckpointError(
            f"there is no file {path}; an .onnx file written by affekt export was expected; check the path."
        )
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise MissingExtraError(
            "an exported model needs onnxruntime, which is not installed; the extra 'onnx' brings it; "
            "run pip install 'affekt[onnx]'."
        ) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit() and int(threads):
        options.intra_op_num_threads = int(threads)
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no class of their own that could be named
        reason = " ".join(str(error).split())[:120]
        raise CheckpointError(
            f"{path} is no ONNX model that onnxruntime can run ({reason}); a file written by affekt export was "
            "expected; export the model again."
        ) from None


def _facts(session: Any, path: Path) -> dict[str, Any]:
    """The description that affekt export left in the file."""
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise CheckpointError(
            f"{path} says nothing of its emotions (it has no '{METADATA_KEY}' in its metadata); a file written by "
            "affekt export was expected; export the model with affekt."
        )
    try:
        facts = json.loads(text)
        version = facts["format_version"]
    except (ValueError, KeyError, TypeError):
        raise CheckpointError(
            f"{path} has a garbled description; the JSON that affekt export wrote was expected; export the model again."
        ) from None
    if version != _VERSION:
        raise CheckpointError(
            f"{path} has the export format version {version}; version {_VERSION} was expected; "
            "export the model again with this affekt."
        )
    return dict(facts)
