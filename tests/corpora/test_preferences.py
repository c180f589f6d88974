"""People's own pairs and lists, and the levels they give."""

import itertools
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.corpora import Corpus, labelled_by
from affekt.corpora.preferences import LEVELS, preference_levels, read_preferences, with_preference_levels
from affekt.errors import DataError

LISTS = st.lists(st.lists(st.sampled_from("abcdefg"), min_size=2, max_size=5, unique=True), min_size=1, max_size=12)


@given(lists=LISTS)
@settings(max_examples=60, deadline=None)
def test_levels_are_those_of_all_pairs_counted_one_by_one(lists: list[list[str]]) -> None:
    pairs = [pair for given in lists for pair in itertools.combinations(given, 2)]
    for name, level in preference_levels(lists).items():
        won, lost = sum(pair[0] == name for pair in pairs), sum(pair[1] == name for pair in pairs)
        assert won + lost
        assert (level == "higher") == (won >= lost)
    assert preference_levels(lists) == preference_levels([list(pair) for pair in pairs])
    assert set(preference_levels(lists)) == {name for given in lists for name in given}


def test_a_level_does_not_depend_on_the_others() -> None:
    few, more = [["a", "b"], ["c", "b"]], [["x", "y"], ["y", "z"], ["z", "x"]]
    assert preference_levels(few) == {"a": "higher", "b": "lower", "c": "higher"}
    assert {name: level for name, level in preference_levels(few + more).items() if name in "abc"} == preference_levels(
        few
    )


def test_a_corpus_gets_them_as_a_column(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("better,worse\na,b\na,elsewhere\n", encoding="utf-8")
    table = pl.DataFrame({"file": ["b.wav", "a.wav", "c.wav"]})
    found = with_preference_levels(Corpus(name="three", root=tmp_path, table=table), file)
    assert found.table["preference"].to_list() == ["lower", "higher", None]
    labelled = labelled_by(found, "preference")
    assert labelled.classes == LEVELS
    assert labelled.select([0, 1]).labels().tolist() == [0, 1]
    file.unlink()
    assert with_preference_levels(found, file) is found  # it has them


def test_preferences_are_read(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("better,worse\na,b\nc,a\n", encoding="utf-8")
    assert read_preferences(pairs) == (("a", "b"), ("c", "a"))
    ranks = tmp_path / "ranks.csv"
    ranks.write_text("list,rank,utterance\nx,2,b\nx,1,a\ny,1,c\nx,3,d\ny,2,a\n", encoding="utf-8")
    assert read_preferences(ranks) == (("a", "b", "d"), ("c", "a"))
    lists = tmp_path / "lists.json"
    lists.write_text('[["a", "b", "d"], ["c", "a"]]', encoding="utf-8")
    assert read_preferences(lists) == read_preferences(ranks)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "first,second\na,b\n", "has the columns first, second; better and worse"),
        ("a.csv", "better,worse\n", "holds no preference"),
        ("a.csv", "better,worse\na,a\n", "list 1 of .* is a, a; two or more different"),
        ("a.csv", "list,rank,utterance\nx,1,a\nx,one,b\n", "line 3 of .* has the rank 'one'"),
        ("a.csv", "list,rank,utterance\nx,1,a\nx,1,b\n", "line 3 of .* has rank 1 of list x again"),
        ("a.json", '{"a": 1}', "is no list of lists"),
        ("a.json", '[["a"]]', "list 1 of .* is a; two or more"),
        ("a.json", "[", "not valid JSON"),
    ],
)
def test_preferences_that_are_none_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_preferences(file)
    with pytest.raises(DataError, match="cannot be read"):
        read_preferences(tmp_path / f"gone-{name}")
