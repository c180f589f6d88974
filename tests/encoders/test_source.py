"""Where weights come from: folders, names, and what is refused."""

import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from affekt.encoders import find_source, open_encoder, require
from affekt.errors import CheckpointError, DataError, MissingExtraError

Find = Callable[[str], Path]


def test_a_folder_is_read_where_it_lies(encoder_folder: Find) -> None:
    folder = encoder_folder("whisper")
    source = find_source(str(folder))
    assert source.folder == folder
    assert source.config()["model_type"] == "whisper"
    assert source.preprocessor() == {}
    assert source.digest() == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_weights_in_several_files_are_one_model(encoder_folder: Find, tmp_path: Path) -> None:
    folder = encoder_folder("whisper")
    shutil.copytree(folder, tmp_path / "two")
    (tmp_path / "two" / "model.safetensors").unlink()
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    for number, part in enumerate((names[::2], names[1::2]), 1):
        save_file({name: tensors[name] for name in part}, tmp_path / "two" / f"model-0000{number}-of-00002.safetensors")
    one, two = open_encoder(str(folder)), open_encoder(str(tmp_path / "two"))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_nothing_is_fetched_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=r"nothing is fetched unasked; set download = true"):
        find_source("openai/whisper-base")
    assert not list(tmp_path.rglob("*.safetensors"))


@pytest.mark.parametrize("name", ["/no/such/folder", "./here", "a/b/c", "two words", ""])
def test_a_folder_that_is_not_there(name: str) -> None:
    if not name:
        return
    with pytest.raises(DataError, match=r"there is no encoder folder .*; check the path"):
        find_source(name)


def test_damaged_folders(encoder_folder: Find, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"has no config.json"):
        find_source(str(tmp_path / "empty")).config()
    for text in ("{", "[]", "\xff"):
        (tmp_path / "empty" / "config.json").write_text(text, encoding="latin-1")
        with pytest.raises(CheckpointError, match=r"is not valid JSON"):
            find_source(str(tmp_path / "empty")).config()
    with pytest.raises(CheckpointError, match=r"weights in safetensors were expected, others are never read"):
        find_source(str(tmp_path / "empty")).files()
    shutil.copytree(encoder_folder("whisper"), tmp_path / "cut")
    weights = tmp_path / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"is damaged or cut short"):
        open_encoder(str(tmp_path / "cut"))


def test_a_missing_package_names_its_extra() -> None:
    require("json")
    with pytest.raises(MissingExtraError, match=r"need no_such_package, .* pip install 'affekt\[hf\]'"):
        require("no_such_package")


def test_importing_the_package_loads_neither_torch_nor_transformers() -> None:
    import subprocess

    code = "import sys, affekt.encoders; sys.exit(bool({'torch', 'transformers', 'peft', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
