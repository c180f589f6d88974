"""A fingerprint of a model that depends on its tensors and settings alone, not on how they were written down.

:func:`model_manifest` is a text of one line a tensor and one for the settings; its SHA-256 is the model's digest. So
two copies of a model can be told apart with ``sha256sum``, and ``diff`` of their manifests names the tensor.

*Conventions.* Tensors are listed by name, parameters and buffers alike, with dtype (safetensors' names), shape and the
SHA-256 of their little-endian, C-contiguous bytes. The two ways in which PyTorch names a weight norm count as one. The
settings are config.json as sorted JSON without ``affekt_version`` and ``weights_sha256``, which change when the same
model is written again. The device, the order of tensors in the file and its metadata have no part in it.
"""

import dataclasses
import hashlib
import json
import math
import mmap
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from affekt.errors import CheckpointError
from affekt.types import PathLike

if TYPE_CHECKING:
    from torch import Tensor

    from affekt.models.emotion_model import EmotionModel

__all__ = ["file_digest", "manifest_digest", "model_digest", "model_manifest", "strict_json"]

_HEADER: Final = "affekt-model-digest 1"
_VOLATILE: Final = ("affekt_version", "weights_sha256")
_SIZES: Final = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "I64": 8,
    "U64": 8,
    "F64": 8,
    "C64": 8,
}
"""Dtype in a safetensors file -> bytes of a number."""
_TORCH: Final = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "int16": "I16",
    "uint16": "U16",
    "float16": "F16",
    "bfloat16": "BF16",
    "int32": "I32",
    "uint32": "U32",
    "float32": "F32",
    "int64": "I64",
    "uint64": "U64",
    "float64": "F64",
    "complex64": "C64",
}
_WEIGHT_NORM: Final = re.compile(r"(?P<module>(?:.*\.)?)parametrizations\.(?P<tensor>[^.]+)\.original(?P<part>[01])")


class _Entry(NamedTuple):
    """A tensor, ready to be listed."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str


def model_digest(model: "EmotionModel | PathLike") -> str:
    """SHA-256 of :func:`model_manifest`.

    Raises:
        CheckpointError: the model directory is missing or damaged.
    """
    return manifest_digest(model_manifest(model))


def manifest_digest(manifest: str) -> str:
    """SHA-256 of a manifest's UTF-8 bytes."""
    return hashlib.sha256(manifest.encode()).hexdigest()


def model_manifest(model: "EmotionModel | PathLike") -> str:
    """One line for the settings and one a tensor, sorted by name.

    A model directory is read without building the model: any weights are listed, also those of a family that this
    version does not know.

    Args:
        model: a model, or a model directory.

    Raises:
        CheckpointError: the model directory is missing or damaged, or two tensors have one name.
    """
    if isinstance(model, str | Path):
        folder = Path(model)
        config = _read_config(folder / "config.json")
        entries = list(_entries_of_file(folder / "model.safetensors"))
    else:
        from affekt.models.emotion_model import FORMAT_VERSION

        config = {"format": "affekt-model", "format_version": FORMAT_VERSION, **dataclasses.asdict(model.config)}
        entries = [_entry_of_tensor(name, tensor) for name, tensor in model.state_dict().items()]
    return _manifest(config, entries)


def file_digest(path: PathLike) -> str:
    """SHA-256 of a file's bytes, as ``sha256sum`` gives it."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def strict_json(data: bytes | str) -> Any:
    """Parse JSON in which no key comes twice and every number is finite.

    Raises:
        ValueError: it is no such JSON.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            raise ValueError("a key comes twice")
        return value

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no JSON number")

    def finite(digits: str) -> float:
        value = float(digits)
        return value if math.isfinite(value) else refuse(digits)

    text = data.decode("utf-8") if isinstance(data, bytes) else data
    return json.loads(text, object_pairs_hook=once, parse_constant=refuse, parse_float=finite)


