"""Envelopes: the specification's example, RFC 8032's signatures, openssl's opinion, and no other way to write them."""

import base64
import builtins
import hashlib
import json
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from affekt.errors import ConfigError, DataError, MissingExtraError
from affekt.reports.dsse import (
    Envelope,
    Signature,
    key_id,
    new_signing_key,
    pae,
    public_pem,
    read_public_key,
    read_signing_key,
    sign,
    valid,
)

PAYLOAD = b'{"a": 1}'


@pytest.fixture(scope="module")
def keys() -> list[Ed25519PrivateKey]:
    return [Ed25519PrivateKey.generate() for _ in range(2)]


@pytest.fixture(scope="module")
def envelope(keys: list[Ed25519PrivateKey]) -> Envelope:
    return sign(PAYLOAD, keys)


def test_the_encoding_is_that_of_the_specification() -> None:
    wanted = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae(b"hello world", "http://example.com/HelloWorld") == wanted
    # lengths count bytes, not characters
    assert pae("é".encode(), "ü") == b"DSSEv1 2 \xc3\xbc 2 \xc3\xa9"


def test_the_signature_is_ed25519() -> None:
    """RFC 8032, 7.1, test 1: the key and its signature over nothing."""
    key = Ed25519PrivateKey.from_private_bytes(
        bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    )
    assert key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex() == (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    assert key.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    (made,) = sign(PAYLOAD, [key]).signatures
    assert made.signature == key.sign(b"DSSEv1 28 application/vnd.in-toto+json 8 " + PAYLOAD)


def test_signatures_are_valid_for_their_key_and_payload_alone(
    envelope: Envelope, keys: list[Ed25519PrivateKey]
) -> None:
    by_name = {key_id(key.public_key()): key.public_key() for key in keys}
    for signature in envelope.signatures:
        assert valid(envelope, signature, by_name[signature.keyid])
        for name, key in by_name.items():
            assert valid(envelope, signature, key) == (name == signature.keyid)
        other = Envelope(payload=PAYLOAD + b" ", signatures=envelope.signatures)
        assert not valid(other, signature, by_name[signature.keyid])


def test_an_envelope_is_read_as_it_was_written(envelope: Envelope) -> None:
    data = envelope.to_bytes()
    assert Envelope.from_bytes(data) == envelope
    content = json.loads(data)
    assert list(content) == ["payloadType", "payload", "signatures"]
    assert base64.b64decode(content["payload"]) == PAYLOAD
    assert envelope.sha256 == hashlib.sha256(data).hexdigest()


def test_every_single_bit_of_an_envelope_counts(envelope: Envelope, keys: list[Ed25519PrivateKey]) -> None:
    data = envelope.to_bytes()
    public = {key_id(key.public_key()): key.public_key() for key in keys}
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            read = Envelope.from_bytes(bytes(changed))
        except DataError:
            continue
        good = [one.keyid in public and valid(read, one, public[one.keyid]) for one in read.signatures]
        assert not all(good), bit


def test_no_other_way_to_write_it(envelope: Envelope) -> None:
    data = envelope.to_bytes()
    content = json.loads(data)
    spare = base64.b64encode(PAYLOAD + b"x").decode()  # nine bytes: no padding
    loose = base64.b64encode(PAYLOAD).decode()  # eight bytes: the last digit has two bits to spare
    assert loose.endswith("=")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    bent = loose[:-2] + alphabet[alphabet.index(loose[-2]) + 1] + "="
    assert base64.b64decode(bent) == PAYLOAD
    assert not spare.endswith("=")
    wrong: list[Any] = [
        content | {"payload": bent},
        content | {"payload": loose[:4] + "\n" + loose[4:]},
        content | {"payload": loose.rstrip("=")},
        content | {"extra": 1},
        content | {"payloadType": "text/plain"},
        content | {"signatures": content["signatures"][::-1]},
        content | {"signatures": content["signatures"] + content["signatures"][:1]},
        content | {"signatures": []},
        content | {"signatures": [content["signatures"][0] | {"cert": ""}]},
        content | {"signatures": {}},
        dict(reversed(content.items())),
        {},
        [],
        None,
    ]
    texts = [json.dumps(value, indent=2).encode() + b"\n" for value in wrong]
    texts += [data[:-1], data + b"\n", data.replace(b"\n", b"\r\n"), json.dumps(content).encode(), b"", b"\xff"]
    texts += [data.replace(b'{\n  "payloadType"', b'{\n  "payload": "",\n  "payloadType"'), b"[" * 100_000]
    for text in texts:
        with pytest.raises(DataError, match="envelope"):
            Envelope.from_bytes(text)


def test_a_second_signature_is_added(keys: list[Ed25519PrivateKey], envelope: Envelope) -> None:
    first = sign(PAYLOAD, keys[:1])
    assert sign(PAYLOAD, keys[1:], signatures=first.signatures) == envelope
    with pytest.raises(DataError, match="2 signatures by 1 keys"):
        sign(PAYLOAD, keys[:1], signatures=first.signatures)
    with pytest.raises(DataError, match="0 signatures"):
        sign(PAYLOAD, [])


def test_keys_on_disk(tmp_path: Path) -> None:
    private, public = new_signing_key(tmp_path / "op.key")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    key = read_signing_key(private)
    assert public.read_text(encoding="ascii") == public_pem(key.public_key())
    assert key_id(read_public_key(public)) == key_id(key.public_key())
    before = private.read_bytes()
    with pytest.raises(DataError, match="exists already"):
        new_signing_key(private)
    private.unlink()
    with pytest.raises(DataError, match=r"op\.key\.pub exists already"):
        new_signing_key(private)
    assert not private.exists()
    assert b"PRIVATE" in before


def test_openssl_agrees(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine")
    private, public = new_signing_key(tmp_path / "op.key")

    def openssl(*words: object) -> bytes:
        return subprocess.run(["openssl", *map(str, words)], capture_output=True, check=True).stdout

    assert openssl("pkey", "-in", private, "-pubout") == public.read_bytes()
    der = openssl("pkey", "-pubin", "-in", public, "-outform", "DER")
    envelope = sign(PAYLOAD, [read_signing_key(private)])
    (signature,) = envelope.signatures
    assert hashlib.sha256(der).hexdigest() == signature.keyid
    (tmp_path / "pae").write_bytes(pae(PAYLOAD))
    (tmp_path / "sig").write_bytes(signature.signature)
    line = ["pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", tmp_path / "pae"]
    assert b"Verified Successfully" in openssl(*line, "-sigfile", tmp_path / "sig")


def test_keys_that_are_none(tmp_path: Path) -> None:
    private, public = new_signing_key(tmp_path / "op.key")
    rsa = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "rsa").write_bytes(rsa)
    for path in (public, tmp_path / "rsa"):
        with pytest.raises(ConfigError, match="is no private key to sign with"):
            read_signing_key(path)
    for path in (private, tmp_path / "rsa"):
        with pytest.raises(ConfigError, match="is no public key to verify with"):
            read_public_key(path)
    for read in (read_signing_key, read_public_key):
        with pytest.raises(DataError, match="cannot be read"):
            read(tmp_path / "none")


def test_without_cryptography(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("cryptography"):
            raise ModuleNotFoundError(name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"affekt\[sign\]"):
        new_signing_key(tmp_path / "op.key")
    assert list(tmp_path.iterdir()) == []


def test_signatures_sort_by_key() -> None:
    one, two = Signature(keyid="b", signature=b"1"), Signature(keyid="a", signature=b"2")
    with pytest.raises(DataError, match="sorted by key id"):
        Envelope(payload=b"", signatures=(one, two))
