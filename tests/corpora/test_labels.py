from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from affekt.corpora import Corpus, labelled_by
from affekt.errors import ConfigError, DataError


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    table = pl.DataFrame(
        {
            "file": ["a.wav", "b.wav", "c.wav", "d.wav"],
            "emotion": ["joy", "joy", "anger", "anger"],
            "intensity": ["weak", "strong", "medium", "weak"],
            "intent": ["ask", "tell", "ask", None],
            "arousal": [1.0, 3.0, 2.0, 4.5],
        }
    )
    return Corpus(name="four", root=tmp_path, table=table)


def test_emotions_are_left_alone(corpus: Corpus) -> None:
    assert labelled_by(corpus, "emotion") is corpus
    assert labelled_by(corpus, "emotion", classes=("joy", "anger")).labels().tolist() == [0, 0, 1, 1]


def test_words_in_a_stated_order(corpus: Corpus) -> None:
    found = labelled_by(corpus, "intensity", classes=("weak", "medium", "strong"))
    assert found.labels().tolist() == [0, 2, 1, 0]
    assert found.table["intensity"].to_list() == corpus.table["intensity"].to_list()
    assert labelled_by(corpus, "intensity").classes == ("medium", "strong", "weak")


def test_an_attribute_is_cut_where_a_value_on_an_edge_is_above_it(corpus: Corpus) -> None:
    found = labelled_by(corpus, "arousal", edges=(2.0, 4.0))
    assert found.classes == ("arousal 1", "arousal 2", "arousal 3")
    assert found.labels().tolist() == [0, 1, 1, 2]
    assert labelled_by(corpus, "arousal", edges=(2.0, 4.0), classes=("low", "mid", "high")).emotions[3] == "high"


def test_preferences_go_up(corpus: Corpus) -> None:
    table = corpus.table.with_columns(preference=pl.Series(["lower", "higher", "lower", None]))
    found = labelled_by(replace(corpus, table=table), "preference")
    assert found.classes == ("lower", "higher")
    assert found.emotions == ["lower", "higher", "lower", None]


def test_twice_is_once(corpus: Corpus) -> None:
    once = labelled_by(corpus, "arousal", edges=(2.0,))
    assert labelled_by(once, "arousal", edges=(2.0,)).table.equals(once.table)


def test_what_has_no_value_has_no_label(corpus: Corpus) -> None:
    found = labelled_by(corpus, "intent")
    assert found.emotions == ["ask", "tell", "ask", None]
    with pytest.raises(DataError, match="has no emotion"):
        found.labels()


@pytest.mark.parametrize(
    ("column", "settings", "words"),
    [
        ("speaker", {}, "one of emotion, intensity, intent"),
        ("intensity", {"edges": (1.0,)}, "none were expected"),
        ("arousal", {}, "one rising value"),
        ("arousal", {"edges": (3.0, 2.0)}, "one rising value"),
        ("arousal", {"edges": (2.0,), "classes": ("a", "b", "c")}, "for 3 classes"),
    ],
)
def test_settings_that_do_not_fit(
    corpus: Corpus, column: str, settings: dict[str, tuple[float, ...]], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        labelled_by(corpus, column, **settings)


def test_an_empty_column(corpus: Corpus) -> None:
    with pytest.raises(DataError, match="no value in its column valence"):
        labelled_by(corpus, "valence", edges=(1.0,))
    with pytest.raises(DataError, match="no value in its column preference"):  # which a table need not have
        labelled_by(corpus, "preference")


def test_a_part_without_utterances_is_no_error(corpus: Corpus) -> None:
    assert labelled_by(corpus.select([]), "intensity", classes=("weak", "strong")).classes == ("weak", "strong")
