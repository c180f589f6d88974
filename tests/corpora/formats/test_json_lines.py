import gzip
from pathlib import Path

import pytest

from affekt.corpora.formats.json_lines import decode_json, read_lines, shown, write_lines
from affekt.errors import DataError


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz"])
def test_lines_come_back_with_their_places(name: str, tmp_path: Path) -> None:
    write_lines(tmp_path / "deep" / name, [{"a": "ü"}, {"b": [1, None]}])
    path = tmp_path / "deep" / name
    assert list(read_lines(path)) == [(f"{path}:1", {"a": "ü"}), (f"{path}:2", {"b": [1, None]})]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}\n\n{"b": ', r"x\.jsonl:3 is not valid JSON \(.*\); it may be cut short"),
        ("[1]\n", r"x\.jsonl:1 is no JSON object \(got \[1\]\)"),
        ('{"a": NaN}\n', r"x\.jsonl:1 holds NaN; finite numbers were expected"),
        ('{"a": -Infinity}\n', r"x\.jsonl:1 holds -Infinity"),
        ('{"a": 1, "a": 2}\n', r"x\.jsonl:1 has the key 'a' twice"),
        ("[" * 100_000, r"x\.jsonl:1 is not valid JSON \(nested too deep\)"),
    ],
)
def test_damaged_lines(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        list(read_lines(tmp_path / "x.jsonl"))


def test_what_is_no_text_or_no_whole_gzip(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n' * 1000)[:-12])
    (tmp_path / "y.jsonl.gz").write_bytes(b'{"a": 1}\n')
    for name in ("x.jsonl", "x.jsonl.gz", "y.jsonl.gz", "gone.jsonl"):
        with pytest.raises(DataError, match=f"{name} cannot be read after line"):
            list(read_lines(tmp_path / name))


def test_plain_values() -> None:
    assert decode_json("[1.5]", where="x") == [1.5]
    assert len(shown("x" * 100)) == 63
