"""The digest of a model: the same for the same model however it is written, another for any other bit."""

import copy
import hashlib
import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from affekt.errors import CheckpointError
from affekt.models import EmotionModel
from affekt.models.digest import file_digest, manifest_digest, model_digest, model_manifest, strict_json

CONFIG = {"format": "affekt-model", "family": "any", "affekt_version": "0.1", "weights_sha256": "0"}


def write(folder: Path, tensors: dict[str, Tensor], **config: Any) -> Path:
    """A model directory as far as the digest looks."""
    folder.mkdir(exist_ok=True, parents=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(CONFIG | config), encoding="utf-8")
    return folder


def write_raw(folder: Path, header: bytes, body: bytes) -> Path:
    """A model directory with a weight file made by hand."""
    write(folder, {})
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + body)
    return folder


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {
        "b.weight": torch.randn(3, 2),
        "a.bfloat": torch.randn(5).to(torch.bfloat16),
        "a.half": torch.randn(2, 2).half(),
        "count": torch.tensor(7),
        "flags": torch.tensor([True, False]),
        "empty": torch.zeros(0, 4),
        "double": torch.randn(2).double(),
    }


def test_the_manifest_is_what_it_says(tmp_path: Path) -> None:
    """Written out by hand, with nothing but hashlib and struct."""
    folder = write(tmp_path / "m", {"w": torch.tensor([[1.0, -0.5]]), "n": torch.tensor(3)})
    settings_sha = hashlib.sha256(b'{"family":"any","format":"affekt-model"}').hexdigest()
    w, n = (hashlib.sha256(data).hexdigest() for data in (struct.pack("<2f", 1.0, -0.5), struct.pack("<q", 3)))
    wanted = f'affekt-model-digest 1\nconfig {settings_sha}\ntensor {n} I64 [] "n"\ntensor {w} F32 [1,2] "w"\n'
    assert model_manifest(folder) == wanted
    assert model_digest(folder) == hashlib.sha256(wanted.encode()).hexdigest() == manifest_digest(wanted)
    (tmp_path / "manifest").write_text(wanted, encoding="utf-8")
    summed = subprocess.run(["sha256sum", tmp_path / "manifest"], capture_output=True, text=True, check=True).stdout
    assert summed.split()[0] == model_digest(folder)
    assert file_digest(tmp_path / "manifest") == model_digest(folder)


def test_a_model_in_memory_and_on_disk_agree(trained: EmotionModel, tmp_path: Path) -> None:
    wanted = model_digest(trained)
    assert model_digest(trained.save_pretrained(tmp_path / "m")) == wanted
    assert model_digest(EmotionModel.from_pretrained(tmp_path / "m")) == wanted
    assert model_digest(trained.double().float()) == wanted
    assert model_digest(trained.train()) == wanted
    other = copy.deepcopy(trained)
    other.load_state_dict({name: tensor.t().contiguous().t() if tensor.ndim == 2 else tensor for name, tensor in
                           trained.state_dict().items()})  # fmt: skip
    assert model_digest(other) == wanted


def test_every_tensor_and_buffer_counts(trained: EmotionModel) -> None:
    names = list(trained.state_dict())
    digests = {model_digest(trained)}
    for name in names:
        changed = copy.deepcopy(trained)
        tensor = changed.state_dict()[name].reshape(-1)
        tensor[-1:].view(torch.uint8)[0] ^= 1  # the lowest bit of its last number
        digests.add(model_digest(changed))
    assert len(digests) == len(names) + 1


def test_running_statistics_count(tmp_path: Path) -> None:
    norm = nn.BatchNorm1d(4).state_dict()
    assert {"running_mean", "running_var", "num_batches_tracked"} <= set(norm)
    digests = {model_digest(write(tmp_path / "norm", norm))}
    for name in norm:
        digests.add(model_digest(write(tmp_path / name, norm | {name: norm[name] + 1})))
    assert len(digests) == len(norm) + 1


