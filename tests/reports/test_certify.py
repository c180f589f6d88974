"""certify: what a statement holds, what it never holds, and what it refuses."""

import dataclasses
import hashlib
import json
import re
import shutil
import stat
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affekt.errors import AffektError, ConfigError, DataError
from affekt.metrics.deletion_rules import TESTS
from affekt.models import EmotionModel
from affekt.models.digest import file_digest, model_digest
from affekt.models.saved_statistics import SavedStatistics
from affekt.reports.certify import Asked, add_signature, certify
from affekt.reports.commitment import included, inclusion_proof, leaf, pcm_digest, pseudonym, read_request_key
from affekt.reports.dsse import Envelope, new_signing_key
from affekt.reports.forget_page import NOT_CLAIMED
from affekt.reports.forget_report import forget_with_report
from affekt.reports.ledger import EMPTY, read_ledger
from affekt.reports.request_details import RequestDetails, ScopeMap
from affekt.reports.statement import files_of, read_payload
from affekt.reports.verify import verify


def statement_of(file: Path) -> dict[str, Any]:
    return read_payload(Envelope.from_bytes(file.read_bytes()).payload)


@pytest.fixture(scope="module")
def statement(issued: Any) -> dict[str, Any]:
    return statement_of(issued.statement)


def test_a_statement_holds_what_the_report_says(issued: Any, statement: dict[str, Any]) -> None:
    predicate = statement["predicate"]
    report = json.loads((issued.after / "report.json").read_text(encoding="utf-8"))
    assert predicate["verdict"] == report["verdict"]
    assert [one["pass"] for one in predicate["evidence"]] == [one["passed"] for one in report["tests"]]
    assert predicate["method"]["name"] == "gradient_ascent"
    assert predicate["method"]["category"] == "approximate"
    assert predicate["forget_set"]["recordings"] == report["request"]["recordings"] == 12
    assert predicate["forget_set"]["emotions"] is None
    assert predicate["model"]["before"]["sha256"] == model_digest(issued.before)
    assert [entry["event"] for entry in predicate["model"]["lineage"]] == ["training", "deletion"]
    assert set(NOT_CLAIMED) <= set(predicate["limits"])
    assert predicate["not_tested"] == report["not_tested"]
    assert set(predicate["scope"].values()) == {"not stated"}
    entries = read_ledger(issued.ledger)
    assert len(entries) == 2
    assert entries[0].prev == EMPTY
    assert predicate["previous"] == f"sha256:{entries[0].head}"
    assert entries[1].envelope == file_digest(issued.statement)


def test_subjects_are_files_anybody_can_sum(issued: Any, statement: dict[str, Any]) -> None:
    subjects = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
    assert subjects.pop("model-after") == file_digest(issued.folder / "model-after.manifest")
    assert {name.removeprefix("model-after/") for name in subjects} >= {
        "config.json",
        "model.safetensors",
        "report.json",
        "run.json",
        "erasure/record.json",
    }
    for name, digest in subjects.items():
        assert file_digest(issued.after / name.removeprefix("model-after/")) == digest
    before = statement["predicate"]["model"]["before"]
    assert file_digest(issued.folder / "model-before.manifest") == before["sha256"]
    assert file_digest(issued.before / "model.safetensors") == before["weights_file_sha256"]


def test_the_commitment_holds_for_each_recording(issued: Any, statement: dict[str, Any]) -> None:
    key = read_request_key(issued.request_key)
    assert stat.S_IMODE(issued.request_key.stat().st_mode) == 0o600
    assert issued.request_key.parent != issued.folder
    corpus = issued.corpus.with_speakers(issued.speaker)
    names = corpus.table["utterance"].to_list()
    leaves = sorted(leaf(key, name, corpus.load(row)) for row, name in enumerate(names))
    root = bytes.fromhex(statement["predicate"]["forget_set"]["commitment"]["root"])
    assert all(included(one, inclusion_proof(leaves, place), root) for place, one in enumerate(leaves))
    assert statement["predicate"]["request"]["subject"] == pseudonym(key, issued.speaker)


