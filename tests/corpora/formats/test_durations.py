import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.corpora.formats.durations import seconds_of, text_of
from affekt.errors import DataError


@given(st.integers(0, 10**15))
def test_pandas_reads_what_is_written_and_the_other_way_round(nanoseconds: int) -> None:
    seconds = nanoseconds / 1e9
    assert pd.Timedelta(text_of(seconds)).value == round(seconds * 1e9)
    assert seconds_of(str(pd.Timedelta(nanoseconds, "ns")), where="x", plain=False) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", None), ("NaT", None), ("0 days", 0.0), ("00:01:02.5", 62.5), ("1 day 00:00:00", 86400.0), (" 0 days ", 0.0)],
)
def test_other_ways_to_write_it(text: str, seconds: float | None) -> None:
    assert seconds_of(text, where="x", plain=False) == seconds


def test_a_number_is_seconds_only_where_it_is_agreed() -> None:
    assert seconds_of("1.5", where="x", plain=True) == 1.5
    with pytest.raises(DataError, match=r"x is '1\.5' without a unit; a time such as 0 days 00:00:01\.5 was expected"):
        seconds_of("1.5", where="x", plain=False)


@pytest.mark.parametrize("text", ["soon", "-1 days", "-1 days +23:59:59", "1:2", "nan", "inf"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(DataError, match="x is no time"):
        seconds_of(text, where="x", plain=True)
