"""affekt certify and affekt verify on one command line after another, and what they refuse."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affekt.cli.certify import details_of
from affekt.errors import ConfigError

Affekt = Callable[..., Any]

REQUEST = """\
id = "2026-017"
ground = "gdpr-art-17-1-b"
received = 2026-08-01
completed = 2026-08-14
controller = "Example Voices Ltd"

[scope]
raw_audio = "deleted"
backups = "out of reach: on tape until 2027"
"""


@pytest.fixture(scope="session")
def forgotten(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``after``, a key ``op.key`` and a statement in ``out`` with its ledger; no test may change it."""
    from affekt.cli import main

    root = tmp_path_factory.mktemp("forgotten")
    (root / "request.toml").write_text(REQUEST, encoding="utf-8")
    line: list[object] = ["forget", shared / "model", shared / "corpus", "--speaker", "00", "--out", root / "after"]
    assert main([str(word) for word in [*line, "--method", "random_labels", "--quiet"]]) in (0, 1)
    assert main(["certify", "--new-key", str(root / "op.key")]) == 0
    line = ["certify", root / "after", "--before", shared / "model", "--key", root / "op.key", "--out", root / "out"]
    line += ["--ledger", root / "ledger.jsonl", "--request", root / "request.toml"]
    line += ["--corpus", shared / "corpus", "--speaker", "00"]
    verdict = json.loads((root / "after" / "report.json").read_text(encoding="utf-8"))["verdict"]
    assert main([str(word) for word in line]) == (0 if verdict.startswith(("EXACT", "APPROXIMATE")) else 1)
    return root


def line_of(root: Path, *more: object) -> list[object]:
    """A command that verifies the statement."""
    return ["verify", root / "out" / "statement.dsse.json", "--model", root / "after", *more]


def test_what_was_certified_verifies(affekt: Affekt, shared: Path, forgotten: Path) -> None:
    assert stat.S_IMODE((forgotten / "out.request-key").stat().st_mode) == 0o600
    line = line_of(forgotten, "--key", forgotten / "op.key.pub", "--ledger", forgotten / "ledger.jsonl")
    line += ["--before", shared / "model", "--corpus", shared / "corpus", "--speaker", "00"]
    ran = affekt(*line, "--request-key", forgotten / "out.request-key")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Verified. Stated 20")
    found = json.loads(affekt(*line, "--request-key", forgotten / "out.request-key", "--json").out)
    assert found["verified"] is True
    assert found["mismatches"] == found["notes"] == []
    assert found["statement"]["predicate"]["request"]["received"] == "2026-08-01"
    assert found["statement"]["predicate"]["scope"]["backups"] == "out of reach: on tape until 2027"


def test_one_sentence_names_the_first_mismatch_and_json_names_all(
    affekt: Affekt, shared: Path, forgotten: Path, tmp_path: Path
) -> None:
    assert affekt("certify", "--new-key", tmp_path / "other.key", "--quiet").code == 0
    line = ["verify", forgotten / "out" / "statement.dsse.json", "--model", shared / "model"]
    ran = affekt(*line, "--key", tmp_path / "other.key.pub")
    assert ran.code == 1
    assert len(ran.out.splitlines()) == 1
    assert ran.out.startswith("Does not verify: it is signed with the key ")
    found = json.loads(affekt(*line, "--key", tmp_path / "other.key.pub", "--json").out)
    assert found["verified"] is False
    assert {one["check"] for one in found["mismatches"]} >= {"signature", "model"}


def test_bad_usage_is_exit_code_2(affekt: Affekt, shared: Path, forgotten: Path, tmp_path: Path) -> None:
    key, public, out = forgotten / "op.key", forgotten / "op.key.pub", tmp_path / "out"
    certify = ["certify", forgotten / "after", "--before", shared / "model", "--key", key, "--out", out]
    lines: dict[str, list[object]] = {
        "what to do was not said once (got nothing)": ["certify"],
        "(got --new-key, a model)": ["certify", forgotten / "after", "--new-key", tmp_path / "k"],
        "--key is missing": ["certify", forgotten / "after", "--before", shared / "model", "--out", out],
        "--out is missing": ["certify", forgotten / "after", "--before", shared / "model", "--key", key],
        "--before is missing": ["certify", forgotten / "after", "--key", key, "--out", out],
        "the recordings were not named once": [*certify, "--corpus", shared / "corpus"],
        "--speaker ID or --utterances FILE": [*certify, "--speaker", "00"],
        "op.key exists already": ["certify", "--new-key", key],
        "holds no key of a request": ["certify", "--destroy-key", key],
        "no key was given": line_of(forgotten),
        "there is no file": line_of(forgotten, "--key", public, "--ledger", tmp_path / "none"),
        "is no public key to verify with": line_of(forgotten, "--key", key),
        "2 signatures are asked for": line_of(forgotten, "--key", public, "--threshold", "2"),
    }
    for sentence, line in lines.items():
        ran = affekt(*line)
        assert (ran.code, ran.out) == (2, ""), sentence
        assert sentence in ran.err
    assert list(tmp_path.iterdir()) == []


def test_the_key_of_a_request_can_be_destroyed(affekt: Affekt, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("0" * 64 + "\n", encoding="ascii")
    ran = affekt("certify", "--destroy-key", tmp_path / "key")
    assert (ran.code, ran.out) == (0, f"Destroyed: {tmp_path / 'key'}\n")
    assert not (tmp_path / "key").exists()


def test_a_reviewer_signs(affekt: Affekt, forgotten: Path, tmp_path: Path) -> None:
    assert affekt("certify", "--new-key", tmp_path / "dpo.key").code == 0
    both = tmp_path / "both.json"
    statement = forgotten / "out" / "statement.dsse.json"
    assert affekt("certify", "--countersign", statement, "--key", tmp_path / "dpo.key", "--out", both).code == 0
    line = ["verify", both, "--model", forgotten / "after", "--key", forgotten / "op.key.pub"]
    assert affekt(*line, "--key", tmp_path / "dpo.key.pub", "--threshold", "2").code == 0
    assert affekt(*line).code == 1


def test_the_file_of_a_request(tmp_path: Path) -> None:
    file = tmp_path / "request.toml"
    for text, match in (
        ("idd = 1", "unknown key 'idd' in .*; did you mean 'id'"),
        ("id = 7", "'id' in .* is 7; a text was expected"),
        ('received = "soon"', "'received' in .* is 'soon'"),
        ("[scope]\nraw = 1", "unknown key 'raw'"),
        ('[scope]\nraw_audio = "gone"', r"scope\.raw_audio is 'gone'"),
        ("received = 2026-08-01T10:00:00", "leave out the time"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=match):
            details_of(file)
    file.write_text(REQUEST, encoding="utf-8")
    assert details_of(file).to_json()["completed"] == "2026-08-14"
