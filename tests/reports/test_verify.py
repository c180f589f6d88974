"""verify: an honest statement passes, and nothing else does."""

import copy
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from affekt.errors import ConfigError, DataError
from affekt.models import EmotionModel
from affekt.reports.certify import Asked
from affekt.reports.dsse import Envelope, new_signing_key, read_signing_key, sign
from affekt.reports.ledger import head_file, open_ledger
from affekt.reports.verify import Verification, verify

Check = Callable[..., Verification]


@pytest.fixture
def place(issued: Any, tmp_path: Path) -> Path:
    """A copy that a test may spoil: ``after``, ``statement.json``, ``ledger.jsonl`` with its head."""
    shutil.copytree(issued.after, tmp_path / "after")
    shutil.copy(issued.statement, tmp_path / "statement.json")
    shutil.copy(issued.ledger, tmp_path / "ledger.jsonl")
    shutil.copy(head_file(issued.ledger), tmp_path / "ledger.jsonl.head")
    return tmp_path


@pytest.fixture
def check(issued: Any, place: Path) -> Check:
    """Verify what is in the place."""

    def run(**changes: Any) -> Verification:
        given: dict[str, Any] = {"model": place / "after", "keys": [issued.public], "ledger": place / "ledger.jsonl"}
        given |= changes
        return verify(given.pop("statement", place / "statement.json"), **given)

    return run


@pytest.fixture
def signed_again(issued: Any, place: Path) -> Callable[[Callable[[dict[str, Any]], Any]], None]:
    """Change what the statement says, sign it with the right key, and put it into the ledger as if always so."""

    def run(edit: Callable[[dict[str, Any]], Any]) -> None:
        envelope = Envelope.from_bytes((place / "statement.json").read_bytes())
        statement = json.loads(envelope.payload)
        edit(statement)
        forged = sign(json.dumps(statement).encode(), [read_signing_key(issued.key)])
        (place / "statement.json").write_bytes(forged.to_bytes())
        lines = (place / "ledger.jsonl").read_bytes().splitlines(keepends=True)
        (place / "ledger.jsonl").write_bytes(lines[0])
        head_file(place / "ledger.jsonl").write_text(sha256(lines[0]).hexdigest() + "\n", encoding="ascii")
        with open_ledger(place / "ledger.jsonl") as book:
            time = json.loads(lines[1])["time"]
            book.append(envelope=forged.sha256, payload=forged.payload_sha256, event="statement", time=time)

    return run


def checks(found: Verification) -> list[str]:
    return [one.check for one in found.mismatches]


def test_an_honest_statement_passes(issued: Any, check: Check) -> None:
    found = check(
        before=issued.before,
        head=head_file(issued.ledger),
        asked=Asked(corpus=issued.corpus, speaker=issued.speaker),
        request_key=issued.request_key,
    )
    assert found.mismatches == []
    assert found.notes == []
    assert found.summary[0].startswith("Verified. Stated 20")
    assert check(ledger=None).notes == ["The ledger was not checked; none was named."]