def everything_said(issued: Any) -> str:
    """Every byte that may leave the house, the payload decoded."""
    files = [file for file in sorted(issued.folder.rglob("*")) if file.is_file()] + [issued.ledger]
    files += [issued.ledger.with_name(issued.ledger.name + ".head")]
    text = "\n".join(file.name + "\n" + file.read_text(encoding="utf-8") for file in files)
    return text + Envelope.from_bytes(issued.statement.read_bytes()).payload.decode()


def test_nobody_is_named_anywhere(issued: Any) -> None:
    said = everything_said(issued)
    assert len(said) > 10_000
    table = issued.corpus.table
    names = {str(value) for column in ("utterance", "speaker", "file") for value in table[column]}
    words = set(re.findall(r"[\w.-]+", said))
    assert issued.speaker in names
    assert not names & words
    assert not [name for name in names if len(name) > 3 and name in said]
    assert issued.corpus.name not in words
    for row in range(len(issued.corpus)):
        wave = issued.corpus.load(row)
        name, file = table["utterance"][row], issued.corpus.root / table["file"][row]
        unsalted = [
            pcm_digest(wave).hex(),
            hashlib.sha256(np.asarray(wave, "<f4").tobytes()).hexdigest(),
            hashlib.sha256(file.read_bytes()).hexdigest(),
            hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest(),
            *(hashlib.sha256(text.encode()).hexdigest() for text in (name, file.name, str(file))),
        ]
        assert not [digest for digest in unsalted if digest in said or digest[:16] in said]
    for speaker in issued.corpus.speakers:
        assert hashlib.sha256(speaker.encode()).hexdigest()[:16] not in said
    for secret in (issued.request_key, issued.key):
        assert secret.read_text(encoding="ascii").strip() not in said


def test_details_and_evidence_are_taken_over(issued: Any, tmp_path: Path) -> None:
    details = RequestDetails(
        id="2026-017",
        ground="gdpr-art-17-1-b",
        received=date(2026, 8, 1),
        key_destroy_after=date(2027, 8, 1),
        residual_risk="low",
        scope=ScopeMap(raw_audio="deleted", recipients="out of reach: one, told in August"),
    )
    (tmp_path / "audit.json").write_text("{}", encoding="utf-8")
    made = certify(
        issued.after,
        before=issued.before,
        keys=[issued.key],
        out=tmp_path / "out",
        details=details,
        evidence=[tmp_path / "audit.json"],
        now=datetime(2026, 8, 14, 12, tzinfo=UTC),
    )
    predicate = made.statement["predicate"]
    assert predicate == statement_of(tmp_path / "out" / "statement.dsse.json")["predicate"]
    assert predicate["created"] == "2026-08-14T12:00:00Z"
    assert predicate["request"]["received"] == "2026-08-01"
    assert predicate["request"]["due"] == "not stated"
    assert predicate["scope"]["raw_audio"] == "deleted"
    assert predicate["scope"]["exports"] == "not stated"
    assert predicate["configuration_evidence"] == [{"sha256": hashlib.sha256(b"{}").hexdigest()}]
    assert predicate["previous"] is predicate["forget_set"]["commitment"] is None
    assert any("ledger" in limit for limit in predicate["limits"])
    assert any("no corpus was given" in limit for limit in predicate["limits"])
    assert made.request_key is made.head is None
    assert not (tmp_path / "out.request-key").exists()


def test_two_statements_about_one_deletion_share_no_hash_of_the_person(issued: Any, tmp_path: Path) -> None:
    asked = Asked(corpus=issued.corpus, speaker=issued.speaker)
    made = certify(issued.after, before=issued.before, keys=[issued.key], out=tmp_path / "out", asked=asked)
    one, two = made.statement["predicate"], statement_of(issued.statement)["predicate"]
    assert one["request"]["subject"] != two["request"]["subject"]
    for field in ("root", "key_id"):
        assert one["forget_set"]["commitment"][field] != two["forget_set"]["commitment"][field]


