"""Errors that affekt raises on purpose.

Every message is one sentence in three parts: what is wrong (got X); what was expected; how to fix it. The command
line prints the message of any :class:`AffektError` and leaves with exit code 2.
"""

__all__ = [
    "AffektError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "MissingExtraError",
    "ProtocolError",
    "ShapeError",
]


class AffektError(Exception):
    """What every error that affekt raises on purpose is."""


class DataError(AffektError):
    """A recording, table or corpus is missing, unreadable or not what it says it is."""


class ConfigError(AffektError, ValueError):
    """A setting is unknown, out of range or contradicts another one."""


class ShapeError(AffektError, ValueError):
    """An array does not have the documented shape."""


class ProtocolError(AffektError):
    """An experiment would leak: a speaker on two sides of a split, a method handed data it must not see."""


class CheckpointError(AffektError):
    """A model directory or a checkpoint is damaged, incomplete or of another version."""


class MissingExtraError(AffektError):
    """An optional dependency is needed; the message names the extra that brings it."""
