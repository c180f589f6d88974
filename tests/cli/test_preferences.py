"""Training on pairs that people put in order, without any label, from the command line."""

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affekt.cli import main
from affekt.metrics import kendall_tau
from affekt.models import EmotionModel
from affekt.training import run_state

Affekt = Callable[..., Any]
Snapshot = Callable[[Path], dict[str, str]]

SETTINGS = """
epochs = 8
learning_rate = 1e-2
heldout_fraction = 0.1

[method]
preferences = "{file}"
size = 2
lists = 8

[options.settings]
channels = [4, 6, 8]
width = 24
n_mels = 40
head_dropout = 0.0
"""
OCTAVES = {"anger": 0, "neutral": 1, "sadness": 2}
UNCOMPARED = "05"
"""A speaker whom nobody compared."""


def octave(utterance: str) -> int:
    """What the order of an utterance is, told by its name; the commands never look at it."""
    return OCTAVES[Path(utterance).stem.split("-")[1]]


def settings(folder: Path, more: str = "") -> Path:
    """The settings, with the preferences of a folder."""
    file = folder / "pairs.toml"
    file.write_text(more + SETTINGS.format(file=(folder / "pairs.csv").as_posix()), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def preferred(csv_rows: Any, tmp_path_factory: pytest.TempPathFactory, write_corpus: Callable[..., Path]) -> Path:
    """A folder with ``corpus``, which has no label, ``pairs.csv`` about five of its six speakers, and a ``model``."""
    folder = tmp_path_factory.mktemp("preferred")
    corpus = write_corpus(folder / "corpus", easy=True)
    rows = csv_rows.read(corpus / "utterances.csv")
    csv_rows.write(
        corpus / "utterances.csv", [{key: row[key] for key in ("file", "utterance", "speaker")} for row in rows]
    )
    generator = np.random.default_rng(0)
    names = [row["utterance"] for row in rows if row["speaker"] != UNCOMPARED]
    pairs = [
        {"better": one, "worse": two}
        for one, two in itertools.permutations(names, 2)
        if octave(one) > octave(two) and generator.random() < 0.15
    ]
    csv_rows.write(folder / "pairs.csv", pairs)
    words = ["train", corpus, "--out", folder / "model", "--model", "ranker", "--method", "ranklist", "--quiet"]
    assert main([str(word) for word in (*words, "--config", settings(folder))]) == 0
    return folder


def test_the_model_says_what_it_learned_from(preferred: Path) -> None:
    config = EmotionModel.from_pretrained(preferred / "model").config
    assert (config.label, config.classes) == ("preference", ("lower", "higher"))
    run = json.loads((preferred / "model" / "run.json").read_text(encoding="utf-8"))
    assert run["metrics"]["utterances"]["left_out"] == 12
    named = run["files"]["preferences"]
    assert Path(named["path"]) == (preferred / "pairs.csv").resolve()
    assert config.history[0]["files"] == {"preferences": named}
    assert "of preference" in (preferred / "model" / "README.md").read_text(encoding="utf-8")


def test_recordings_come_in_the_preferred_order(csv_rows: Any, affekt: Affekt, preferred: Path, tmp_path: Path) -> None:
    out = tmp_path / "order.csv"
    ran = affekt("rank", preferred / "model", preferred / "corpus", "--out", out)
    assert ran.code == 0
    assert ran.out.splitlines()[-2] == "72 recordings in order of preference"
    rows = [row for row in csv_rows.read(out) if row["utterance"].startswith(UNCOMPARED)]  # was on no side
    assert kendall_tau([octave(row["utterance"]) for row in rows], [float(row["score"]) for row in rows]) > 0.6


def test_it_is_scored_by_levels(affekt: Affekt, preferred: Path, tmp_path: Path) -> None:
    shown = json.loads(affekt("evaluate", preferred / "model", preferred / "corpus", "--json").out)
    assert shown["split"] == "test"
    assert shown["classes"] == ["lower", "higher"]
    assert shown["uar"]["estimate"] > 0.7
    whole = json.loads(affekt("evaluate", preferred / "model", preferred / "corpus", "--split", "all", "--json").out)
    assert (whole["utterances"], whole["unlabelled"]) == (72, 12)
    report = tmp_path / "report"
    ran = affekt("evaluate", preferred / "model", preferred / "corpus", "--split", "all", "--out", report)
    assert "12 of them without a level of preference" in ran.out
    assert any(line.split()[:2] == ["preference", "recall"] for line in ran.out.splitlines())
    page = (report / "report.html").read_text(encoding="utf-8")
    assert "of levels of preference recognised" in page
    assert "12 recordings have no level of preference" in page
    assert "emotions recognised" not in page


def test_probabilities_follow_the_order(affekt: Affekt, preferred: Path) -> None:
    ran = affekt("predict", preferred / "model", preferred / "corpus" / "audio", "--json")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert kendall_tau([octave(row["file"]) for row in rows], [row["probabilities"]["higher"] for row in rows]) > 0.6


def test_a_speaker_is_forgotten(affekt: Affekt, preferred: Path, tmp_path: Path) -> None:
    record = EmotionModel.from_pretrained(preferred / "model").erasure
    assert record is not None
    counts = {}
    for speaker in ("00", "01", "02"):
        out = tmp_path / speaker
        ran = affekt(
            "forget", preferred / "model", preferred / "corpus", "--speaker", speaker, "--out", out,
            "--method", "gradient_ascent", "--json",
        )  # fmt: skip
        assert ran.code in (0, 1), ran.err
        sides = json.loads(ran.out)["request"]["sides"]
        counts[speaker] = sides["train"]
        if sides["train"]:
            after = EmotionModel.from_pretrained(out).erasure
            assert after is not None
            assert len(after.commitments["train"]) == len(record.commitments["train"]) - sides["train"]
    assert max(counts.values()) >= 8


def test_a_file_that_changed_is_told(csv_rows: Any, affekt: Affekt, preferred: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(preferred, tmp_path / "place"))
    config = json.loads((place / "model" / "config.json").read_text(encoding="utf-8"))
    named = config["history"][0]["files"]["preferences"]
    named["path"] = str(place / "pairs.csv")
    (place / "model" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert "changed" not in affekt("evaluate", place / "model", place / "corpus").err
    with (place / "pairs.csv").open("a", encoding="utf-8") as stream:
        stream.write("00-sadness-0,00-anger-0\r\n")
    assert (
        "The file of preferences that the levels come from has changed"
        in affekt("evaluate", place / "model", place / "corpus").err
    )
    (place / "pairs.csv").unlink()
    for words in (["evaluate"], ["forget", "--speaker", "00", "--out", place / "out"]):
        ran = affekt(words[0], place / "model", place / "corpus", *words[1:])
        assert ran.code == 2
        assert f"come from the file of preferences {place / 'pairs.csv'}, which is not there" in ran.err
    rows = csv_rows.read(place / "corpus" / "utterances.csv")
    for row in rows:
        row["preference"] = "higher" if octave(row["utterance"]) else "lower"
    csv_rows.write(place / "corpus" / "utterances.csv", rows)
    shown = json.loads(affekt("evaluate", place / "model", place / "corpus", "--split", "all", "--json").out)
    assert (shown["utterances"], shown.get("unlabelled", 0)) == (72, 0)


def test_a_run_goes_on_with_the_same_preferences_only(
    affekt: Affekt, preferred: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(shutil.copytree(preferred, tmp_path / "place"))
    words = ["train", place / "corpus", "--out", place / "new", "--model", "ranker", "--method", "ranklist"]
    words += ["--config", settings(place), "--quiet", "--resume"]
    before = (place / "pairs.csv").read_bytes()
    save, saved = run_state.save_checkpoint, []

    def stop(*arguments: Any) -> None:
        save(*arguments)
        saved.append(1)
        if len(saved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(run_state, "save_checkpoint", stop)
    assert affekt(*words).code == 130
    monkeypatch.undo()
    (place / "pairs.csv").write_bytes(before + b"04-anger-0,04-sadness-3\r\n")
    ran = affekt(*words)
    assert ran.code == 2
    assert "belongs to another run (other settings, seed or data)" in ran.err
    assert not (place / "new").exists()
    (place / "pairs.csv").write_bytes(before)
    assert affekt(*words).code == 0
    first, second = ((place / name / "model.safetensors").read_bytes() for name in ("model", "new"))
    assert first == second


def test_some_levels_are_enough(csv_rows: Any, affekt: Affekt, preferred: Path, tmp_path: Path) -> None:
    """The order is learned from all that are listed, the reading from those with an intensity."""
    place = Path(shutil.copytree(preferred, tmp_path / "place"))
    rows = csv_rows.read(place / "corpus" / "utterances.csv")
    for row in rows:
        row["intensity"] = (
            "" if row["utterance"].endswith(("1", "2")) else ["weak", "medium", "strong"][octave(row["utterance"])]
        )
    csv_rows.write(place / "corpus" / "utterances.csv", rows)
    config = settings(place, 'label = "intensity"\nclasses = ["weak", "medium", "strong"]\n')
    words = ["train", place / "corpus", "--out", place / "some", "--model", "ranker", "--method", "ranklist", "--json"]
    ran = affekt(*words, "--config", config, "--test-speakers", "04")
    assert ran.code == 0, ran.err
    report = json.loads(ran.out)
    assert report["classes"] == ["weak", "medium", "strong"]
    assert report["utterances"]["left_out"] == 0
    assert report["test"]["unlabelled"] == 6
    # three of the four training speakers were compared, and half of what they said has no intensity
    assert 18 < report["utterances"]["trained"] + report["utterances"]["held_out"] <= 36
    shown = json.loads(affekt("evaluate", place / "some", place / "corpus", "--json").out)
    assert (shown["utterances"], shown["unlabelled"]) == (12, 6)
    assert shown["uar"]["estimate"] > 0.5


@pytest.mark.parametrize(
    ("pairs", "more", "options", "message"),
    [
        ("better,worse\nx,y\n", "", [], "give 0 utterances of corpus 'corpus' no two levels"),
        ("better,worse\n", "", [], "holds no preference"),
        ("rank\n1\n", "", [], "better and worse, or list, rank and utterance were expected"),
        (None, "", ["--test-speakers", "05"], "speakers 05 cannot be test speakers"),
        (None, 'label = "intensity"\n', [], "no value in its column intensity"),
        (None, 'target = "soft"\n', [], "hard was expected"),
        (None, 'classes = ["bad", "good"]\n', [], "has the unknown emotion"),
        ("gone", "", [], "cannot be read"),
    ],
)
def test_what_is_refused(
    affekt: Affekt,
    preferred: Path,
    snapshot: Snapshot,
    tmp_path: Path,
    pairs: str | None,
    more: str,
    options: list[str],
    message: str,
) -> None:
    if pairs is None:
        shutil.copy(preferred / "pairs.csv", tmp_path)
    elif pairs != "gone":
        (tmp_path / "pairs.csv").write_text(pairs, encoding="utf-8")
    config = settings(tmp_path, more)
    before = snapshot(tmp_path)
    words = ["train", preferred / "corpus", "--out", tmp_path / "model", "--model", "ranker", "--method", "ranklist"]
    ran = affekt(*words, "--config", config, *options)
    assert ran.code == 2, ran
    assert message in ran.err
    assert ran.out == ""
    assert snapshot(tmp_path) == before


def test_without_preferences_a_label_is_needed(affekt: Affekt, preferred: Path, tmp_path: Path) -> None:
    words = ["train", preferred / "corpus", "--out", tmp_path / "model", "--model", "ranker", "--method", "ranklist"]
    ran = affekt(*words)
    assert ran.code == 2
    assert "the corpus has 0 emotion(s)" in ran.err
