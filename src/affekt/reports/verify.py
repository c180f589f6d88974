"""verify: whether a statement, a model and a ledger belong together, and say what their own numbers say.

Everything is checked even after the first mismatch; any mismatch means that the statement does not hold. No model is
built and no torch needed, unless recordings are to be compared with the commitment.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.errors import AffektError, ConfigError, DataError
from affekt.files import read_json
from affekt.metrics.deletion_rules import RULES, VERDICTS
from affekt.models.digest import model_digest
from affekt.reports.asked import Asked, commitment_root
from affekt.reports.commitment import key_name, pseudonym, read_request_key
from affekt.reports.dsse import Envelope, key_id, read_public_key, valid
from affekt.reports.flags import (
    category_of,
    evidence_of,
    flag_of_piece,
    limits_of_piece,
    misfits,
    verdict_of_pieces,
)
from affekt.reports.ledger import head_file, read_head, read_ledger
from affekt.reports.statement import SUBJECT, files_of, read_payload
from affekt.types import PathLike

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["Mismatch", "Verification", "verify"]

_MUST_BE_THERE = ("config.json", "model.safetensors")


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """Something that is not as the statement has it."""

    check: str
    """``signature``, ``statement``, ``model``, ``before``, ``evidence``, ``verdict``, ``ledger`` or ``recordings``."""
    sentence: str


@dataclass(kw_only=True)
class Verification:
    """What came of it."""

    mismatches: list[Mismatch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was not checked."""
    statement: dict[str, Any] | None = None
    """What the envelope holds, if it can be read; believe it only if there is no mismatch."""

    @property
    def succeeded(self) -> bool:
        """Whether everything agrees."""
        return not self.mismatches

    @property
    def summary(self) -> list[str]:
        """The first mismatch, or what the statement says."""
        if self.mismatches:
            return [f"Does not verify: {self.mismatches[0].sentence}"]
        predicate = (self.statement or {})["predicate"]
        verdict = predicate["verdict"]
        stated = f"Verified. Stated {predicate['created']}: {verdict}. {VERDICTS[verdict]}"
        return [stated, *self.notes]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "verified": self.succeeded,
            "mismatches": [vars(mismatch) for mismatch in self.mismatches],
            "notes": self.notes,
            "statement": self.statement,
        }

    def wrong(self, check: str, sentence: str) -> None:
        """Note a mismatch."""
        self.mismatches.append(Mismatch(check=check, sentence=sentence))


def verify(
    statement: PathLike,
    *,
    model: PathLike,
    keys: Sequence[PathLike],
    threshold: int | None = None,
    ledger: PathLike | None = None,
    head: PathLike | None = None,
    before: PathLike | None = None,
    asked: Asked | None = None,
    request_key: PathLike | None = None,
    rewritten: bool = False,
) -> Verification:
    """Check a statement.

    Args:
        statement: the envelope.
        model: the model directory after the deletion.
        keys: public keys of everybody who may have signed, as PEM files.
        threshold: how many of them must have; all if not given.
        ledger: the ledger that the statement should be in.
        head: a file with a head of the ledger that was published earlier; the ledger must lead to it. If not given,
            the head beside the ledger, which must be its last line.
        before: the model directory before the deletion.
        asked: recordings that should be exactly those of the commitment; needs ``request_key``.
        request_key: the key of the commitment.
        rewritten: the model's files were written anew, so their bytes may differ and only tensors and settings count.

    Raises:
        DataError: a file that was named is missing.
        ConfigError: a key is no Ed25519 public key, or the threshold asks for more keys than there are.
        MissingExtraError: cryptography is not installed.
    """
    public = {key_id(key): key for key in map(read_public_key, keys)}
    wanted = len(public) if threshold is None else threshold
    if not 1 <= wanted <= len(public):
        raise ConfigError(
            f"{wanted} signatures are asked for with {len(public)} different keys; 1 to {len(public)} was expected; "
            "give more keys or ask for fewer."
        )
    if (asked is None) != (request_key is None):
        raise ConfigError("recordings and the key of the commitment go together; both or neither were expected.")
    for path in (statement, *[one for one in (ledger, head, request_key) if one is not None]):
        if not Path(path).is_file():
            raise DataError(f"there is no file {path}; check the path.")
    for path in (model, *[one for one in (before,) if one is not None]):
        if not Path(path).is_dir():
            raise DataError(f"there is no model directory {path}; check the path.")
    if head is not None and ledger is None:
        raise ConfigError("a head was named without a ledger; both were expected; name the ledger as well.")

    found = Verification()
    try:
        envelope = Envelope.from_bytes(Path(statement).read_bytes())
    except DataError as error:
        found.wrong("statement", str(error))
        return found
    _signatures(found, envelope, public, wanted)
    try:
        found.statement = read_payload(envelope.payload)
    except DataError as error:
        found.wrong("statement", str(error))
    if found.statement is not None:
        predicate = found.statement["predicate"]
        _model(found, Path(model), found.statement["subject"], rewritten=rewritten)
        if before is not None:
            _before(found, before, predicate["model"]["before"]["sha256"])
        _evidence(found, predicate)
        _report(found, Path(model), predicate)
        if asked is not None and request_key is not None:
            _recordings(found, asked, request_key, predicate, model)
    if ledger is not None:
        _ledger(found, Path(ledger), head, envelope)
    elif found.statement is not None and found.statement["predicate"]["previous"] is not None:
        found.notes.append("The ledger was not checked; none was named.")
    return found