def test_a_thousand_flipped_bits(check: Check, place: Path) -> None:
    """Any bit of the weights, the settings, the statement, the ledger or the report."""
    generator = random.Random(1)
    files = {
        "after/model.safetensors": 300,
        "after/config.json": 200,
        "statement.json": 300,
        "ledger.jsonl": 200,
        "after/report.json": 60,
        "after/erasure/record.json": 20,
        "ledger.jsonl.head": 20,
    }
    assert sum(files.values()) >= 1000
    missed = []
    for name, count in files.items():
        data = (place / name).read_bytes()
        # the header of the weights is a small part of the file, so it gets a share of its own
        ranges = [range(8 * len(data))] + [range(8 * 400)] * name.endswith("safetensors")
        for bits in ranges:
            for bit in generator.sample(bits, count // len(ranges)):
                changed = bytearray(data)
                changed[bit // 8] ^= 1 << bit % 8
                with (place / name).open("r+b") as file:
                    file.write(changed)
                found = check()
                if found.succeeded or not found.summary[0].startswith("Does not verify: "):
                    missed.append((name, bit))
        (place / name).write_bytes(data)
    assert missed == []
    assert check().succeeded


def test_a_swapped_key(issued: Any, check: Check, place: Path) -> None:
    other, public = new_signing_key(place / "other.key")
    assert checks(check(keys=[public])) == ["signature", "signature"]
    envelope = Envelope.from_bytes((place / "statement.json").read_bytes())
    (place / "statement.json").write_bytes(sign(envelope.payload, [read_signing_key(other)]).to_bytes())
    found = check(ledger=None)
    assert checks(found) == ["signature", "signature"]
    assert "which was not given" in found.summary[0]
    assert check(ledger=None, keys=[public]).succeeded
    assert checks(check(keys=[public])) == ["ledger"]


def test_a_signature_under_another_name(issued: Any, check: Check, place: Path) -> None:
    text = (place / "statement.json").read_text(encoding="ascii")
    content = json.loads(text)
    content["signatures"][0]["sig"] = "A" * 86 + "=="
    (place / "statement.json").write_text(json.dumps(content, indent=2) + "\n", encoding="ascii")
    assert "is not valid" in check().summary[0]


@pytest.mark.parametrize(("order", "says"), [([1, 0], "does not follow"), ([0], "lines are missing"), ([1], "follow")])
def test_a_reordered_or_cut_ledger(check: Check, place: Path, order: list[int], says: str) -> None:
    lines = (place / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (place / "ledger.jsonl").write_bytes(b"".join(lines[number] for number in order))
    found = check()
    assert "ledger" in checks(found)
    assert says in found.summary[0]


def test_a_ledger_cut_with_its_head_is_found_by_a_published_head(check: Check, place: Path) -> None:
    ledger = place / "ledger.jsonl"
    with open_ledger(ledger) as book:
        later = book.append(envelope="0" * 64, payload="1" * 64, event="statement", time="2026-01-01T00:00:00Z")
    (place / "published").write_text(later.head + "\n", encoding="ascii")
    assert check(head=place / "published").succeeded
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:2]))
    head_file(ledger).unlink()
    assert check().notes == ["Whether lines are missing at the ledger's end was not checked; no head was named."]
    found = check(head=place / "published")
    assert "does not lead to the head that was published" in found.summary[0]


def test_a_statement_that_is_not_in_the_ledger(check: Check, place: Path, issued: Any) -> None:
    ledger = place / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes().splitlines(keepends=True)[0])
    head_file(ledger).unlink()
    assert check().summary == ["Does not verify: the ledger does not have this statement."]
    earlier = issued.folder.with_name("earlier") / "statement.dsse.json"
    assert check(statement=earlier).succeeded


def test_an_edited_verdict(check: Check, signed_again: Any) -> None:
    signed_again(lambda statement: statement["predicate"].update(verdict="EXACT"))
    found = check()
    assert checks(found) == ["verdict"]
    assert "the verdict is EXACT, but the evidence gives" in found.summary[0]


def test_an_edited_metric(check: Check, signed_again: Any) -> None:
    def edit(statement: dict[str, Any]) -> None:
        statement["predicate"]["evidence"][0]["values"]["estimate"] += 1e-9

    signed_again(edit)
    assert checks(check()) == ["evidence"]
    assert "not those in report.json" in check().summary[0]


