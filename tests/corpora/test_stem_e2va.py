from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from affekt.errors import DataError

Row: TypeAlias = Callable[[str, str], dict[str, Any]]


def test_a_name(row: Row) -> None:
    # the sex is the letter before the condition, even where the speaker's id ends in such letters
    assert row("stem-e2va", "MFFMJ07.wav") == {
        "utterance": "MFFMJ07",
        "speaker": "MF",
        "sex": "f",
        "language": "zh",
        "emotion": "happiness",
        "intensity": "moderate",
        "sentence": "07",
    }


def test_neutral_has_no_intensity(row: Row) -> None:
    found = row("stem-e2va", "CXYFNE01.wav")
    assert found["emotion"] == "neutral"
    assert "intensity" not in found


@pytest.mark.parametrize("file", ["CXYFXA01.wav", "CXYFNE01b.wav"])
def test_strange_names(row: Row, file: str) -> None:
    with pytest.raises(DataError, match=f"{file} is no .* recording; a name such as CXYFIA01.wav"):
        row("stem-e2va", file)


@pytest.mark.data
def test_names_say_what_the_table_says(same_as_its_table: Callable[[str], bool]) -> None:
    assert same_as_its_table("stem-e2va")
