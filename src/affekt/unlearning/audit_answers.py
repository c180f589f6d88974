"""What an audit looks at: the answers of the models before, after, and of models that never heard the forget set.

Nothing here knows a model; everything is logits. References are whole models, or the out-of-fold rows that
erasure-ready training saves: a row there is made of several fold models, each of which speaks for its own fold.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from affekt.errors import ShapeError
from affekt.metrics import Beside, beside
from affekt.metrics.deletion_rules import LEAST_REFERENCES
from affekt.types import FloatArray, IntArray

__all__ = ["Answers", "Number", "SavedRows", "Sets", "View"]


class SavedRows(NamedTuple):
    """Where references that are out-of-fold answers come from."""

    rule: str
    """``within``: folds of utterances, or ``across``: folds of speakers."""
    folds: int
    """How many; 0 if the file does not say."""
    repeats: int
    """How often all folds were drawn and trained anew: as many references."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Logits of every model on one set of recordings."""

    labels: IntArray
    """(N,)."""
    before: FloatArray
    """(N, C)."""
    after: FloatArray
    """(N, C)."""
    references: FloatArray | None = None
    """(K, N, C)."""
    speakers: IntArray | None = None
    """A number for each recording's speaker, (N,)."""

    def __post_init__(self) -> None:
        shape = (len(self.labels), np.shape(self.before)[-1])
        found = [np.shape(self.before), np.shape(self.after)]
        found += [] if self.references is None else [np.shape(self.references)[1:]]
        if not len(self.labels) or any(one != shape for one in found):
            raise ShapeError(
                f"the answers do not fit (got labels {np.shape(self.labels)} and logits "
                f"{', '.join(map(str, found))}); expected (N,) with N > 0, (N, C) and references (K, N, C); align them."
            )


@dataclass(frozen=True)
class View:
    """What one model says."""

    forget: FloatArray
    others: FloatArray | None
    test: FloatArray | None


class Number(NamedTuple):
    """A number of the models."""

    before: float
    after: float
    references: Beside | None
    """The model after beside the references; None with fewer than tier T1 needs, or if they are no whole models."""
    retrained: float | None
    """Mean over the references, however few they are."""


@dataclass(frozen=True, kw_only=True)
class Sets:
    """The answers on all sets of an audit."""

    forget: Answers
    others: Answers | None = None
    """Recordings no model was trained on, matched with the forget set."""
    test: Answers | None = None
    """Test speakers."""
    composite: int = 1
    """Of how many models a row of references is made: 1 for whole models, the number of folds for out-of-fold rows."""

    saved: SavedRows | None = None
    """Where rows come from, if they are no models."""

    @property
    def count(self) -> int:
        """Reference models."""
        return 0 if self.forget.references is None else len(self.forget.references)

    @property
    def whole(self) -> bool:
        """Whether the references are models that answered on all sets."""
        sides = [side for side in (self.others, self.test) if side is not None]
        models = self.count > 0 and self.composite == 1 and self.saved is None
        return models and all(side.references is not None for side in sides)

    def view(self, name: str) -> View:
        """One of the models ``before`` and ``after``."""
        return View(
            getattr(self.forget, name),
            None if self.others is None else getattr(self.others, name),
            None if self.test is None else getattr(self.test, name),
        )

    def reference(self, number: int) -> View:
        """One reference model; sets it did not answer on are None."""
        parts = [
            None if side is None or side.references is None else side.references[number]
            for side in (self.forget, self.others, self.test)
        ]
        if parts[0] is None:
            raise ShapeError("there are no references (got none); expected models that never heard the forget set.")
        return View(parts[0], parts[1], parts[2])

    def number(self, measure: Callable[[View], float], *, guard: float, least: float = 0.0) -> Number:
        """A number of the models before and after, and the latter beside that of the references.

        Args:
            measure: from what a model says to the number.
            guard: guard band, see :func:`affekt.metrics.beside`.
            least: least width of the guard.
        """
        before, after = measure(self.view("before")), measure(self.view("after"))
        if not self.whole:
            return Number(before, after, None, None)
        others = [measure(self.reference(number)) for number in range(self.count)]
        band = beside(after, others, guard=guard, least=least) if self.count >= LEAST_REFERENCES else None
        return Number(before, after, band, float(np.mean(others)))