def edited(piece: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    """Set a field of the statement: ``predicate.method.name``."""

    def edit(statement: dict[str, Any]) -> None:
        *parents, last = [int(part) if part.isdigit() else part for part in piece.split(".")]
        target: Any = statement
        for part in parents:
            target = target[part]
        target[last] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (edited("predicate.method.name", "retrain"), "but the evidence gives EXACT"),
        (edited("predicate.method.category", "exact"), "is called exact, which it is not"),
        (edited("predicate.forget_set.trained", 0), "gives NOT_APPLICABLE"),
        (edited("predicate.forget_set.recordings", 13), "forget set or the method is not the one in report.json"),
        (edited("predicate.evidence.0.criteria", []), "limits of the test 'loss of the forgotten recordings'"),
        (edited("predicate.evidence.1.enough", []), "limits of the test 'forgotten recordings beside"),
        (edited("predicate.evidence.2.criteria.0.require", "lower > -9 or"), "cannot be applied"),
        (lambda statement: statement["predicate"]["evidence"].pop(), "the tests are not those of the rules"),
        (lambda statement: statement["predicate"]["evidence"].reverse(), "the tests are not those of the rules"),
        (edited("predicate.evidence.2.pass", None), "does not follow from its numbers"),
        (edited("predicate.evidence.2.test", "luck"), "'luck' is not one the rules affekt-verdict-2 know"),
        (
            edited("predicate.evidence.2.test", "loss of the forgotten recordings"),
            "the tests are not those of the rules",
        ),
        (edited("predicate.tier", "T1"), "the tests are not those of the rules"),
        (edited("predicate.evidence.0.values.references", 20), "there are references at a tier without any"),
        (edited("predicate.rules", "affekt-verdict-1"), "statement.predicate.rules"),
        (edited("predicate.previous", "sha256:" + "0" * 64), "another place in the ledger"),
        (edited("predicate.created", "2026-01-01T00:00:00Z"), "different times"),
        (edited("predicate.note", "trust me"), "unknown key 'note'"),
        (edited("predicate.limits", []), "no limits"),
        (edited("subject.0.digest.sha256", "0" * 64), "tensors or settings differ"),
        (edited("subject.1.digest.sha256", "0" * 64), "config.json of the model is not the one"),
        (edited("subject.1.name", "model-after/other.json"), "does not cover the file config.json"),
        (edited("_type", "https://in-toto.io/Statement/v0.1"), "statement._type"),
    ],
)
def test_edits_by_who_holds_the_key(check: Check, signed_again: Any, edit: Any, says: str) -> None:
    signed_again(edit)
    found = check()
    assert any(says in one.sentence for one in found.mismatches), found.mismatches


def test_another_model(issued: Any, check: Check) -> None:
    found = check(model=issued.before)
    assert "model" in checks(found)
    assert "the model is another one" in found.summary[0]
    assert checks(check(before=issued.after)) == ["before"]


def test_missing_files_of_the_model(check: Check, place: Path) -> None:
    (place / "after" / "report.json").unlink()
    found = check()
    assert found.succeeded
    assert found.notes == ["report.json is not in the model directory, so it was not checked."]
    (place / "after" / "config.json").unlink()
    found = check()
    assert {one.sentence for one in found.mismatches} >= {"the file config.json of the model is missing."}


def test_a_model_written_anew_is_the_same_model(check: Check, place: Path) -> None:
    file = place / "after" / "model.safetensors"
    save_file(load_file(file), file, metadata={"made": "elsewhere"})
    assert "the file model.safetensors of the model is not the one" in check().summary[0]
    found = check(rewritten=True)
    assert found.succeeded
    assert found.notes == ["The files of the model were not compared, only its tensors and settings."]
    tensors = load_file(file)
    name = min(tensors)
    tensors[name] = tensors[name] + 1
    save_file(tensors, file)
    assert checks(check(rewritten=True)) == ["model"]


def test_recordings_that_were_not_meant(issued: Any, check: Check, place: Path) -> None:
    corpus, speaker = issued.corpus, issued.speaker
    other = next(name for name in corpus.speakers if name != speaker)
    for asked in (
        Asked(corpus=corpus, speaker=other),
        Asked(corpus=corpus, utterances=corpus.with_speakers(speaker).table["utterance"].to_list()[1:]),
    ):
        found = check(asked=asked, request_key=issued.request_key)
        assert "not exactly those that the statement commits to" in found.summary[0]
    (place / "key").write_text("0" * 64 + "\n", encoding="ascii")
    found = check(asked=Asked(corpus=corpus, speaker=speaker), request_key=place / "key")
    assert "the key is not the one" in found.summary[0]
    earlier = issued.folder.with_name("earlier") / "statement.dsse.json"
    found = check(statement=earlier, asked=Asked(corpus=corpus, speaker=speaker), request_key=issued.request_key)
    assert found.summary == ["Does not verify: the statement commits to no recordings."]


