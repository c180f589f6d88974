import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import soundfile

from affekt.cli.corpus import Exportable, Importable
from affekt.corpora import READERS, official, open_corpus
from affekt.corpora.formats import FORMATS

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


def test_every_public_corpus_and_format_can_be_named() -> None:
    assert list(get_args(Importable)) == sorted([*READERS, *FORMATS])
    assert list(get_args(Exportable)) == sorted(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_export_and_import_again(affekt: Affekt, shared: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    ran = affekt("corpus", "export", shared / "corpus", name, "--out", out, "--copy-audio", "--json")
    assert ran.code == 0
    said = json.loads(ran.out)
    assert (said["format"], said["utterances"], said["folder"]) == (name, 72, str(out))
    source = out / "out.csv" if name == "nkululeko" else out
    ran = affekt("corpus", "import", name, source, "--out", tmp_path / "back", "--copy-audio")
    assert ran.out == f"{tmp_path / 'back'}: 72 utterances of 6 speakers\n"
    back, corpus = open_corpus(tmp_path / "back"), open_corpus(shared / "corpus")
    columns = ["utterance", "speaker", "emotion"]
    assert back.table.select(columns).sort(columns).equals(corpus.table.select(columns).sort(columns))
    assert affekt("corpus", "check", tmp_path / "back").code == 0


def test_export_says_what_is_lost(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    ran = affekt("corpus", "export", shared / "corpus", "speechbrain", "--out", tmp_path / "sb")
    assert ran.out.splitlines()[0] == f"{tmp_path / 'sb'}: 72 utterances as speechbrain"
    assert "note: the format has no place for these keys of corpus.toml: name" in ran.out
    assert f"note: data_root is {shared / 'corpus'}" in ran.out
    kinds = affekt("corpus", "export", shared / "corpus", "lhotse", "--out", tmp_path / "l", "--file-format", "csv")
    assert kinds.code == 2
    assert "lhotse has no file format csv; none was expected" in kinds.err
    assert not (tmp_path / "l").exists()


def test_import_with_a_root_and_speakers_from_ids(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    table = tmp_path / "x.csv"
    table.write_text("file,emotion\naudio/00-anger-0.wav,joy\naudio/01-anger-0.wav,\n", encoding="utf-8")
    words = ["corpus", "import", "nkululeko", table, "--out", tmp_path / "x", "--audio-root", shared / "corpus"]
    assert affekt(*words, "--speaker-pattern", r"(\d\d)-anger").code == 0
    corpus = open_corpus(tmp_path / "x")
    assert corpus.speakers == ("00", "01")
    assert corpus.path(0).is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["emodb", "--audio-root", "x"], "--audio-root is for formats (got emodb, a public corpus)"),
        (["lhotse", "--tables", "x"], "--tables is for audformat (got lhotse)"),
        (["audformat"], "no audformat header at "),
    ],
)
def test_import_refuses(affekt: Affekt, tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "source").mkdir()
    ran = affekt("corpus", "import", words[0], tmp_path / "source", "--out", tmp_path / "out", *words[1:])
    assert ran.code == 2
    assert message in ran.err
    assert not (tmp_path / "out").exists()


def test_split_by_named_speakers(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    words = ["--out", tmp_path / "split", "--test-speakers", "00,01", "--dev-speakers", "02", "--json"]
    ran = affekt("corpus", "split", shared / "corpus", *words)
    assert ran.code == 0
    assert {row["side"]: row["speakers"] for row in json.loads(ran.out)["sides"]} == {
        "train": ["03", "04", "05"],
        "dev": ["02"],
        "test": ["00", "01"],
    }
    official_split = official(open_corpus(tmp_path / "split"))
    assert official_split.test.speakers == ("00", "01")


def test_split_into_folds(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    ran = affekt("corpus", "split", shared / "corpus", "--out", tmp_path / "split", "--folds", "3", "--seed", "2")
    assert ran.code == 0
    table = open_corpus(tmp_path / "split").table
    tested = [set(table.filter(table[f"fold_{k}"] == "test")["speaker"]) for k in (1, 2, 3)]
    assert sorted(speaker for fold in tested for speaker in fold) == [f"{k:02d}" for k in range(6)]
    refused = affekt(
        "corpus", "split", shared / "corpus", "--out", tmp_path / "b", "--folds", "3", "--test-speakers", "00"
    )
    assert refused.code == 2
    assert "--folds draws all speakers" in refused.err