def refused(issued: Any, tmp_path: Path, match: str, kind: type[AffektError] = DataError, **changes: Any) -> None:
    """certify raises and leaves nothing behind."""
    before = sorted(tmp_path.rglob("*"))
    given = {"before": issued.before, "keys": [issued.key], "out": tmp_path / "out"} | changes
    with pytest.raises(kind, match=match):
        certify(given.pop("after", issued.after), **given)
    assert sorted(tmp_path.rglob("*")) == before


def test_recordings_of_another_request_are_refused(issued: Any, tmp_path: Path) -> None:
    other = next(name for name in issued.corpus.speakers if name != issued.speaker)
    asked = Asked(corpus=issued.corpus, speaker=other)
    refused(issued, tmp_path, "are not those that were forgotten", asked=asked, ledger=tmp_path / "l" / "ledger")
    some = issued.corpus.with_speakers(issued.speaker).table["utterance"].to_list()
    refused(issued, tmp_path, r"\(scope: got utterances", asked=Asked(corpus=issued.corpus, utterances=some))


def test_bad_input_is_refused(issued: Any, tmp_path: Path) -> None:
    refused(issued, tmp_path, "no key to sign with", ConfigError, keys=[])
    refused(issued, tmp_path, "2 signatures by 1 keys", keys=[issued.key, issued.key], ledger=tmp_path / "ledger")
    refused(issued, tmp_path, "is no private key", ConfigError, keys=[issued.public])
    refused(issued, tmp_path, "has no report.json", after=issued.before)
    refused(issued, tmp_path, "the weights before the deletion differ", before=issued.after)
    refused(issued, tmp_path, "both or neither", ConfigError, request_key=tmp_path / "k")
    refused(issued, tmp_path, "evidence to cite was expected", evidence=[tmp_path / "none"])
    asked = Asked(corpus=issued.corpus, speaker=issued.speaker)
    names = RequestDetails(id=f"erase {issued.speaker}")
    refused(issued, tmp_path, "holds the id of the person", ConfigError, asked=asked, details=names)
    (tmp_path / "k").write_text("mine", encoding="utf-8")
    refused(issued, tmp_path, "k exists already", asked=asked, request_key=tmp_path / "k")
    refused(issued, tmp_path, "is cut short", ledger=tmp_path / "k")
    assert (tmp_path / "k").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (lambda report: report | {"verdict": "EXACT"}, "its verdict is EXACT"),
        (lambda report: report | {"format_version": 1}, "has the version 1"),
        (lambda report: report | {"format": "x"}, "is no report of affekt forget"),
        (lambda report: report | {"target_loss": report["target_loss"] + 1}, "does not follow from its numbers"),
        (lambda report: report | {"request": {}}, "lacks or garbles a field"),
        (lambda report: report | {"scores": None}, "lacks or garbles a field"),
        (lambda report: report | {"not_tested": [1]}, "no statement can be made of this"),
    ],
)
def test_an_edited_report_is_refused(issued: Any, tmp_path: Path, edit: Any, match: str) -> None:
    after = Path(shutil.copytree(issued.after, tmp_path / "after"))
    report = json.loads((after / "report.json").read_text(encoding="utf-8"))
    (after / "report.json").write_text(json.dumps(edit(report)), encoding="utf-8")
    refused(issued, tmp_path, match, after=after)


