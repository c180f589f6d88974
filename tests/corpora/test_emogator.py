from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from affekt.corpora import emogator
from affekt.errors import DataError

Row: TypeAlias = Callable[[str, str], dict[str, Any]]


def test_a_name(row: Row) -> None:
    assert row("emogator", "000357-30-3.mp3") == {
        "utterance": "000357-30-3",
        "speaker": "000357",
        "emotion": "triumph",
        "take": "3",
    }
    assert len(set(emogator.CATEGORIES)) == 30


@pytest.mark.parametrize("file", ["000001-31-1.mp3", "000001-00-1.mp3"])
def test_strange_names(row: Row, file: str) -> None:
    with pytest.raises(DataError, match=f"{file} is no .* recording; a name such as 000001-02-1.mp3"):
        row("emogator", file)


@pytest.mark.data
def test_names_say_what_the_table_says(same_as_its_table: Callable[[str], bool]) -> None:
    assert same_as_its_table("emogator")
