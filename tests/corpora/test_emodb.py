from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from affekt.corpora import emodb
from affekt.errors import DataError

Row: TypeAlias = Callable[[str, str], dict[str, Any]]


def test_a_name(row: Row) -> None:
    assert row("emodb", "16b10Lb.wav") == {
        "utterance": "16b10Lb",
        "speaker": "16",
        "sex": "f",
        "age": 31.0,
        "language": "de",
        "text": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
        "emotion": "boredom",
        "sentence": "b10",
        "take": "b",
    }


def test_has_seven_emotions_and_an_unknown_actor_has_no_age(row: Row) -> None:
    assert sorted(emodb.EMOTIONS.values()) == ["anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"]
    found = row("emodb", "99a03Wa.wav")
    assert found["speaker"] == "99"
    assert not {"sex", "age", "text"} & set(found)


@pytest.mark.parametrize("file", ["03a01Xa.wav", "3a01Fa.wav"])
def test_strange_names(row: Row, file: str) -> None:
    with pytest.raises(DataError, match=f"{file} is no .* recording; a name such as 03a01Fa.wav"):
        row("emodb", file)


@pytest.mark.data
def test_names_say_what_the_table_says(same_as_its_table: Callable[[str], bool]) -> None:
    assert same_as_its_table("emodb")