def _signatures(found: Verification, envelope: Envelope, public: "dict[str, Ed25519PublicKey]", threshold: int) -> None:
    """Every signature must be valid and by a key that was given, and there must be enough."""
    good = 0
    for signature in envelope.signatures:
        key = public.get(signature.keyid)
        if key is None:
            found.wrong(
                "signature",
                f"it is signed with the key {signature.keyid[:16]}..., which was not given; the signature of every "
                "signer is checked, so give that signer's public key too, if you trust it.",
            )
        elif not valid(envelope, signature, key):
            found.wrong("signature", f"the signature by the key {signature.keyid[:16]}... is not valid.")
        else:
            good += 1
    if good < threshold:
        found.wrong("signature", f"{good} of the given keys signed it, {threshold} had to.")


def _model(found: Verification, folder: Path, subjects: Iterable[dict[str, Any]], *, rewritten: bool) -> None:
    """The model must be the one that the statement is about, and its files the very files."""
    stated = {subject["name"]: subject["digest"]["sha256"] for subject in subjects}
    try:
        if model_digest(folder) != stated.pop(SUBJECT):
            found.wrong("model", "the model is another one: its tensors or settings differ.")
    except AffektError as error:
        found.wrong("model", str(error))
    if rewritten:
        found.notes.append("The files of the model were not compared, only its tensors and settings.")
        return
    there = files_of(folder)
    for subject, digest in stated.items():
        name = subject.removeprefix(f"{SUBJECT}/")
        if name in there and there[name] != digest:
            found.wrong("model", f"the file {name} of the model is not the one the statement is about.")
        elif name not in there and name in _MUST_BE_THERE:
            found.wrong("model", f"the file {name} of the model is missing.")
        elif name not in there:
            found.notes.append(f"{name} is not in the model directory, so it was not checked.")
    for name in _MUST_BE_THERE:
        if f"{SUBJECT}/{name}" not in stated and name in there:
            found.wrong("statement", f"the statement does not cover the file {name}.")


def _before(found: Verification, folder: PathLike, digest: str) -> None:
    """The model before."""
    try:
        if model_digest(folder) != digest:
            found.wrong("before", "the model before the deletion is another one: its tensors or settings differ.")
    except AffektError as error:
        found.wrong("before", str(error))


def _evidence(found: Verification, predicate: dict[str, Any]) -> None:
    """Flags must follow from numbers, and the verdict from flags."""
    method, trained, tier = predicate["method"], predicate["forget_set"]["trained"], predicate["tier"]
    pieces = []
    for piece in predicate["evidence"]:
        try:
            flag, limits = flag_of_piece(piece), limits_of_piece(piece)
        except DataError as error:
            found.wrong("evidence", str(error))
            continue
        if (piece["pass"], piece["failure"]) != flag:
            found.wrong("evidence", f"the flag of the test '{piece['test']}' does not follow from its numbers.")
        if limits != {key: piece[key] for key in limits}:
            found.wrong("evidence", f"the limits of the test '{piece['test']}' are not those of {RULES}.")
        pieces.append({**piece, "pass": flag.passed, "failure": flag.failure})
    for wrong in misfits(predicate["evidence"], tier):
        found.wrong("evidence", f"by the rules {RULES}, {wrong}.")
    verdict = verdict_of_pieces(pieces, tier=tier, method=method["name"], trained=trained)
    if verdict != predicate["verdict"]:
        found.wrong("verdict", f"the verdict is {predicate['verdict']}, but the evidence gives {verdict}.")
    if method["category"] != category_of(method["name"]):
        found.wrong("verdict", f"the method {method['name']} is called {method['category']}, which it is not.")


