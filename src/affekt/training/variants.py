"""Names with settings: ``encoder:layer=2:epochs=20``, as the command line and tables write them."""

import json
from dataclasses import dataclass, field
from typing import Any

from affekt.errors import ConfigError

__all__ = ["Variant", "parse_variant"]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A model family or a method with the settings that differ from its defaults."""

    text: str
    """As it was written; its name in tables."""
    name: str
    """The family or method."""
    changes: dict[str, Any] = field(default_factory=dict)
    """Settings."""


def parse_variant(text: str) -> Variant:
    """Read ``name:setting=value:setting=value``; values are JSON where they can be and words otherwise.

    Raises:
        ConfigError: a part is not ``setting=value``.

    Example:
        >>> parse_variant("encoder:layer=2:pooling=mean").changes
        {'layer': 2, 'pooling': 'mean'}
    """
    name, *parts = text.split(":")
    changes: dict[str, Any] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise ConfigError(f"{text!r} is not a name with settings; name:setting=value was expected; correct it.")
        try:
            changes[key] = json.loads(value)
        except json.JSONDecodeError:
            changes[key] = value
    return Variant(text=text, name=name, changes=changes)
