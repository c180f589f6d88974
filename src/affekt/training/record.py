"""run.json: what was run, on what, with what, and what came out."""

import hashlib
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import affekt

__all__ = ["code_digest", "run_record"]


def code_digest() -> str:
    """SHA-256 over affekt's own source files, in the order of their names."""
    root = Path(affekt.__file__).parent
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(f"{file.relative_to(root).as_posix()}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def run_record(command: str, **content: Any) -> dict[str, Any]:
    """The fields every run records, and what the command adds.

    Args:
        command: such as ``train``.
        content: JSON values: config, seeds, digests of data and model, metrics, wall time.
    """
    import torch

    packages = (
        "accelerate",
        "numpy",
        "polars",
        "safetensors",
        "scikit-learn",
        "scipy",
        "soundfile",
        "soxr",
        "torch",
        "transformers",
    )
    return {
        "command": command,
        "affekt": affekt.__version__,
        "code_sha256": code_digest(),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": {name: found for name in packages if (found := _version(name)) is not None},
        "threads": torch.get_num_threads(),
        **content,
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # an extra that is not installed
        return None
