"""What only the controller knows about a request: dates, ground, and what became of every other copy.

Nothing here is guessed: what was not said is "not stated", in the statement as in the letter.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from typing import Any, Final

from affekt.errors import ConfigError

__all__ = ["GROUNDS", "NOT_STATED", "STATES", "RequestDetails", "ScopeMap"]

NOT_STATED: Final = "not stated"

GROUNDS: Final = (*(f"gdpr-art-17-1-{letter}" for letter in "abcdef"), "other", NOT_STATED)
"""Grounds for erasure: the points of GDPR Art. 17(1), or another law."""

STATES: Final = ("deleted", "unlearned", "retrained", "none", "out of reach", NOT_STATED)
"""What became of a copy; ``none``: there never was one. A reason may follow a colon, and must after out of reach."""


@dataclass(frozen=True, kw_only=True)
class ScopeMap:
    """Where a person's recordings, or what was computed from them, may be; each one of :data:`STATES`.

    A reason follows after a colon: ``"out of reach: backups until 2027-01"``.
    """

    raw_audio: str = NOT_STATED
    """The recordings."""
    features: str = NOT_STATED
    """Features and embeddings computed from them."""
    caches: str = NOT_STATED
    """Caches, augmented copies and working folders."""
    manifests: str = NOT_STATED
    """Tables and lists that name them."""
    backups: str = NOT_STATED
    """Backups and shards."""
    other_models: str = NOT_STATED
    """Other models trained on them."""
    fold_models: str = NOT_STATED
    """Models of cross-validation folds."""
    saved_statistics: str = NOT_STATED
    """Statistics saved in training, other than the commitments that affekt forget deletes."""
    derived_models: str = NOT_STATED
    """Models distilled or fine-tuned from this one."""
    exports: str = NOT_STATED
    """Copies of the earlier model in other formats or places."""
    recipients: str = NOT_STATED
    """Whoever was given recordings or an earlier model."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            state, colon, reason = value.partition(":")
            if state not in STATES or (colon and not reason.strip()):
                raise ConfigError(
                    f"scope.{name} is {value!r}; one of {', '.join(STATES)} was expected, and a reason after a colon; "
                    "correct the value."
                )
            if state == "out of reach" and not reason.strip():
                raise ConfigError(
                    f"scope.{name} is out of reach without a reason; 'out of reach: REASON' was expected; say why."
                )


@dataclass(frozen=True, kw_only=True)
class RequestDetails:
    """A request, as its TOML file tells it."""

    id: str = NOT_STATED
    """The controller's number of the request; never a name."""
    ground: str = NOT_STATED
    """One of :data:`GROUNDS`."""
    received: date | None = None
    """When the request came."""
    due: date | None = None
    """When it had to be answered."""
    completed: date | None = None
    """When it was done."""
    identity_check: str = NOT_STATED
    """Whether it was made sure that the request is the person's own, and how."""
    key_destroy_after: date | None = None
    """When the key of the commitment will be destroyed."""
    keep_until: date | None = None
    """When the statement itself will be deleted."""
    residual_risk: str = NOT_STATED
    """What risk remains for the person, in the controller's judgement."""
    controller: str = ""
    """Who answers, for the letter; not in the statement."""
    contact: str = ""
    """Whom to ask, for the letter; not in the statement."""
    authority: str = ""
    """Where to complain, for the letter; not in the statement."""
    scope: ScopeMap = field(default_factory=ScopeMap)
    """What became of everything else."""

    def __post_init__(self) -> None:
        if self.ground not in GROUNDS:
            raise ConfigError(
                f"ground is {self.ground!r}; one of {', '.join(GROUNDS)} was expected; correct the value."
            )
        for name in ("received", "due", "completed", "key_destroy_after", "keep_until"):
            value = getattr(self, name)
            if value is not None and type(value) is not date:
                raise ConfigError(f"{name} is {value}; a day such as 2026-08-01 was expected; leave out the time.")
        for name in ("due", "completed"):
            later = getattr(self, name)
            if self.received is not None and later is not None and later < self.received:
                raise ConfigError(
                    f"{name} is {later}, before the request was received ({self.received}); a day after it was "
                    "expected; correct the dates."
                )

    def day(self, name: str) -> str:
        """A date as text, or "not stated"."""
        value: date | None = getattr(self, name)
        return NOT_STATED if value is None else value.isoformat()

    def to_json(self) -> dict[str, Any]:
        """The part that a statement's ``request`` holds."""
        return {
            "id": self.id,
            "ground": self.ground,
            "received": self.day("received"),
            "due": self.day("due"),
            "completed": self.day("completed"),
            "identity_check": self.identity_check,
        }

    def words(self) -> Iterator[tuple[str, str]]:
        """Every text that was written by hand, with its name."""
        for part in (self, self.scope):
            for known in fields(part):
                value = getattr(part, known.name)
                if isinstance(value, str):
                    yield known.name, value

    def must_not_say(self, identifiers: set[str]) -> None:
        """Refuse a text that holds the id of a person, an utterance or a file.

        An id of one to three digits is found only behind a word such as speaker; alone it may be a day or a number in
        a street.

        Raises:
            ConfigError: one does.
        """
        for name, text in self.words():
            for identifier in identifiers:
                if _says(text, identifier):
                    raise ConfigError(
                        f"{name} in the request holds the id of the person, of a recording or of a file; statements "
                        "and letters name nobody; write it in other words."
                    )


def _says(text: str, identifier: str) -> bool:
    """Whether a text holds an id as a word."""
    if not identifier.strip():
        return False
    word = rf"(?<!\w){re.escape(identifier)}(?!\w)"
    if re.fullmatch(r"\d{1,3}", identifier):
        word = rf"(?i:speaker|person|subject|voice|utterance|recording|file|spk|id)s?\W{{0,3}}{word}"
    return re.search(word, text) is not None
