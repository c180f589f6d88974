"""certify: a signed statement about a deletion that affekt forget reported, and a letter to the person.

The statement repeats no verdict: flags are computed from the report's numbers, the verdict from the flags, and a report
that says otherwise is refused.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from affekt.errors import ConfigError, DataError
from affekt.files import check_new_file, check_new_folder, new_folder, read_json, write_text
from affekt.metrics.deletion_rules import SUCCESS, VERDICTS
from affekt.models.digest import model_manifest
from affekt.reports.asked import Asked, commitment_of, identifiers, request_of
from affekt.reports.commitment import destroy_key, new_request_key, pseudonym
from affekt.reports.dsse import Envelope, public_pem, read_signing_key, sign
from affekt.reports.flags import evidence_of
from affekt.reports.ledger import open_ledger
from affekt.reports.letter import letter_html, letter_text
from affekt.reports.request_details import RequestDetails
from affekt.reports.statement import read_payload, write_payload
from affekt.reports.statement_draft import draft_statement
from affekt.types import PathLike

if TYPE_CHECKING:
    from affekt.models import EmotionModel

__all__ = ["STATEMENT_FILE", "Asked", "Certificate", "add_signature", "certify"]

STATEMENT_FILE: Final = "statement.dsse.json"
NO_COMMITMENT: Final = "Which recordings were asked for: no corpus was given when this statement was made."
NO_LEDGER: Final = "That no statement is missing from the series: this one was written into no ledger."


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What was issued, and where it is."""

    statement: dict[str, Any]
    folder: Path
    """``statement.dsse.json``, manifests of both models, the public keys, ``letter.html`` and ``letter.txt``."""
    request_key: Path | None
    """The key of the commitment, which is not in the folder."""
    head: str | None
    """The head of the ledger after this statement."""

    @property
    def verdict(self) -> str:
        """One of ``affekt.reports.VERDICTS``."""
        return str(self.statement["predicate"]["verdict"])

    @property
    def succeeded(self) -> bool:
        """Whether the new model may replace the old one."""
        return self.verdict in SUCCESS

    @property
    def summary(self) -> list[str]:
        """The verdict in words, and what was written where."""
        lines = [f"{self.verdict}: {VERDICTS[self.verdict]}", f"Statement: {self.folder / STATEMENT_FILE}"]
        lines.append(f"Letter to the person: {self.folder / 'letter.html'} and letter.txt")
        if self.request_key is not None:
            lines.append(f"Key of the commitment, to keep apart and to destroy: {self.request_key}")
        if self.head is not None:
            lines.append(f"Head of the ledger, to publish: {self.head}")
        return lines

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "statement": self.statement,
            "folder": str(self.folder),
            "request_key": None if self.request_key is None else str(self.request_key),
            "ledger_head": self.head,
        }


