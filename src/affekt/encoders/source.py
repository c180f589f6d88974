"""Where pretrained weights come from: a local folder, or a name on the Hugging Face hub.

Nothing is fetched unless the caller says so, code that comes with a model is never run, and only safetensors are read.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.errors import CheckpointError, DataError, MissingExtraError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Source", "find_source", "require"]

_PATTERNS = ["config.json", "preprocessor_config.json", "*.safetensors", "*.safetensors.index.json"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A folder with ``config.json`` and safetensors."""

    name: str
    """As the caller gave it."""
    folder: Path

    def config(self) -> dict[str, Any]:
        """The content of config.json.

        Raises:
            CheckpointError: it is missing or damaged.
        """
        return _read(self.folder / "config.json")

    def preprocessor(self) -> dict[str, Any]:
        """The content of preprocessor_config.json; empty if there is none."""
        file = self.folder / "preprocessor_config.json"
        return _read(file) if file.is_file() else {}

    def files(self) -> list[Path]:
        """The weight files, in the order of their names.

        Raises:
            CheckpointError: there is none.
        """
        single = self.folder / "model.safetensors"
        files = [single] if single.is_file() else sorted(self.folder.glob("model-*.safetensors"))
        if not files:
            raise CheckpointError(
                f"the encoder {self.name} has no model.safetensors in {self.folder}; weights in safetensors were "
                "expected, others are never read; convert them or choose another encoder."
            )
        return files

    def digest(self) -> str:
        """SHA-256 over the weight files."""
        digest = hashlib.sha256()
        for file in self.files():
            with file.open("rb") as stream:
                while block := stream.read(2**20):
                    digest.update(block)
        return digest.hexdigest()

    def tensors(self) -> dict[str, "Tensor"]:
        """All weights by name.

        Raises:
            CheckpointError: a file is damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        found: dict[str, Tensor] = {}
        for file in self.files():
            try:
                found.update(load_file(file))
            except (SafetensorError, OSError):
                raise CheckpointError(
                    f"{file} is damaged or cut short; a file of safetensors was expected; fetch the encoder again."
                ) from None
        return found


def find_source(name: str, *, download: bool = False, patterns: tuple[str, ...] = ()) -> Source:
    """The folder behind a path or a hub name.

    Args:
        name: a folder, or a name on the hub such as ``openai/whisper-base``; a name is looked up in the local cache of
            the hub.
        download: fetch from the hub what is not in its local cache.
        patterns: files to fetch besides configuration and weights.

    Raises:
        MissingExtraError: a hub name was given and ``huggingface_hub`` is not installed.
        DataError: there is no such folder, and no such name in the cache or on the hub.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Source(name=name, folder=folder)
    if name.startswith((".", "/", "~")) or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        raise DataError(
            f"there is no encoder folder {name}; a folder with config.json and model.safetensors, or a name on the "
            "Hugging Face hub, was expected; check the path."
        )
    require("huggingface_hub")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        found = snapshot_download(name, allow_patterns=[*_PATTERNS, *patterns], local_files_only=not download)
    except HFValidationError:
        raise DataError(
            f"{name!r} is no folder and no name on the Hugging Face hub; one of the two was expected; correct it."
        ) from None
    except (OSError, HfHubHTTPError, RuntimeError) as error:
        if download:
            raise DataError(
                f"the encoder {name} cannot be fetched from the hub ({type(error).__name__}); a public or permitted "
                "model and a connection were expected; check both, or give a local folder."
            ) from None
        raise DataError(
            f"the encoder {name} is no folder and not in the local cache of the hub; nothing is fetched unasked; set "
            "download = true in the model's options, or give a local folder."
        ) from None
    return Source(name=name, folder=Path(found))


def require(package: str, *, extra: str = "hf") -> None:
    """Make sure that an optional package can be imported.

    Raises:
        MissingExtraError: it cannot.
    """
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise MissingExtraError(
            f"pretrained encoders need {package}, which is not installed; the extra {extra} was expected; run "
            f"pip install 'affekt[{extra}]'."
        )


def _read(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise ValueError
    except FileNotFoundError:
        raise CheckpointError(
            f"the encoder folder {file.parent} has no {file.name}; a folder in the layout of transformers was "
            "expected; check the path."
        ) from None
    except (OSError, ValueError, UnicodeDecodeError):
        raise CheckpointError(
            f"{file} is not valid JSON; a file of transformers was expected; fetch the encoder again."
        ) from None
    return value
