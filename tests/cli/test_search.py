"""Training with captions and searching with a sentence, from the command line."""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from affekt.cli import main
from affekt.corpora import open_corpus
from affekt.models import EmotionModel
from affekt.preference import EmotionRankClap
from affekt.reports.request import read_training

Affekt = Callable[..., Any]
Snapshot = Callable[[Path], dict[str, str]]

SETTINGS = """epochs = 3
batch_size = 24
heldout_fraction = 0.15

[options]
words = 16
characters = 16
hidden = 12
embedding = 8
settings = { channels = [4, 6, 8], width = 16 }

[method]
loss = "rnc"
name_share = 0.5

[method.positions]
sadness = [0.1, 0.2]
"""

QUERY = "a tired, slightly annoyed voice"


@pytest.fixture(scope="module")
def searched(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that was trained with captions; do not change it."""
    folder = tmp_path_factory.mktemp("searched")
    (folder / "train.toml").write_text(SETTINGS, encoding="utf-8")
    words = ["train", shared / "corpus", "--out", folder / "model", "--model", "audio-text", "--method", "rankclap"]
    assert main([str(word) for word in [*words, "--config", folder / "train.toml", "--quiet"]]) == 0
    return folder


def test_training_notes_the_method(searched: Path) -> None:
    model = EmotionModel.from_pretrained(searched / "model")
    assert model.config.family == "audio-text"
    assert model.config.history[0]["method"] == "rankclap"
    run = json.loads((searched / "model" / "run.json").read_text())
    assert run["config"]["method"]["positions"] == {"sadness": [0.1, 0.2]}


def test_the_nearest_are_shown_first(affekt: Affekt, searched: Path, shared: Path) -> None:
    ran = affekt("search", searched / "model", QUERY, shared / "corpus", "--top", 5)
    assert ran.code == 0
    head, *rows, last = ran.out.splitlines()
    assert head.split() == ["utterance", "score", "file"]
    assert len(rows) == 5
    scores = [float(row.split()[1]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert last == "72 recordings searched"


def test_all_scores_go_into_files(affekt: Affekt, searched: Path, shared: Path, tmp_path: Path) -> None:
    for suffix in ("csv", "jsonl"):
        out = tmp_path / f"found.{suffix}"
        ran = affekt("search", searched / "model", QUERY, shared / "corpus", "--out", out, "--json")
        shown = json.loads(ran.out)
        assert (shown["query"], shown["recordings"], len(shown["hits"])) == (QUERY, 72, 10)
        if suffix == "csv":
            with out.open(encoding="utf-8") as stream:
                rows: list[dict[str, Any]] = list(csv.DictReader(stream))
        else:
            rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        assert [int(row["rank"]) for row in rows] == list(range(1, 73))
        assert [float(row["score"]) for row in rows[:10]] == [hit["score"] for hit in shown["hits"]]
        assert Path(rows[0]["file"]).is_file()


@pytest.mark.parametrize("embed", [True, False])
def test_a_page_plays_them(affekt: Affekt, searched: Path, shared: Path, tmp_path: Path, embed: bool) -> None:
    page = tmp_path / "page.html"
    words = ["search", searched / "model", QUERY, shared / "corpus", "--page", page, "--top", 3]
    assert affekt(*words, *(["--embed"] if embed else [])).code == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("<audio") == 3
    assert QUERY in text
    assert ("data:audio/wav;base64," in text) == embed


def test_a_folder_of_recordings_is_searched(affekt: Affekt, searched: Path, shared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "some"
    (folder / "deeper").mkdir(parents=True)
    for number, name in enumerate(("00-anger-0", "01-neutral-0", "02-sadness-0")):
        shutil.copy(shared / "corpus" / "audio" / f"{name}.wav", folder / ("deeper" if number else "."))
    shown = json.loads(affekt("search", searched / "model", QUERY, folder, "--json").out)
    assert sorted(hit["utterance"] for hit in shown["hits"]) == [
        "00-anger-0.wav",
        "deeper/01-neutral-0.wav",
        "deeper/02-sadness-0.wav",
    ]
    whole = json.loads(affekt("search", searched / "model", QUERY, shared / "corpus", "--json", "--top", 72).out)
    score = {hit["utterance"]: hit["score"] for hit in whole["hits"]}
    for hit in shown["hits"]:
        assert hit["score"] == pytest.approx(score[Path(hit["utterance"]).stem], abs=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query": " "}, "the query is empty; a sentence about a voice was expected"),
        ({"corpus": "nowhere"}, "there is no corpus at nowhere"),
        ({"corpus": "empty"}, "holds no recording"),
        ({"corpus": "noise"}, "noise.wav"),
        ({"model": "classifier"}, "the model is of the family logmel-cnn; audio-text was expected"),
        ({"model": "nowhere"}, "there is no model directory nowhere"),
        ({"more": ["--out", "found.xlsx"]}, "found.xlsx tells no format"),
        ({"more": ["--embed"]}, "no --page is given"),
        ({"more": ["--out", "taken.csv"]}, "taken.csv"),
        ({"more": ["--top", "0"]}, "top"),
        ({"more": ["--device", "abacus"]}, "the device 'abacus' cannot be used"),
    ],
)
def test_bad_input_changes_nothing(
    affekt: Affekt,
    searched: Path,
    shared: Path,
    snapshot: Snapshot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "noise"):
        (tmp_path / folder).mkdir()
    (tmp_path / "noise" / "noise.wav").write_bytes(b"no sound")
    (tmp_path / "taken.csv").write_text("mine")
    model = {"classifier": shared / "model"}.get(change.get("model", ""), change.get("model", searched / "model"))
    before = snapshot(tmp_path)
    ran = affekt(
        "search", model, change.get("query", QUERY), change.get("corpus", shared / "corpus"), *change.get("more", [])
    )
    assert ran.code == 2, ran
    assert ran.out == ""
    assert message in ran.err
    assert snapshot(tmp_path) == before


def test_a_damaged_recording_writes_no_page(
    affekt: Affekt, searched: Path, shared: Path, snapshot: Snapshot, tmp_path: Path
) -> None:
    corpus = Path(shutil.copytree(shared / "corpus", tmp_path / "corpus"))
    (corpus / "audio" / "03-anger-1.wav").write_bytes(b"RIFF")
    before = snapshot(tmp_path)
    ran = affekt(
        "search", searched / "model", QUERY, corpus, "--page", tmp_path / "p.html", "--out", tmp_path / "o.csv"
    )
    assert ran.code == 2
    assert "03-anger-1.wav" in ran.err
    assert snapshot(tmp_path) == before


def test_a_clip_of_a_longer_file_is_searched(affekt: Affekt, searched: Path, shared: Path, tmp_path: Path) -> None:
    samples, rate = soundfile.read(shared / "corpus" / "audio" / "00-anger-0.wav")
    soundfile.write(tmp_path / "long.wav", [*samples, *samples], rate, subtype="PCM_16")
    (tmp_path / "utterances.csv").write_text("file,utterance,start,end\nlong.wav,a,0,0.6\nlong.wav,b,0.6,1.2\n")
    shown = json.loads(affekt("search", searched / "model", QUERY, tmp_path, "--json").out)
    first, second = sorted(shown["hits"], key=lambda hit: str(hit["utterance"]))
    assert (first["end"], second["start"], second["end"]) == (0.6, 0.6, 1.2)
    assert first["score"] == pytest.approx(second["score"], abs=1e-4)


RATED = "text,V,A\n" + "".join(
    f"sentence {number} of people,{1 + number % 5},{5 - number % 3}\n" for number in range(20)
)


def rated_settings(folder: Path, **changes: str) -> Path:
    """Training settings with a file of rated sentences beside them."""
    lines = {"sentences": f'"{(folder / "rated.csv").as_posix()}"', "sentence_scale": "[1, 5]", **changes}
    more = "".join(f"{name} = {value}\n" for name, value in lines.items() if value)
    file = folder / "rated.toml"
    file.write_text(SETTINGS.replace("[method]\n", f"[method]\n{more}"), encoding="utf-8")
    return file


def trained_on(model: Path, corpus: Path, speaker: str) -> bool:
    """Whether a model learned from the recordings of a speaker."""
    record = EmotionModel.from_pretrained(model).erasure
    assert record is not None
    opened = open_corpus(corpus).with_speakers(speaker)
    return "train" in {record.side(opened.load(row, sample_rate=16000)) for row in range(len(opened))}


def test_sentences_are_noted_and_read_again_when_a_person_is_forgotten(
    affekt: Affekt, shared: Path, snapshot: Snapshot, tmp_path: Path
) -> None:
    (tmp_path / "rated.csv").write_text(RATED, encoding="utf-8")
    corpus, model = shared / "corpus", tmp_path / "model"
    words = ["--model", "audio-text", "--method", "rankclap", "--config", rated_settings(tmp_path)]
    assert affekt("train", corpus, "--out", model, *words).code == 0
    noted = json.loads((model / "run.json").read_text())["config"]["method"]
    assert noted["sentences_sha256"] == hashlib.sha256(RATED.encode()).hexdigest()
    recipe = read_training(model)
    assert recipe is not None
    scale: dict[str, Any] = {"sentences": str(tmp_path / "rated.csv"), "sentence_scale": (1, 5)}
    made = EmotionRankClap(loss="rnc", name_share=0.5, positions={"sadness": [0.1, 0.2]}, **scale)
    assert recipe.config.method == made

    def forget(model: Path, speaker: str, out: str) -> Any:
        return affekt("forget", model, corpus, "--speaker", speaker, "--method", "retrain", "--out", tmp_path / out)

    known = [speaker for speaker in ("00", "01", "02", "03", "04", "05") if trained_on(model, corpus, speaker)]
    assert forget(model, known[0], "once").code == 0
    training = json.loads((tmp_path / "once" / "run.json").read_text())["training"]
    assert training["config"]["method"] == noted
    assert forget(tmp_path / "once", known[1], "twice").code == 0
    (tmp_path / "rated.csv").write_text(RATED.replace("people", "others"), encoding="utf-8")
    before = snapshot(tmp_path)
    ran = forget(model, known[0], "never")
    assert ran.code == 2
    assert "rated.csv are not those that sentences_sha256 names" in ran.err
    (tmp_path / "rated.csv").unlink()
    ran = forget(model, known[0], "never")
    assert ran.code == 2
    assert "rated.csv cannot be read (No such file or directory)" in ran.err
    assert set(before) - set(snapshot(tmp_path)) == {"rated.csv"}


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        (None, {}, "rated.csv cannot be read (No such file or directory); a CSV file was expected"),
        ("text,valence\nso,1\n", {}, "have no column of arousal"),
        ("text,V,A\nso,NaN,1\n", {}, "line 2 of the sentences"),
        ("text,V,A\nso,7,1\n", {}, "has the valence 7; 1 to 5 was expected"),
        ("text,V,A\n,1,1\n", {}, "has no text"),
        ("text,V,A,split\nso,1,1,test\n", {}, "hold no line with train in the column split"),
        ("text,V,A\n", {}, "hold no line; at least one was expected"),
        ("\x00", {}, "rated.csv"),
        (RATED, {"sentence_scale": "[5, 1]"}, "its two ends were expected"),
        (RATED, {"sentence_scale": "[1, 3, 5]"}, "'method.sentence_scale'"),
        (RATED, {"sentence_scale": ""}, "sentences is given without sentence_scale"),
        (RATED, {"sentence_share": "-1"}, "sentence_share is -1"),
        (RATED, {"sentences_sha256": '"0000"'}, "are not those that sentences_sha256 names"),
    ],
)
def test_bad_sentences_change_nothing(
    affekt: Affekt,
    shared: Path,
    snapshot: Snapshot,
    tmp_path: Path,
    text: str | None,
    changes: dict[str, str],
    message: str,
) -> None:
    if text is not None:
        (tmp_path / "rated.csv").write_text(text, encoding="utf-8")
    words = ["--model", "audio-text", "--method", "rankclap", "--config", rated_settings(tmp_path, **changes)]
    before = snapshot(tmp_path)
    ran = affekt("train", shared / "corpus", "--out", tmp_path / "model", *words, "--quiet")
    assert ran.code == 2, ran
    assert ran.out == ""
    (sentence,) = ran.err.splitlines()
    assert message in sentence
    assert snapshot(tmp_path) == before
