"""DSSE envelopes with Ed25519: a signature over the exact bytes of a payload, readable before and after.

*Source.* DSSE v1 of the Secure Systems Lab (``PAE``, the JSON envelope); RFC 8032 (Ed25519). *Ours:* an envelope has
one way to be written, and :meth:`Envelope.from_bytes` refuses every other. JSON and base64 leave a choice of white
space and of unused bits, which no signature covers.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from affekt.errors import ConfigError, DataError, MissingExtraError
from affekt.files import check_new_file, write_text
from affekt.models.digest import strict_json
from affekt.reports.commitment import write_private
from affekt.types import PathLike

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = [
    "PAYLOAD_TYPE",
    "Envelope",
    "Signature",
    "key_id",
    "new_signing_key",
    "pae",
    "public_pem",
    "read_public_key",
    "read_signing_key",
    "sign",
    "valid",
]

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"


@dataclass(frozen=True, kw_only=True, order=True)
class Signature:
    """One party's signature."""

    keyid: str
    """SHA-256 of the public key's SubjectPublicKeyInfo (DER), in hexadecimal."""
    signature: bytes
    """64 bytes of Ed25519 over :func:`pae`."""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """A payload and who signed it."""

    payload: bytes
    signatures: tuple[Signature, ...]
    """In the order of their key ids, one a key."""

    def __post_init__(self) -> None:
        names = [signature.keyid for signature in self.signatures]
        if not names or names != sorted(set(names)):
            raise DataError(
                f"the envelope has {len(names)} signatures by {len(set(names))} keys in some order; one or more, one a "
                "key, sorted by key id, were expected; sign the statement again."
            )

    def to_bytes(self) -> bytes:
        """The file: the only way this envelope may be written."""
        content = {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(self.payload).decode("ascii"),
            "signatures": [
                {"keyid": one.keyid, "sig": base64.b64encode(one.signature).decode("ascii")} for one in self.signatures
            ],
        }
        return (json.dumps(content, indent=2) + "\n").encode("ascii")

    @classmethod
    def from_bytes(cls, data: bytes) -> "Envelope":
        """Read a file.

        Raises:
            DataError: it is no envelope, or not written exactly as :meth:`to_bytes` writes it.
        """
        try:
            content = strict_json(data)
            envelope = cls(
                payload=base64.b64decode(content["payload"], validate=True),
                signatures=tuple(
                    Signature(keyid=str(one["keyid"]), signature=base64.b64decode(one["sig"], validate=True))
                    for one in content["signatures"]
                ),
            )
        except (ValueError, TypeError, KeyError, AttributeError, binascii.Error, RecursionError):
            raise DataError(
                "the statement is no DSSE envelope with a payload and signatures; the file that affekt certify wrote "
                "was expected; get it again from whoever issued it."
            ) from None
        if envelope.to_bytes() != data:
            raise DataError(
                "the statement's envelope is not written the one way it may be (white space, base64 or a field "
                "differs); the exact file that affekt certify wrote was expected; get it again from whoever issued it."
            )
        return envelope

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def payload_sha256(self) -> str:
        """Of the payload."""
        return hashlib.sha256(self.payload).hexdigest()


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """DSSE's pre-authentication encoding: what is signed.

    Example:
        >>> pae(b"hello world", "http://example.com/HelloWorld")
        b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, keys: "Iterable[Ed25519PrivateKey]", *, signatures: Sequence[Signature] = ()) -> Envelope:
    """Sign a payload with one or several keys.

    Args:
        payload: the exact bytes.
        keys: of whoever signs now.
        signatures: made earlier, by others.

    Raises:
        DataError: one key signs twice, or there is none.
    """
    made = [Signature(keyid=key_id(key.public_key()), signature=key.sign(pae(payload))) for key in keys]
    return Envelope(payload=payload, signatures=tuple(sorted([*signatures, *made])))


def valid(envelope: Envelope, signature: Signature, key: "Ed25519PublicKey") -> bool:
    """Whether a signature in an envelope is one by this key."""
    from cryptography.exceptions import InvalidSignature

    if signature.keyid != key_id(key):
        return False
    try:
        key.verify(signature.signature, pae(envelope.payload))
    except InvalidSignature:
        return False
    return True


def key_id(key: "Ed25519PublicKey") -> str:
    """SHA-256 of a public key's SubjectPublicKeyInfo (DER)."""
    serialization = _serialization()
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def public_pem(key: "Ed25519PublicKey") -> str:
    """A public key as PEM."""
    serialization = _serialization()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def new_signing_key(path: PathLike) -> tuple[Path, Path]:
    """Make a signing key: PEM (PKCS #8) that only its owner can read, and beside it the public key, ``PATH.pub``.

    Returns:
        The two files.

    Raises:
        DataError: one of the files exists.
        MissingExtraError: cryptography is not installed.
    """
    serialization = _serialization()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = check_new_file(path)
    public = check_new_file(path.with_name(path.name + ".pub"))
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(path, pem)
    write_text(public, public_pem(key.public_key()))
    return path, public


def read_signing_key(path: PathLike) -> "Ed25519PrivateKey":
    """Read a private key.

    Raises:
        DataError: the file is missing.
        ConfigError: it is no unencrypted Ed25519 key in PEM.
        MissingExtraError: cryptography is not installed.
    """
    serialization = _serialization()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(
            f"{path} is no private key to sign with; an Ed25519 key in PEM without a password was expected; make one "
            "with affekt certify --new-key."
        )
    return key


def read_public_key(path: PathLike) -> "Ed25519PublicKey":
    """Read a public key.

    Raises:
        DataError: the file is missing.
        ConfigError: it is no Ed25519 public key in PEM.
        MissingExtraError: cryptography is not installed.
    """
    serialization = _serialization()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(
            f"{path} is no public key to verify with; an Ed25519 public key in PEM was expected (the .pub file that "
            "affekt certify --new-key wrote); check the path."
        )
    return key


def _read(path: PathLike) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); a key was expected; check the path.") from None


def _serialization() -> Any:
    """The part of cryptography that reads and writes keys."""
    try:
        from cryptography.hazmat.primitives import serialization
    except ModuleNotFoundError:
        raise MissingExtraError(
            "signing needs cryptography, which is not installed; the extra 'sign' brings it; "
            "run pip install 'affekt[sign]'."
        ) from None
    return serialization
