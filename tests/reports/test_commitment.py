"""The commitment: RFC 6962's tree, HMAC by hand, and nothing to learn without the key."""

import hashlib
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import ConfigError, DataError
from affekt.models import ErasureRecord
from affekt.reports.commitment import (
    Proof,
    destroy_key,
    included,
    inclusion_proof,
    key_name,
    leaf,
    merkle_root,
    new_request_key,
    pcm_digest,
    pseudonym,
    read_request_key,
    write_private,
)

# the leaves and roots that the reference implementation of Certificate Transparency is tested with
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
CLIP = np.array([0.0, 0.5, -1.0, 1.0], np.float32)


@pytest.mark.parametrize("size", range(1, 9))
def test_the_tree_is_that_of_certificate_transparency(size: int) -> None:
    assert merkle_root(LEAVES[:size]).hex() == ROOTS[size - 1]


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
def test_a_proof_leads_to_the_root_for_its_leaf_alone(leaves: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(leaves) - 1))
    root = merkle_root(leaves)
    proof = inclusion_proof(leaves, place)
    assert included(leaves[place], proof, root)
    assert len(proof.path) <= (len(leaves) - 1).bit_length()
    assert not included(leaves[place] + b"x", proof, root)
    assert not included(leaves[place], proof, bytes(32))
    assert not included(leaves[place], proof._replace(path=(*proof.path, root)), root)
    assert not included(leaves[place], proof._replace(place=proof.size), root)
    if proof.path:
        assert not included(leaves[place], proof._replace(path=(bytes(32), *proof.path[1:])), root)


def test_a_node_is_no_leaf() -> None:
    """The classic forgery: show two leaves' hashes as if they were a recording."""
    hashes = [hashlib.sha256(b"\0" + value).digest() for value in LEAVES[:4]]
    root = merkle_root(LEAVES[:4])
    right = hashlib.sha256(b"\1" + hashes[2] + hashes[3]).digest()
    assert not included(hashes[0] + hashes[1], Proof(place=0, size=2, path=(right,)), root)


def test_a_leaf_is_the_hmac_of_name_and_samples() -> None:
    key = bytes(range(32))
    message = b"utterance-7" + hashlib.sha256(b"\x00\x00\x00\x40\x00\x80\xff\x7f").digest()
    block = key + bytes(32)
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + message).digest()
    wanted = hashlib.sha256(bytes(byte ^ 0x5C for byte in block) + inner).digest()
    assert leaf(key, "utterance-7", CLIP) == wanted


def test_samples_are_those_of_the_erasure_record() -> None:
    import hmac

    record = ErasureRecord()
    named = hmac.new(bytes.fromhex(record.key), pcm_digest(CLIP), hashlib.sha256).hexdigest()
    assert record.commitment(CLIP) == named[:32]


def test_one_recording_under_two_keys_has_unrelated_leaves(tmp_path: Path) -> None:
    keys = [new_request_key(tmp_path / str(number)) for number in range(64)]
    leaves = [leaf(key, "u", CLIP) for key in keys]
    bits = np.unpackbits(np.frombuffer(b"".join(leaves), np.uint8)).reshape(64, 256)
    apart = [int((bits[i] != bits[j]).sum()) for i in range(64) for j in range(i)]
    # two unrelated strings of 256 bits differ in 128 of them, give or take 8
    assert min(apart) > 80
    assert max(apart) < 176
    assert abs(np.mean(apart) - 128) < 2
    assert len({pseudonym(key, "s1") for key in keys}) == len({key_name(key) for key in keys}) == 64


def test_a_key_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key"
    key = new_request_key(path)
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_request_key(path) == key
    with pytest.raises(DataError, match="exists already"):
        new_request_key(path)
    with pytest.raises(DataError, match="exists already"):
        write_private(path, b"")
    assert read_request_key(path) == key


def test_a_key_can_be_destroyed_and_nothing_else(tmp_path: Path) -> None:
    new_request_key(tmp_path / "key")
    destroy_key(tmp_path / "key")
    assert not (tmp_path / "key").exists()
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(DataError, match="holds no key of a request"):
        destroy_key(tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"
    with pytest.raises(DataError, match="cannot be read"):
        destroy_key(tmp_path / "key")


def test_destroying_overwrites_before_it_removes(tmp_path: Path) -> None:
    new_request_key(tmp_path / "key")
    (tmp_path / "same").hardlink_to(tmp_path / "key")
    destroy_key(tmp_path / "key")
    assert set((tmp_path / "same").read_bytes()) == {0}


def test_bad_input() -> None:
    with pytest.raises(ConfigError, match="nothing to commit to"):
        merkle_root([])
    with pytest.raises(ConfigError, match="there is no leaf 3"):
        inclusion_proof(LEAVES[:3], 3)
