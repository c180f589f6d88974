from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from affekt.errors import DataError

Row: TypeAlias = Callable[[str, str], dict[str, Any]]


def test_a_name(row: Row) -> None:
    assert row("ravdess", "03-01-06-02-02-01-12.wav") == {
        "utterance": "03-01-06-02-02-01-12",
        "speaker": "12",
        "sex": "f",
        "language": "en",
        "text": "Dogs are sitting by the door.",
        "emotion": "fear",
        "intensity": "strong",
        "sentence": "02",
        "take": "01",
        "channel": "speech",
    }


def test_song_by_a_man(row: Row) -> None:
    found = row("ravdess", "03-02-02-01-01-02-23.wav")
    assert (found["channel"], found["sex"], found["emotion"], found["intensity"]) == ("song", "m", "calm", "normal")


@pytest.mark.parametrize("file", ["03-01-09-01-01-01-01.wav", "03-01-01-01-01-01-25.wav", "03-01-01-01-01-01.wav"])
def test_strange_names(row: Row, file: str) -> None:
    with pytest.raises(DataError, match=f"{file} is no .* recording; a name such as 03-01-05-02-01-02-12.wav"):
        row("ravdess", file)


@pytest.mark.data
def test_names_say_what_the_table_says(same_as_its_table: Callable[[str], bool]) -> None:
    assert same_as_its_table("ravdess")
