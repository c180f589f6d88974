import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from affekt.corpora import open_corpus

Affekt = Callable[..., Any]


def test_show(affekt: Affekt, shared: Path) -> None:
    ran = affekt("corpus", "show", shared / "corpus")
    assert ran.code == 0
    assert ran.err == ""
    assert "utterances  72\n" in ran.out
    shown = json.loads(affekt("corpus", "show", shared / "corpus", "--json").out)
    assert shown["emotions"] == {"anger": 24, "neutral": 24, "sadness": 24}
    assert shown["speakers"] == 6
    assert shown["digest"] == open_corpus(shared / "corpus").digest


def test_show_counts_what_is_missing(affekt: Affekt, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("file,emotion,sex,language\na.wav,joy,f,de\nb.wav,,f,\nc.wav,,m,de\n", encoding="utf-8")
    shown = json.loads(affekt("corpus", "show", table, "--json").out)
    assert (shown["unlabelled"], shown["sexes"], shown["languages"]) == (2, {"f": 2, "m": 1}, {"de": 2})
    text = affekt("corpus", "show", table).out
    assert "2 utterances without an emotion" in text
    assert "sexes       f 2, m 1" in text


def test_check_of_a_sound_corpus(affekt: Affekt, shared: Path) -> None:
    ran = affekt("corpus", "check", shared / "corpus")
    assert ran.code == 0
    assert ran.out == "72 utterances checked: nothing is wrong\n"


def test_check_of_a_broken_corpus_fails(affekt: Affekt, place: Path) -> None:
    audio = place / "corpus" / "audio"
    (audio / "00-anger-0.wav").unlink()
    soundfile.write(audio / "00-anger-1.wav", np.zeros(9600), 16000)
    ran = affekt("corpus", "check", place / "corpus", "--json")
    assert ran.code == 1
    shown = json.loads(ran.out)
    assert shown["ok"] is False
    assert {(found["utterance"], found["kind"]) for found in shown["findings"]} == {
        ("00-anger-0", "missing"),
        ("00-anger-1", "silent"),
    }
    text = affekt("corpus", "check", place / "corpus").out
    assert "error: 00-anger-0: " in text
    assert "warning: 00-anger-1: " in text
    assert text.endswith("72 utterances checked: missing 1, silent 1\n")


def test_warnings_alone_do_not_fail(affekt: Affekt, place: Path) -> None:
    soundfile.write(place / "corpus" / "audio" / "00-anger-1.wav", np.zeros(9600), 16000)
    assert affekt("corpus", "check", place / "corpus").code == 0


@pytest.mark.parametrize("extra", [[], ["--file-format", "csv", "--copy-audio"]])
def test_import(affekt: Affekt, tmp_path: Path, extra: list[str]) -> None:
    source, out = tmp_path / "wav", tmp_path / "emodb"
    source.mkdir()
    for name in ("03a01Wa", "03a01Nc", "08b10Fb"):
        soundfile.write(source / f"{name}.wav", np.full(800, 0.1), 16000)
    ran = affekt("corpus", "import", "emodb", source, "--out", out, *extra)
    assert ran.code == 0
    assert ran.out == f"{out}: 3 utterances of 2 speakers\n"
    corpus = open_corpus(out)
    assert corpus.speakers == ("03", "08")
    assert len(corpus.load(0)) == 800
    assert (out / "utterances.csv").exists() == bool(extra)
    assert any(out.rglob("*.wav")) == bool(extra)


@pytest.mark.data
def test_import_of_real_emodb(affekt: Affekt, tmp_path: Path, data_root: Callable[[str], Path]) -> None:
    ran = affekt("corpus", "import", "emodb", data_root("emodb"), "--out", tmp_path / "emodb", "--json")
    assert json.loads(ran.out)["speakers"] == 10
    assert affekt("corpus", "show", tmp_path / "emodb").code == 0