def test_settings_count_and_volatile_ones_do_not(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    wanted = model_digest(write(tmp_path / "a", tensors))
    assert model_digest(write(tmp_path / "b", tensors, affekt_version="9", weights_sha256="1")) == wanted
    assert model_digest(write(tmp_path / "c", tensors, family="other")) != wanted
    text = json.dumps(dict(reversed(CONFIG.items())), indent=7)
    (tmp_path / "a" / "config.json").write_text(text, encoding="utf-8")
    assert model_digest(tmp_path / "a") == wanted


def test_order_in_the_file_and_metadata_do_not_count(tmp_path: Path) -> None:
    header = {"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}}
    first = {**header, "b": {"dtype": "I16", "shape": [1], "data_offsets": [2, 4]}}
    second = {
        "__metadata__": {"made": "later"},
        "b": {"dtype": "I16", "shape": [1], "data_offsets": [0, 2]},
        "a": {"dtype": "U8", "shape": [2], "data_offsets": [2, 4]},
    }
    one = write_raw(tmp_path / "one", json.dumps(first).encode(), b"\1\2\3\4")
    two = write_raw(tmp_path / "two", json.dumps(second, indent=1).encode(), b"\3\4\1\2")
    assert model_digest(one) == model_digest(two)


def test_both_names_of_a_weight_norm_are_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    new = {f"net.{name}": tensor.clone() for name, tensor in layer.state_dict().items()}
    old = {
        "net.bias": new["net.bias"],
        "net.weight_g": new["net.parametrizations.weight.original0"],
        "net.weight_v": new["net.parametrizations.weight.original1"],
    }
    assert model_digest(write(tmp_path / "new", new)) == model_digest(write(tmp_path / "old", old))
    swapped = old | {"net.weight_g": old["net.weight_g"] + 1}
    assert model_digest(write(tmp_path / "other", swapped)) != model_digest(tmp_path / "old")
    both = {name: tensor.clone() for name, tensor in (old | new).items()}
    with pytest.raises(CheckpointError, match="two tensors of the model have one name"):
        model_digest(write(tmp_path / "both", both))


def test_other_parametrizations_keep_their_names(tmp_path: Path) -> None:
    names = ["p.parametrizations.weight.original0", "p.parametrizations.weight.original1"]
    more = {name: torch.ones(1) for name in [*names, "p.parametrizations.weight.original2"]}
    assert '"p.parametrizations.weight.original0"' in model_manifest(write(tmp_path / "m", more))


@given(bit=st.integers(0, 10**9), which=st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_any_single_bit_counts(bit: int, which: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    torch.manual_seed(0)
    kinds = (torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool, torch.float64, torch.uint8)
    value = (torch.arange(6) % 2).to(kinds[which])
    folder = tmp_path_factory.mktemp("bit")
    wanted = model_digest(write(folder, {"w": value}))
    raw = bytearray((folder / "model.safetensors").read_bytes())
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    bit %= 8 * (len(raw) - start)
    raw[start + bit // 8] ^= 1 << bit % 8
    (folder / "model.safetensors").write_bytes(raw)
    assert model_digest(folder) != wanted


def test_same_bytes_of_another_dtype_or_shape_differ(tmp_path: Path) -> None:
    value = torch.arange(8, dtype=torch.int16)
    kinds = [value, value.view(torch.float16), value.view(torch.bfloat16), value.reshape(2, 4), value.view(torch.int32)]
    digests = {model_digest(write(tmp_path / str(number), {"w": kind})) for number, kind in enumerate(kinds)}
    assert len(digests) == len(kinds)


def test_bfloat16_bytes_are_the_upper_half_of_float32(tmp_path: Path) -> None:
    """Independent of torch: 1.5 is 0x3FC0 in bfloat16."""
    wanted = hashlib.sha256(np.array([0x3FC0], "<u2").tobytes()).hexdigest()
    folder = write(tmp_path / "m", {"w": torch.tensor([1.5], dtype=torch.bfloat16)})
    assert f"tensor {wanted} BF16 [1]" in model_manifest(folder)


@pytest.mark.parametrize(
    ("header", "body", "reason"),
    [
        (b"{", b"", "header cannot be read"),
        (b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{}}', b"\0", "header cannot be read"),
        (b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"", "cut short"),
        (b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"\0\0", "bytes follow"),
        (b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,1]}}', b"\0", "does not fit its shape"),
        (b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', b"\0\0", "does not fit its shape"),
        (b'{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,-1]}}', b"", "does not fit its shape"),
        (b'{"a":{"dtype":["U8"],"shape":[1],"data_offsets":[0,1]}}', b"\0", "unknown dtype"),
        (b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}', b"\0", "header cannot be read"),
        (b'{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}', b"\0", "unknown dtype"),
    ],
)
def test_a_damaged_weight_file_is_refused(header: bytes, body: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=reason):
        model_digest(write_raw(tmp_path / "m", header, body))


def test_missing_and_damaged_files_are_named(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    folder = write(tmp_path / "m", tensors)
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="cut short"):
        model_digest(folder)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 99))
    with pytest.raises(CheckpointError, match="longer than the file"):
        model_digest(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"there is no .*model\.safetensors"):
        model_digest(folder)
    for text in ("[]", "{", '{"a": 1, "a": 2}', '{"a": NaN}', '{"a": -1e999}'):
        (folder / "config.json").write_text(text, encoding="utf-8")
        with pytest.raises(CheckpointError, match="not valid JSON"):
            model_digest(folder)
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"there is no .*config\.json"):
        model_digest(folder)


def test_strict_json() -> None:
    assert strict_json('{"a": [1, null]}') == {"a": [1, None]}
    for text in ('{"a": 1, "a": 1}', "[NaN]", "[Infinity]", "[1e999]", b"\xff", "{"):
        with pytest.raises(ValueError):  # noqa: PT011
            strict_json(text)


def test_a_dtype_that_no_file_holds_is_refused() -> None:
    from affekt.models.digest import _entry_of_tensor

    with pytest.raises(CheckpointError, match="complex128"):
        _entry_of_tensor("w", torch.zeros(1, dtype=torch.complex128))