def test_a_reviewer_signs_later(issued: Any, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    made = certify(issued.after, before=issued.before, keys=[issued.key], out=tmp_path / "out", ledger=ledger)
    key, public = new_signing_key(tmp_path / "dpo.key")
    first = made.folder / "statement.dsse.json"
    both = add_signature(first, keys=[key], out=tmp_path / "both.json", ledger=ledger)
    assert [entry.event for entry in read_ledger(ledger)] == ["statement", "signature"]
    common: dict[str, Any] = {"model": issued.after, "ledger": ledger}
    assert verify(both, keys=[issued.public, public], threshold=2, **common).succeeded
    assert verify(first, keys=[issued.public], **common).succeeded
    assert verify(first, keys=[issued.public, public], threshold=1, **common).succeeded
    short = verify(first, keys=[issued.public, public], **common)
    assert [one.sentence for one in short.mismatches] == ["1 of the given keys signed it, 2 had to."]
    alone = verify(both, keys=[issued.public], **common)
    assert "which was not given" in alone.mismatches[0].sentence
    with pytest.raises(DataError, match="does not have the statement"):
        add_signature(issued.statement, keys=[key], out=tmp_path / "x.json", ledger=ledger)
    with pytest.raises(DataError, match="2 signatures by 1 keys"):
        add_signature(first, keys=[issued.key], out=tmp_path / "x.json", ledger=ledger)
    with pytest.raises(DataError, match="cannot be read"):
        add_signature(tmp_path / "none", keys=[key], out=tmp_path / "x.json")
    assert not (tmp_path / "x.json").exists()


def test_a_deletion_that_failed_has_a_statement_too(issued: Any, trained_folder: Any, tmp_path: Path) -> None:
    from affekt.reports.forget_report import forget_with_report

    report = forget_with_report(
        issued.before,
        issued.corpus,
        tmp_path / "after",
        speaker=issued.speaker,
        method="gradient_ascent",
        settings={"max_steps": 60, "stop": "steps", "learning_rate": 0.01},
    )
    assert report.verdict.startswith("FAILED")
    made = certify(tmp_path / "after", before=issued.before, keys=[issued.key], out=tmp_path / "out")
    assert made.verdict == report.verdict
    assert not made.succeeded
    assert verify(made.folder / "statement.dsse.json", model=tmp_path / "after", keys=[issued.public]).succeeded
    letter = (made.folder / "letter.txt").read_text(encoding="utf-8")
    assert "not the answer to your request" in letter


def test_the_files_of_a_model_leave_out_its_card(issued: Any) -> None:
    assert "README.md" not in files_of(issued.after)


def test_a_statement_of_tier_t1_stands_on_saved_references(trained_folder: Any, issued: Any, tmp_path: Path) -> None:
    """Six repeats of folds were saved: too few to clear the model, and the limits of T0 stay in force."""
    model = EmotionModel.from_pretrained(trained_folder.folder)
    assert model.erasure is not None
    names = tuple(sorted(model.erasure.commitments["train"]))
    noise = torch.randn(len(names), 6, len(model.classes), generator=torch.Generator().manual_seed(0))
    saved = SavedStatistics(names=names, within=noise, across=noise.clone(), fold_counts={"within": 5, "across": 4})
    model.erasure = dataclasses.replace(model.erasure, statistics=saved)
    model.save_pretrained(tmp_path / "ready")
    report = forget_with_report(
        tmp_path / "ready",
        trained_folder.corpus,
        tmp_path / "after",
        speaker=issued.speaker,
        method="gradient_ascent",
        settings={"max_steps": 20},
    )
    content = report.content
    assert (content["tier"], content["references"], content["reference_kind"]) == ("T1", 6, "out-of-fold")
    assert content["saved_rows"] == {"rule": "across", "folds": 4, "repeats": 6}
    assert report.verdict != "APPROXIMATE_TESTED"
    assert "1/7" in report.report_path.read_text(encoding="utf-8")
    certify(tmp_path / "after", before=tmp_path / "ready", keys=[issued.key], out=tmp_path / "statement")
    found = verify(tmp_path / "statement" / "statement.dsse.json", model=tmp_path / "after", keys=[issued.public])
    assert found.mismatches == []
    assert found.statement is not None
    predicate = found.statement["predicate"]
    assert predicate["tier"] == "T1"
    assert [piece["test"] for piece in predicate["evidence"]] == list(TESTS["T1"])
    letter = (tmp_path / "statement" / "letter.txt").read_text(encoding="utf-8")
    assert "whether the program differs from ones that were never given your recordings" in letter
