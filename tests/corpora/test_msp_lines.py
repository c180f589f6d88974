"""Emotion names, free text and fields of the MSP corpora."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.corpora.msp_lines import EMOTIONS, csv_rows, emotion_names, lines_of, rating_line, sex_of, value
from affekt.errors import DataError


@pytest.mark.parametrize(
    ("text", "names", "texts"),
    [
        ("", [], []),
        ("Happy, Sad", ["happiness", "sadness"], []),
        ("happy", ["happiness"], []),
        ("Other", ["other"], [""]),
        ("Other-bored/apathetic,Neutral", ["other", "neutral"], ["bored/apathetic"]),
        ("Other: tired, sleepy, Sad", ["other", "sadness"], ["tired, sleepy"]),
        ("Other (a, b (c)),Other-d", ["other", "other"], ["a, b (c)", "d"]),
    ],
)
def test_emotion_names(text: str, names: list[str], texts: list[str]) -> None:
    found = emotion_names(text, where="line 1")
    assert (found.names, found.texts) == (names, texts)


def test_text_without_other_is_an_error() -> None:
    with pytest.raises(DataError, match="line 1 has the unknown emotion 'sleepy'"):
        emotion_names("Other, sleepy", where="line 1")


@given(
    st.sampled_from(sorted(EMOTIONS)),
    st.lists(st.sampled_from(sorted(EMOTIONS)), max_size=4),
    st.lists(st.floats(1, 7), min_size=3, max_size=3),
)
def test_a_line_that_was_written_is_read(primary: str, second: list[str], grades: list[float]) -> None:
    line = f"W1; {primary}; {','.join(second)}; " + " ".join(
        f"{letter}:{grade!r};" for letter, grade in zip("AVD", grades, strict=True)
    )
    fields = [field.strip() for field in line.split(";")][:-1]
    names = {"A": "arousal", "V": "valence", "D": "dominance"}
    row = rating_line(fields, names, where="line 1", scale=(1.0, 7.0))
    assert row["rater"] == "W1"
    assert row["emotion"] == EMOTIONS[primary]
    assert (row["secondary"] or "").split(";") == ([EMOTIONS[name] for name in second] or [""])
    assert [row[name] for name in names.values()] == grades


def test_values() -> None:
    assert value(" 3.5 ", "valence", where="x", scale=(1, 5)) == 3.5
    assert value("NaN", "valence", where="x", scale=(1, 5)) is None
    assert value("", "valence", where="x", scale=(1, 5)) is None
    for text in ("0", "5.01", "inf", "three"):
        with pytest.raises(DataError, match=f"x has the valence '{text}'; a number from 1 to 5"):
            value(text, "valence", where="x", scale=(1, 5))
    assert (sex_of("Male", where="x"), sex_of("Unknown", where="x")) == ("m", None)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfa ; b;\r\n\r\n c;d\r\n")
    assert list(lines_of(path)) == [(1, ["a", "b"]), (3, ["c", "d"])]
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"a.txt is no UTF-8 text"):
        list(lines_of(path))
    path.write_text('x,y\n1,"two\nlines"\n3,4\n', encoding="utf-8")
    assert list(csv_rows(path, ("x",), sample="x")) == [(3, {"x": "1", "y": "two\nlines"}), (4, {"x": "3", "y": "4"})]