def certify(
    after: PathLike,
    *,
    before: PathLike,
    keys: Sequence[PathLike],
    out: PathLike,
    ledger: PathLike | None = None,
    details: RequestDetails | None = None,
    asked: Asked | None = None,
    request_key: PathLike | None = None,
    evidence: Sequence[PathLike] = (),
    now: datetime | None = None,
) -> Certificate:
    """Issue a statement about a model directory that ``affekt forget`` wrote.

    Args:
        after: that directory.
        before: the model it was made from.
        keys: private keys of all who sign now, as PEM files.
        out: a new folder.
        ledger: the ledger to add the statement to; it is made if it is not there.
        details: what only the controller knows.
        asked: the requested recordings, to commit to them.
        request_key: a new file for the key of the commitment; ``OUT.request-key`` beside the folder if not given.
        evidence: files about the configuration, such as an audit, to cite by their SHA-256.
        now: the time to claim; the clock's if not given.

    Raises:
        DataError: ``out`` exists, a file is missing, or the report is not about these models.
        ConfigError: a key is no Ed25519 key, or a detail names the person.
        CheckpointError: a model directory is damaged.
        MissingExtraError: cryptography is not installed.
    """
    out = check_new_folder(out)
    details = details or RequestDetails()
    if not keys:
        raise ConfigError("there is no key to sign with (got 0); one or more were expected; make one with --new-key.")
    signers = [read_signing_key(key) for key in keys]
    time = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    report = _read_report(Path(after))
    manifests = {"before": model_manifest(before), "after": model_manifest(after)}
    old = _check_weights(report, before, after)
    try:
        pieces = evidence_of(report)
        statement = draft_statement(
            report,
            pieces=pieces,
            before=before,
            after=after,
            old=old,
            manifests=manifests,
            details=details,
            evidence=evidence,
            time=time,
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise DataError(
            f"{Path(after) / 'report.json'} lacks or garbles a field ({error}); the report that affekt forget wrote "
            "was expected; restore it from a copy."
        ) from None

    predicate = statement["predicate"]
    request = None if asked is None else request_of(asked, old, report)
    if request is not None:
        details.must_not_say(identifiers(request))
    elif request_key is not None:
        raise ConfigError(
            "a file for the request's key was named without the recordings to commit to; both or neither were "
            "expected; name the corpus and the recordings as well."
        )
    predicate["limits"] += [NO_COMMITMENT] * (request is None) + [NO_LEDGER] * (ledger is None)
    key_file: Path | None = None
    head: str | None = None
    try:
        with nullcontext() if ledger is None else open_ledger(ledger) as book, new_folder(out) as folder:
            if request is not None and asked is not None:
                key_file = check_new_file(request_key or out.with_name(out.name + ".request-key"))
                key = new_request_key(key_file)
                predicate["forget_set"]["commitment"] = commitment_of(key, request, details)
                predicate["request"]["subject"] = None if asked.speaker is None else pseudonym(key, asked.speaker)
            if book is not None:
                predicate["previous"] = f"sha256:{book.head}"
            envelope = sign(write_payload(statement), signers)
            (folder / STATEMENT_FILE).write_bytes(envelope.to_bytes())
            for name, manifest in manifests.items():
                write_text(folder / f"model-{name}.manifest", manifest)
            for number, signer in enumerate(signers, start=1):
                write_text(folder / f"key-{number}.pub", public_pem(signer.public_key()))
            write_text(folder / "letter.txt", letter_text(predicate, details))
            write_text(folder / "letter.html", letter_html(predicate, details))
            if book is not None:
                digests = {"envelope": envelope.sha256, "payload": envelope.payload_sha256}
                head = book.append(**digests, event="statement", time=time).head
    except BaseException:
        if key_file is not None and key_file.is_file():
            destroy_key(key_file)
        raise
    return Certificate(statement=statement, folder=out, request_key=key_file, head=head)


def add_signature(
    statement: PathLike,
    *,
    keys: Sequence[PathLike],
    out: PathLike,
    ledger: PathLike | None = None,
    now: datetime | None = None,
) -> Path:
    """Sign a statement that somebody else has signed, as a reviewer does.

    Args:
        statement: the file, left as it is.
        keys: private keys of whoever signs now.
        out: the new file, with all signatures.
        ledger: the ledger that the statement is in.
        now: the time to claim; the clock's if not given.

    Raises:
        DataError: the file is no statement, ``out`` exists, or the ledger is broken or does not have the statement.
        ConfigError: a key is no Ed25519 key.
    """
    out = check_new_file(out)
    try:
        envelope = Envelope.from_bytes(Path(statement).read_bytes())
    except OSError as error:
        raise DataError(
            f"{statement} cannot be read ({error.strerror}); a statement was expected; check the path."
        ) from None
    read_payload(envelope.payload)
    signed = sign(envelope.payload, [read_signing_key(key) for key in keys], signatures=envelope.signatures)
    time = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if ledger is None:
        write_text(out, signed.to_bytes().decode("ascii"))
        return out
    with open_ledger(ledger) as book:
        if not any(entry.payload == envelope.payload_sha256 for entry in book.entries):
            raise DataError(f"the ledger {ledger} does not have the statement {statement}; name the right ledger.")
        write_text(out, signed.to_bytes().decode("ascii"))
        book.append(envelope=signed.sha256, payload=signed.payload_sha256, event="signature", time=time)
    return out


def _read_report(folder: Path) -> dict[str, Any]:
    """report.json, as far as its kind goes.

    Raises:
        DataError: it is missing or another file.
    """
    if not (folder / "report.json").is_file():
        raise DataError(
            f"{folder} has no report.json; a model directory that affekt forget wrote was expected; check the path."
        )
    report = read_json(folder / "report.json")
    if not isinstance(report, dict) or report.get("format") != "affekt-forget-report":
        raise DataError(f"{folder / 'report.json'} is no report of affekt forget; check the path.")
    if report.get("format_version") != 2:
        raise DataError(
            f"{folder / 'report.json'} has the version {report.get('format_version')}; 2 was expected; use the version "
            "of affekt that wrote it."
        )
    return report


def _check_weights(report: Mapping[str, Any], before: PathLike, after: PathLike) -> "EmotionModel":
    """The model before; it and the model after must be those of the report.

    Raises:
        DataError: they are not.
    """
    from affekt.models import EmotionModel, tensor_digest

    models = {"before": EmotionModel.from_pretrained(before), "after": EmotionModel.from_pretrained(after)}
    for name, model in models.items():
        if tensor_digest(model) != report.get("model", {}).get(f"weights_{name}_sha256"):
            raise DataError(
                f"the report is not about this model (the weights {name} the deletion differ); the two models of the "
                "report were expected; check both paths."
            )
    return models["before"]
