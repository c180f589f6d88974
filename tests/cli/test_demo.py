from collections.abc import Callable
from pathlib import Path
from typing import Any

Affekt = Callable[..., Any]


def test_refuses_a_folder_that_is_there(affekt: Affekt, tmp_path: Path) -> None:
    """What the demonstration does is tested in tests/reports."""
    (tmp_path / "precious.txt").write_text("precious", encoding="utf-8")
    ran = affekt("demo", "--out", tmp_path)
    assert ran.code == 2
    assert ran.out == ""
    assert f"the output folder {tmp_path} is not empty" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
