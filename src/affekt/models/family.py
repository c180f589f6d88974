"""Model families: which there are, and what makes one.

A family is a module of this package that ends in ``FAMILY = Family(...)``, and its line in :data:`FAMILIES`. Looking at
the names costs no torch; the module is loaded when its family is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from affekt.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FAMILIES", "Family", "find_family", "source_options"]

FAMILIES: Final[Mapping[str, str]] = {
    "audio-text": "audio_text_network",
    "emo18": "emo18",
    "encoder": "encoder_network",
    "logmel-cnn": "logmel_cnn",
    "ranker": "ranker_network",
    "ridge": "ridge_network",
    "text": "text_network",
    "zhao19": "zhao19",
}
"""Family name -> the module of ``affekt.models`` that holds it; :func:`find_family` loads it."""

_SHARED: Final = ("architecture", "download", "encoder", "source_sha256")
"""Options of the family encoder that a family which builds on it has itself, beside ``settings``."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """What a model of one family is built and trained from."""

    network: type["nn.Module"]
    """Built from a number of outputs and the options; ``docs/how-to-add-a-family.md`` says what it offers."""
    options: type[Any]
    """A frozen dataclass; its fields are what ``options`` of a :class:`~affekt.models.ModelConfig` can hold."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """Settings of :class:`affekt.training.TrainConfig` that differ from their defaults."""
    not_front_end: frozenset[str] = frozenset()
    """Names of options that change nothing in what the network's ``front_end`` gives, so that features which are kept
    on disk can be used again when these options differ."""

    def options_from(self, values: Mapping[str, Any]) -> Any:
        """Options from plain values, as config.json has them: a list stands for a tuple.

        Raises:
            ConfigError: a name or a value is none of the options'.
        """
        known = {item.name for item in fields(self.options)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(
                f"unknown model option {unknown[0]!r}; one of {', '.join(sorted(known))} was expected; correct its "
                "name."
            )
        return self.options(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        )


def find_family(name: str) -> Family:
    """The family of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in FAMILIES:
        raise ConfigError(
            f"unknown model family {name!r}; one of {', '.join(sorted(FAMILIES))} was expected; choose one of these."
        )
    family: Family = import_module(f"affekt.models.{FAMILIES[name]}").FAMILY
    return family


def source_options(name: str, options: Any) -> Any:
    """Options of the family that another one builds on.

    Args:
        name: the family that is built on.
        options: those of the family that builds: ``settings`` holds what differs from the defaults, and ``encoder``,
            ``download``, ``architecture`` and ``source_sha256`` stand beside it.

    Raises:
        ConfigError: a name in ``settings`` or a value is none of the family's options.
    """
    family = find_family(name)
    names = {item.name for item in fields(family.options)}
    known = names - set(_SHARED)
    if unknown := sorted(set(options.settings) - known):
        raise ConfigError(
            f"unknown option {unknown[0]!r} of {name}; one of {', '.join(sorted(known))} was expected; correct its "
            "name in settings."
        )
    values = dict(options.settings)
    values |= {shared: getattr(options, shared) for shared in _SHARED if shared in names}
    return family.options_from(values)
