import pytest

from affekt.cli.wording import count, interval, split_commas, table
from affekt.errors import ConfigError
from affekt.metrics import Interval


def test_split_commas_takes_spaces_and_stray_commas() -> None:
    assert split_commas(" a, b c ,,d,", "word") == ("a", "b c", "d")


def test_split_commas_of_nothing() -> None:
    with pytest.raises(ConfigError, match=r"' , ' names no word"):
        split_commas(" , ", "word")


def test_interval_in_percent() -> None:
    score = Interval(estimate=0.5, low=0.4, high=0.62345, level=0.95, resamples=10, unit="speaker (3)")
    assert interval(score) == "50.0 % [40.0, 62.3]"


@pytest.mark.parametrize(("number", "expected"), [(0, "0 speakers"), (1, "1 speaker"), (2, "2 speakers")])
def test_count(number: int, expected: str) -> None:
    assert count(number, "speaker") == expected


def test_table_aligns_numbers_to_the_right() -> None:
    assert table(["emotion", "n"], [["anger", "7"], ["joy", "1234"]]) == [
        "emotion     n",
        "anger       7",
        "joy      1234",
    ]