def _manifest(config: Mapping[str, Any], entries: Iterable[_Entry]) -> str:
    """The text."""
    settings = {key: value for key, value in config.items() if key not in _VOLATILE}
    canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)
    listed = {entry.name: entry for entry in entries}
    names = _one_naming(listed)
    if len(set(names.values())) < len(names):
        raise CheckpointError(
            "two tensors of the model have one name once weight norms are named alike; one set of weights was "
            "expected; save the model again with one of the two."
        )
    lines = [_HEADER, f"config {hashlib.sha256(canonical.encode()).hexdigest()}"]
    for name, entry in sorted((names[entry.name], entry) for entry in listed.values()):
        shape = ",".join(map(str, entry.shape))
        lines.append(f"tensor {entry.sha256} {entry.dtype} [{shape}] {json.dumps(name)}")
    return "\n".join(lines) + "\n"


def _one_naming(names: Iterable[str]) -> dict[str, str]:
    """Name -> the older name, ``weight_g`` and ``weight_v``, where both halves of a weight norm are there."""
    found = list(names)
    one = {name: name for name in found}
    for name in found:
        match = _WEIGHT_NORM.fullmatch(name)
        if match is None:
            continue
        stem = name.removesuffix(f"original{match['part']}")
        # any other parametrization (orthogonal, spectral) has other parts, and keeps its names
        if {other for other in found if other.startswith(stem)} == {f"{stem}original0", f"{stem}original1"}:
            one[name] = f"{match['module']}{match['tensor']}_{'gv'[int(match['part'])]}"
    return one


def _entry_of_tensor(name: str, tensor: "Tensor") -> _Entry:
    """A tensor in memory."""
    import torch

    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in _TORCH:
        raise CheckpointError(
            f"the tensor {name} has the dtype {dtype}, which no model file holds; one of {', '.join(_TORCH)} was "
            "expected; convert the tensor."
        )
    data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    if sys.byteorder == "big":
        size = _SIZES[_TORCH[dtype]] // (2 if dtype == "complex64" else 1)
        data = data.reshape(-1, size)[:, ::-1]
    return _Entry(name, _TORCH[dtype], tuple(tensor.shape), hashlib.sha256(data.tobytes()).hexdigest())


def _entries_of_file(path: Path) -> Iterator[_Entry]:
    """The tensors of a safetensors file, which must fill it without gap or overlap."""

    def damaged(reason: str) -> CheckpointError:
        return CheckpointError(
            f"{path} is no intact safetensors file ({reason}); the weights of a model were expected; restore the "
            "model directory from a copy."
        )

    with _mapped(path) as data:
        if len(data) < 8:
            raise damaged("it is cut short")
        length = int.from_bytes(data[:8], "little")
        start = 8 + length
        if start > len(data):
            raise damaged("its header is longer than the file")
        try:
            header = strict_json(bytes(data[8:start]))
            header.pop("__metadata__", None)
            tensors = []
            for name, info in header.items():
                begin, end = map(int, info["data_offsets"])
                tensors.append((begin, end, name, str(info["dtype"]), tuple(map(int, info["shape"]))))
            tensors.sort()
        except (AttributeError, KeyError, TypeError, ValueError):
            raise damaged("its header cannot be read") from None
        position = 0
        for begin, end, name, dtype, shape in tensors:
            count = 1
            for size in shape:
                count *= size
            if dtype not in _SIZES:
                raise damaged(f"the tensor {name} has the unknown dtype {dtype}")
            if begin != position or min(shape, default=0) < 0 or end - begin != count * _SIZES[dtype]:
                raise damaged(f"the place of the tensor {name} does not fit its shape")
            if start + end > len(data):
                raise damaged("it is cut short")
            yield _Entry(name, dtype, shape, hashlib.sha256(data[start + begin : start + end]).hexdigest())
            position = end
        if start + position != len(data):
            raise damaged("bytes follow the last tensor")


@contextmanager
def _mapped(path: Path) -> Iterator[memoryview]:
    """The bytes of a file, without reading all of it at once."""
    if not path.is_file():
        raise CheckpointError(f"there is no {path}; a model directory was expected; check the path.")
    if path.stat().st_size == 0:
        yield memoryview(b"")
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        view = memoryview(mapped)
        try:
            yield view
        finally:
            view.release()


def _read_config(path: Path) -> dict[str, Any]:
    """config.json as it is."""
    if not path.is_file():
        raise CheckpointError(f"there is no {path}; a model directory was expected; check the path.")
    try:
        config = strict_json(path.read_bytes())
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise CheckpointError(
            f"{path} is not valid JSON; it may be cut short; restore the model directory from a copy."
        )
    return config
