"""Emotions in another corpus's words: everything is said by somebody and counted."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.corpora import Corpus, describe_mapping, map_emotions
from affekt.errors import AffektError, ConfigError, DataError

CLASSES = ("sadness", "anger", "joy")


def made(emotions: list[str | None], ratings: pl.DataFrame | None = None) -> Corpus:
    names = [f"u{number}" for number in range(len(emotions))]
    table = pl.DataFrame({"utterance": names, "file": [f"{name}.wav" for name in names], "emotion": emotions})
    return Corpus(name="other", root=Path("nowhere"), table=table, ratings=ratings)


def test_renames_leaves_out_and_takes_the_order_of_the_model() -> None:
    corpus = made(["happiness", "calm", "anger", "excited", "sadness"])
    mapping = {"happiness": "joy", "excited": "joy"}
    ours = map_emotions(corpus, mapping, classes=CLASSES, drop=["calm"])
    assert ours.emotions == ["joy", "anger", "joy", "sadness"]
    assert ours.classes == CLASSES
    assert ours.labels().tolist() == [2, 1, 2, 0]
    assert ours.table["utterance"].to_list() == ["u0", "u2", "u3", "u4"]
    assert corpus.emotions == ["happiness", "calm", "anger", "excited", "sadness"]
    found = describe_mapping(corpus, mapping, classes=CLASSES, drop=["calm"])
    assert found.to_json() == {
        "renamed": {"excited": "joy", "happiness": "joy"},
        "utterances_renamed": {"excited": 1, "happiness": 1},
        "dropped": {"calm": 1},
        "kept": {"sadness": 1, "anger": 1, "joy": 2},
    }


@given(st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=1, max_size=30))
def test_nothing_is_lost_but_what_is_dropped(emotions: list[str | None]) -> None:
    corpus = made(emotions)
    there = set(emotions)
    mapping = {"c": "a"} if "c" in there else {}
    drop = [name for name in ("d",) if name in there]
    if there <= {"d"}:
        return
    ours = map_emotions(corpus, mapping, classes=("a", "b"), drop=drop)
    before, after = Counter(emotions), Counter(ours.emotions)
    assert after == Counter({"a": before["a"] + before["c"], "b": before["b"], None: before[None]})
    assert describe_mapping(corpus, mapping, classes=("a", "b"), drop=drop).dropped == {n: before[n] for n in drop}


def test_swapped_names_do_not_run_into_each_other() -> None:
    ours = map_emotions(made(["anger", "joy"]), {"anger": "joy", "joy": "anger"}, classes=CLASSES)
    assert ours.emotions == ["joy", "anger"]


def test_what_has_no_emotion_stays_unless_it_is_left_out() -> None:
    corpus = made(["joy", None, "calm"])
    assert map_emotions(corpus, {}, classes=CLASSES, drop=["calm"]).emotions == ["joy", None]
    assert map_emotions(corpus, {}, classes=CLASSES, drop=["calm", ""]).emotions == ["joy"]
    assert describe_mapping(corpus, {}, classes=CLASSES, drop=["calm", ""]).dropped == {"": 1, "calm": 1}


def test_ratings_are_renamed_too() -> None:
    ratings = pl.DataFrame(
        {
            "utterance": ["u0", "u0", "u1"],
            "rater": ["r1", "r2", "r1"],
            "emotion": ["happiness", "calm", "calm"],
            "secondary": ["excited; anger", None, None],
        }
    )
    corpus = made(["happiness", "calm"], ratings)
    ours = map_emotions(corpus, {"happiness": "joy"}, classes=CLASSES, drop=["calm"])
    assert ours.ratings is not None
    assert ours.ratings["emotion"].to_list() == ["joy", "calm"]
    assert ours.ratings["secondary"].to_list() == ["excited;anger", None]


@pytest.mark.parametrize(
    ("mapping", "drop", "error", "message"),
    [
        ({}, [], DataError, r"got calm \(1\), happiness \(2\)"),
        ({"happiness": "joy"}, [], DataError, r"got calm \(1\)\); only sadness, anger, joy"),
        ({"happiness": "happy"}, ["calm"], ConfigError, "'happy', which is no class of the model"),
        ({"hapiness": "joy"}, ["calm"], ConfigError, "no emotion 'hapiness'.*did you mean 'happiness'"),
        ({"happiness": "joy"}, ["clam"], ConfigError, "no emotion 'clam'.*did you mean 'calm'"),
        ({"happiness": "joy", "calm": "joy"}, ["calm"], ConfigError, "mapped to 'joy' and left out"),
        ({}, ["calm", "happiness", "anger"], DataError, "nothing is left"),
    ],
)
def test_bad_mappings_are_refused(
    mapping: dict[str, str], drop: list[str], error: type[AffektError], message: str
) -> None:
    with pytest.raises(error, match=message):
        map_emotions(made(["happiness", "calm", "happiness", "anger"]), mapping, classes=CLASSES, drop=drop)