def _report(found: Verification, folder: Path, predicate: dict[str, Any]) -> None:
    """Where the report of the deletion is still there, the statement must have its numbers."""
    if not (folder / "report.json").is_file():
        return
    try:
        report = read_json(folder / "report.json")
        told = {piece["test"]: piece["values"] for piece in evidence_of(report)}
        tier = report["tier"]
        counts = [report["request"]["recordings"], report["request"]["sides"]["train"], report["method"]["name"]]
    except (AffektError, KeyError, TypeError, ValueError, AttributeError) as error:
        found.wrong("evidence", f"report.json beside the model cannot be followed ({error}).")
        return
    stated = {piece["test"]: piece["values"] for piece in predicate["evidence"]}
    if {test: stated.get(test) for test in told} != told or tier != predicate["tier"]:
        found.wrong("evidence", "the numbers of the evidence are not those in report.json beside the model.")
    forget_set = predicate["forget_set"]
    if counts != [forget_set["recordings"], forget_set["trained"], predicate["method"]["name"]]:
        found.wrong("evidence", "the forget set or the method is not the one in report.json beside the model.")


def _recordings(
    found: Verification, asked: Asked, request_key: PathLike, predicate: dict[str, Any], model: PathLike
) -> None:
    """The recordings must be exactly those that were committed to."""
    from affekt.models import EmotionModel
    from affekt.reports.request import read_request

    commitment = predicate["forget_set"]["commitment"]
    if commitment is None:
        found.wrong("recordings", "the statement commits to no recordings.")
        return
    key = read_request_key(request_key)
    if key_name(key) != commitment["key_id"]:
        found.wrong("recordings", "the key is not the one of this statement's commitment.")
    try:
        after = EmotionModel.from_pretrained(model)
    except AffektError as error:
        found.wrong("recordings", str(error))
        return
    request, _ = read_request(after, asked.corpus, speaker=asked.speaker, utterances=asked.utterances)
    if commitment_root(key, request) != commitment["root"]:
        found.wrong("recordings", "the recordings are not exactly those that the statement commits to.")
    subject = None if asked.speaker is None else pseudonym(key, asked.speaker)
    if predicate["request"]["scope"] == "speaker" and subject not in (None, predicate["request"]["subject"]):
        found.wrong("recordings", "the person is not the one the statement is about.")
    still = sum(side != "unknown" for side in request.sides) if request.recorded else 0
    if still:
        found.wrong("recordings", f"the model's record still has {still} of the recordings.")


def _ledger(found: Verification, path: Path, head: PathLike | None, envelope: Envelope) -> None:
    """The chain must be whole, lead to the head, and have the statement where the statement says it is."""
    try:
        entries = read_ledger(path)
        beside = head_file(path)
        if head is not None:
            if read_head(head) not in [entry.head for entry in entries]:
                found.wrong("ledger", "the ledger does not lead to the head that was published; lines are missing.")
        elif beside.is_file():
            if not entries or read_head(beside) != entries[-1].head:
                found.wrong("ledger", "the ledger does not end where its head says; lines are missing or were edited.")
        else:
            found.notes.append("Whether lines are missing at the ledger's end was not checked; no head was named.")
    except DataError as error:
        found.wrong("ledger", str(error))
        return
    mine = [entry for entry in entries if entry.payload == envelope.payload_sha256]
    if envelope.sha256 not in [entry.envelope for entry in mine]:
        found.wrong("ledger", "the ledger does not have this statement.")
        return
    if found.statement is None:
        return
    predicate, first = found.statement["predicate"], mine[0]
    if first.event != "statement" or any(entry.event != "signature" for entry in mine[1:]):
        found.wrong("ledger", "the ledger does not have this statement once, before what was signed later.")
    if predicate["previous"] != f"sha256:{first.prev}":
        found.wrong("ledger", "the statement names another place in the ledger than the one it has.")
    if predicate["created"] != first.time:
        found.wrong("ledger", "the ledger and the statement name different times.")
