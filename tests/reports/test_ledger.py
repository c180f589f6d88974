"""The ledger: whatever is done to it but adding a line is found."""

import hashlib
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from affekt.errors import DataError
from affekt.reports.ledger import EMPTY, Entry, head_file, open_ledger, read_head, read_ledger

TIME = "2026-11-20T10:00:00Z"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def add(path: Path, name: str) -> Entry:
    with open_ledger(path) as book:
        return book.append(envelope=sha(name), payload=sha(name + "p"), event="statement", time=TIME)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    for name in "abcd":
        add(tmp_path / "ledger.jsonl", name)
    return tmp_path / "ledger.jsonl"


def test_lines_are_chained_and_sha256sum_gives_the_head(ledger: Path) -> None:
    lines = ledger.read_bytes().splitlines(keepends=True)
    entries = read_ledger(ledger)
    assert [entry.line for entry in entries] == lines
    assert [entry.envelope for entry in entries] == [sha(name) for name in "abcd"]
    assert [entry.prev for entry in entries] == [EMPTY, *(hashlib.sha256(line).hexdigest() for line in lines[:-1])]
    summed = subprocess.run(f"tail -n 1 '{ledger}' | sha256sum", shell=True, capture_output=True, text=True, check=True)
    assert read_head(head_file(ledger)) == summed.stdout.split()[0] == entries[-1].head
    nothing = subprocess.run("printf '' | sha256sum", shell=True, capture_output=True, text=True, check=True)
    assert nothing.stdout.split()[0] == EMPTY


def damaged(ledger: Path) -> bool:
    """Whether reading, or comparing with the head, finds something."""
    try:
        entries = read_ledger(ledger)
        return read_head(head_file(ledger)) != (entries[-1].head if entries else EMPTY)
    except DataError:
        return True


def test_every_bit_is_covered(ledger: Path) -> None:
    assert not damaged(ledger)
    generator = random.Random(0)
    for file, count in ((ledger, 400), (head_file(ledger), 100)):
        data = file.read_bytes()
        for bit in generator.sample(range(8 * len(data)), count):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            file.write_bytes(changed)
            assert damaged(ledger), (file.name, bit)
        file.write_bytes(data)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ([0, 2, 1, 3], "line 2 .* does not follow"),
        ([1, 0, 2, 3], "line 1 .* does not follow"),
        ([0, 1, 3], "line 3 .* does not follow"),
        ([1, 2, 3], "line 1 .* does not follow"),
        ([0, 0, 1, 2, 3], "line 2 .* does not follow"),
        ([0, 1, 2], "does not end with the line"),
        ([], "does not end with the line"),
    ],
)
def test_nothing_is_added_to_a_broken_ledger(ledger: Path, order: list[int], reason: str) -> None:
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[number] for number in order))
    before = ledger.read_bytes()
    with pytest.raises(DataError, match=reason):
        add(ledger, "e")
    assert ledger.read_bytes() == before


def test_a_cut_line_and_a_line_written_otherwise(ledger: Path) -> None:
    data = ledger.read_bytes()
    ledger.write_bytes(data[:-1])
    with pytest.raises(DataError, match=r"line 4 .* is cut short"):
        read_ledger(ledger)
    for changed in (
        data.replace(b",", b", "),
        data.replace(b"\n", b"\r\n"),
        data + b"\n",
        data.replace(b'"statement"', b'"comment"'),
        data.replace(b'"time":"2026', b'"time":"x026'),
        data.replace(b'"time"', b'"name"'),
        data.replace(sha("a").encode(), b"7"),
        b"[]\n",
        b"{\n",
    ):
        ledger.write_bytes(changed)
        with pytest.raises(DataError, match=r"line \d .* is damaged"):
            read_ledger(ledger)


def test_a_lost_head_is_no_empty_one(ledger: Path) -> None:
    head_file(ledger).unlink()
    with pytest.raises(DataError, match="does not end with the line"):
        add(ledger, "e")
    head_file(ledger).write_text("nothing\n", encoding="ascii")
    with pytest.raises(DataError, match="holds no head"):
        add(ledger, "e")


def test_a_ledger_that_was_not_used_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), open_ledger(tmp_path / "l"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="cannot be read"):
        read_ledger(tmp_path / "l")
    with pytest.raises(DataError, match="is a folder"), open_ledger(tmp_path):
        pass
    with pytest.raises(DataError, match="cannot be read"):
        read_head(tmp_path / "l.head")


def test_writers_take_turns(tmp_path: Path) -> None:
    """Threads stand for processes: the lock belongs to the open file, and each has its own."""
    path = tmp_path / "ledger.jsonl"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: add(path, str(number)), range(20)))
    entries = read_ledger(path)
    assert len(entries) == 20
    assert read_head(head_file(path)) == entries[-1].head