def test_a_record_that_still_has_the_person(issued: Any, check: Check, place: Path) -> None:
    model = EmotionModel.from_pretrained(issued.before)
    assert model.erasure is not None
    kept = {"mean_loss": model.erasure.to_json()["mean_loss"], **model.erasure.to_json()}
    (place / "after" / "erasure" / "record.json").write_text(json.dumps(kept), encoding="utf-8")
    found = check(
        asked=Asked(corpus=issued.corpus, speaker=issued.speaker), request_key=issued.request_key, rewritten=True
    )
    assert found.summary == ["Does not verify: the model's record still has 12 of the recordings."]


def test_bad_usage(issued: Any, check: Check, place: Path) -> None:
    with pytest.raises(ConfigError, match="2 signatures are asked for with 1 different keys"):
        check(keys=[issued.public, issued.public], threshold=2)
    with pytest.raises(ConfigError, match="is no public key"):
        check(keys=[issued.key])
    with pytest.raises(ConfigError, match="go together"):
        check(request_key=issued.request_key)
    with pytest.raises(ConfigError, match="a head was named without a ledger"):
        check(ledger=None, head=head_file(issued.ledger))
    for name in ("statement", "ledger", "head"):
        with pytest.raises(DataError, match="there is no file"):
            check(**{name: place / "none"})
    for name in ("model", "before"):
        with pytest.raises(DataError, match="there is no model directory"):
            check(**{name: place / "none"})


def test_a_report_that_cannot_be_followed(check: Check, place: Path) -> None:
    file = place / "after" / "report.json"
    report = json.loads(file.read_text(encoding="utf-8"))
    for edit in ({"tests": None}, {"verdict": "EXACT"}, {"scores": {}}):
        file.write_text(json.dumps(copy.deepcopy(report) | edit), encoding="utf-8")
        assert "evidence" in checks(check(rewritten=True))


def test_by_hand_as_the_page_says(issued: Any, tmp_path: Path) -> None:
    """The commands of docs/statement.md, without affekt."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine")
    page = (Path(__file__).parents[2] / "docs" / "statement.md").read_text(encoding="utf-8")
    block = page.partition("```sh\n# by hand")[2].partition("```")[0].partition("\n")[2]
    for file, name in (
        (issued.statement, "statement.dsse.json"),
        (issued.folder / "model-after.manifest", "model-after.manifest"),
        (issued.public, "operator.key.pub"),
        (issued.ledger, "ledger.jsonl"),
    ):
        shutil.copy(file, tmp_path / name)
    shutil.copytree(issued.after, tmp_path / "forgotten")
    ran = subprocess.run(["bash", "-euc", block], cwd=tmp_path, capture_output=True, text=True, check=True)
    verified, key, manifest, config, weights, envelope, head = ran.stdout.splitlines()
    assert verified == "Signature Verified Successfully"
    read = Envelope.from_bytes(issued.statement.read_bytes())
    assert key.split()[0] == read.signatures[0].keyid
    subjects = {one["name"]: one["digest"]["sha256"] for one in json.loads(read.payload)["subject"]}
    assert manifest.split()[0] == subjects["model-after"]
    assert config.split()[0] == subjects["model-after/config.json"]
    assert weights.split()[0] == subjects["model-after/model.safetensors"]
    assert envelope.split()[0] == json.loads(issued.ledger.read_text(encoding="ascii").splitlines()[-1])["envelope"]
    assert head.split()[0] == head_file(issued.ledger).read_text(encoding="ascii").strip()


def test_verifying_needs_no_torch(issued: Any) -> None:
    """A process in which torch cannot be imported, as on the machine of an authority."""
    code = (
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch':\n"
        "            raise ImportError('there is no torch here')\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        "from affekt.cli import main\n"
        f"code = main(['verify', {str(issued.statement)!r}, '--model', {str(issued.after)!r}, '--before', "
        f"{str(issued.before)!r}, '--key', {str(issued.public)!r}, '--ledger', {str(issued.ledger)!r}])\n"
        "assert 'torch' not in sys.modules\n"
        "sys.exit(code)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("Verified. ")
