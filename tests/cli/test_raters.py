"""affekt corpus raters and consensus."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affekt.corpora import open_corpus

UTTERANCES = "file,emotion\na.wav,joy\nb.wav,joy\nc.wav,anger\nd.wav,anger\n"
RATINGS = """\
utterance,rater,emotion,valence
a,1,joy,5
a,2,joy,4
a,3,anger,6
b,1,joy,3
b,2,anger,3
c,1,other,2
c,2,other,2
c,3,joy,1
"""


@pytest.fixture
def rated(tmp_path: Path) -> Path:
    folder = tmp_path / "rated"
    folder.mkdir()
    (folder / "utterances.csv").write_text(UTTERANCES, encoding="utf-8")
    (folder / "ratings.csv").write_text(RATINGS, encoding="utf-8")
    (folder / "corpus.toml").write_text('classes = ["joy", "anger"]\nscale = [1, 7]\n', encoding="utf-8")
    return folder


def test_raters(affekt: Callable[..., Any], rated: Path, tmp_path: Path) -> None:
    ran = affekt("corpus", "raters", rated, "--resamples", 20)
    assert ran.code == 0, ran.err
    assert "8 ratings by 3 raters on 3 of 4 utterances" in ran.out
    assert "other 2" in ran.out
    ran = affekt("corpus", "raters", rated, "--resamples", 20, "--out", tmp_path / "out", "--json")
    value = json.loads(ran.out)
    assert value == json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert value["agreed"]["no_agreement"] == 1
    assert value["command_line"].startswith("affekt corpus raters ")
    assert "--resamples 20" in value["command_line"]
    assert "rater" not in value["raters"][0]


def test_consensus(affekt: Callable[..., Any], rated: Path, tmp_path: Path) -> None:
    ran = affekt("corpus", "consensus", rated, "--rule", "plurality", "--out", tmp_path / "all", "--json")
    assert ran.code == 0, ran.err
    value = json.loads(ran.out)
    made = open_corpus(tmp_path / "all")
    assert made.emotions == ["joy", None, "other", None]
    assert made.table["valence"].to_list()[0] == 5.0
    assert (made.classes, made.scale) == (("joy", "anger"), (1.0, 7.0))
    assert value["digest"] == made.digest
    wanted = {
        "no_agreement": 1,
        "unrated": 1,
        "outside_classes": 1,
        "changed": 1,
        "dropped_ratings": 0,
        "utterances": 4,
    }
    assert {name: value[name] for name in wanted} == wanted
    ran = affekt("corpus", "consensus", rated, "--keep", "labelled", "--outside", "drop", "--out", tmp_path / "some")
    assert ran.code == 0, ran.err
    assert "no agreement on 1 utterance;" in ran.out
    assert "2 ratings dropped" in ran.out
    assert open_corpus(tmp_path / "some").labels().tolist() == [0, 0]


@pytest.mark.parametrize("command", ["raters", "consensus"])
def test_bad_input_changes_nothing(affekt: Callable[..., Any], rated: Path, tmp_path: Path, command: str) -> None:
    (rated / "ratings.csv").unlink()
    ran = affekt("corpus", command, rated, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "has no ratings; a table of single ratings was expected" in ran.err
    assert not (tmp_path / "out").exists()
    (rated / "ratings.csv").write_text(RATINGS.replace("c,3", "z,3"), encoding="utf-8")
    ran = affekt("corpus", command, rated, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "rates no utterance of the corpus" in ran.err
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    ran = affekt("corpus", command, rated, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "is not empty" in ran.err


def test_nobody_agreed(affekt: Callable[..., Any], rated: Path, tmp_path: Path) -> None:
    (rated / "ratings.csv").write_text("utterance,rater,emotion\na,1,joy\na,2,anger\n", encoding="utf-8")
    ran = affekt("corpus", "consensus", rated, "--keep", "labelled", "--out", tmp_path / "out")
    assert ran.code == 2
    assert "no utterance of corpus 'rated' got an emotion" in ran.err
    assert not (tmp_path / "out").exists()
