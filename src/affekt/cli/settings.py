"""TOML files that hold overrides only: a dataclass is the schema, and a key it does not have is an error."""

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from affekt.errors import ConfigError

__all__ = ["check_keys", "overrides", "read_toml", "subtable"]


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: it is missing or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}); a TOML file with settings was expected; check the path."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no valid TOML ({error}); correct the file.") from None


def subtable(values: Mapping[str, Any], key: str, *, path: Path) -> dict[str, Any]:
    """A table in a table; empty if it is not there.

    Raises:
        ConfigError: there is something else under that key.
    """
    table = values.get(key, {})
    if not isinstance(table, dict):
        raise ConfigError(f"'{key}' in {path} is {table!r}; a table was expected; correct the value.")
    return table


def check_keys(values: Mapping[str, Any], known: Iterable[str], *, path: Path) -> None:
    """Refuse a key that is not known.

    Raises:
        ConfigError: names the key, the file and the nearest known key.
    """
    names = sorted(known)
    for key in values:
        if key in names:
            continue
        near = difflib.get_close_matches(key.lower(), names, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names) or 'none'}."
        raise ConfigError(f"unknown key '{key}' in {path}; {hint}")


def overrides(
    values: Mapping[str, Any], schema: type[Any], *, path: Path, where: str = "", besides: Iterable[str] = ()
) -> dict[str, Any]:
    """Check a table of settings against a dataclass; a table in it is checked against the dataclass of its field.

    Args:
        values: what the file says.
        schema: a dataclass.
        path: the file, for messages.
        where: the table in the file, for messages: ``train.``.
        besides: keys that are read elsewhere and left out here.

    Returns:
        The checked values; lists are tuples.

    Raises:
        ConfigError: a key is unknown or a value has the wrong type.
    """
    besides = set(besides)
    hints = typing.get_type_hints(schema)
    # what can be anything is for Python alone
    names = {field.name for field in dataclasses.fields(schema) if hints[field.name] is not Any}
    check_keys(values, names | besides, path=path)
    checked: dict[str, Any] = {}
    for key, value in values.items():
        if key in besides:
            continue
        hint = hints[key]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type) and isinstance(value, dict):
            checked[key] = overrides(value, hint, path=path, where=f"{where}{key}.")
        elif _fits(value, hint):
            checked[key] = tuple(value) if isinstance(value, list) else value
        else:
            raise ConfigError(f"'{where}{key}' in {path} is {value!r}; {_words(hint)} was expected; correct the value.")
    return checked


def _fits(value: Any, hint: Any) -> bool:
    """Whether a TOML value is one of a type; a whole number is a number, true and false are not."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, kind) for kind in typing.get_args(hint))
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin is tuple:
        kinds = typing.get_args(hint)
        if not isinstance(value, list):
            return False
        if len(kinds) == 2 and kinds[1] is Ellipsis:
            return all(_fits(item, kinds[0]) for item in value)
        return len(value) == len(kinds) and all(_fits(item, kind) for item, kind in zip(value, kinds, strict=True))
    if hint in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if hint is float else origin or hint)


def _words(hint: Any) -> str:
    """A type in words."""
    origin, kinds = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(kind) for kind in kinds if kind is not type(None))
    if origin is typing.Literal:
        return "one of " + ", ".join(str(kind) for kind in kinds)
    if origin is tuple:
        return "a list"
    if dataclasses.is_dataclass(hint):
        return "a table"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", date: "a date"}
    return words.get(hint, str(hint))
