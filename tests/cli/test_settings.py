from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from affekt.cli.settings import overrides, read_toml
from affekt.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Inner:
    steps: int = 3


@dataclass(frozen=True, kw_only=True)
class Outer:
    rate: float = 0.5
    retain_weight: float = 1.0
    limit: float | None = None
    on: bool = True
    stop: Literal["zero", "steps"] = "zero"
    name: str = "x"
    sizes: tuple[int, ...] = (1, 2)
    pair: tuple[int, str] = (1, "a")
    inner: Inner = field(default_factory=Inner)


def read(folder: Path, text: str) -> dict[str, object]:
    path = folder / "forget.toml"
    path.write_text(text, encoding="utf-8")
    return overrides(read_toml(path), Outer, path=path)


def test_values_of_every_kind(tmp_path: Path) -> None:
    text = 'rate = 1\nlimit = 2.5\non = false\nstop = "steps"\nname = "y"\nsizes = [4]\npair = [2, "b"]\n'
    expected = {
        "rate": 1,
        "limit": 2.5,
        "on": False,
        "stop": "steps",
        "name": "y",
        "sizes": (4,),
        "pair": (2, "b"),
        "inner": {"steps": 9},
    }
    assert read(tmp_path, text + "[inner]\nsteps = 9\n") == expected
    assert read(tmp_path, "") == {}


def test_unknown_key_names_the_nearest_one_and_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "retain_wieght = 1.0\n")
    assert str(caught.value) == f"unknown key 'retain_wieght' in {tmp_path}/forget.toml; did you mean 'retain_weight'?"


def test_unknown_key_near_to_none_lists_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'qqq' in .*; known: inner, limit, name, "):
        read(tmp_path, "qqq = 1\n")


def test_unknown_key_in_an_inner_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'stepz' in .*did you mean 'steps'"):
        read(tmp_path, "[inner]\nstepz = 1\n")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ('rate = "fast"', "a number"),
        ("rate = true", "a number"),
        ("limit = []", "a number"),
        ("on = 1", "true or false"),
        ('stop = "never"', "one of zero, steps"),
        ("name = 3", "a text"),
        ('sizes = ["a"]', "a list"),
        ("pair = [1]", "a list"),
        ("inner = 4", "a table"),
        ("[inner]\nsteps = 1.5", "a whole number"),
    ],
)
def test_wrong_type(tmp_path: Path, line: str, wanted: str) -> None:
    with pytest.raises(ConfigError, match=rf"in .*forget\.toml is .*; {wanted} was expected"):
        read(tmp_path, line + "\n")


def test_no_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"forget\.toml is no valid TOML"):
        read(tmp_path, "rate = = 1\n")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml cannot be read \(No such file or directory\)"):
        read_toml(tmp_path / "nothing.toml")
