"""What a model has met of a corpus: which recordings it was trained on, and whose.

A model that affekt trained knows its recordings by keyed commitments to their samples, so names do not matter. A
recording that was encoded again, cut or resampled has other samples and is not recognised.

To a model that reads, utterances with the same words are one recording, and people on different sides may well have
said the same. Where all that somebody said was on one side, that is the side of each of these utterances, also of those
that others said on another; where the words alone decide, having been learned from counts first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affekt.corpora import Corpus
from affekt.models import SIDES, EmotionModel, ErasureRecord
from affekt.training.intake import as_read
from affekt.types import IntArray, Waveform

__all__ = ["Exposure", "exposure", "sides_with", "told_apart"]


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """Where each recording of a corpus stood when a model was trained."""

    recorded: bool
    """Whether the model has a record of its training; without one nothing is known."""
    sides: tuple[str | None, ...]
    """train, heldout, dev, test, or None for a recording that was not there, one an utterance."""
    speakers: tuple[str | None, ...]
    """The speaker of each utterance."""
    learned: tuple[bool, ...]
    """Whether each recording, or for a model that reads another one with the same words, was learned from."""

    def rows(self, side: str) -> IntArray:
        """Rows that stood on one side."""
        return np.flatnonzero([found == side for found in self.sides])

    def counts(self, rows: Sequence[int] | IntArray | None = None) -> dict[str, int]:
        """How many of some rows (all, if not given) stood on each side; ``unknown`` for none of them."""
        chosen = self.sides if rows is None else [self.sides[int(row)] for row in rows]
        return {side: chosen.count(side) for side in SIDES} | {"unknown": chosen.count(None)}

    def heard(self, rows: Sequence[int] | IntArray) -> int:
        """How many of some rows were not trained on but are of speakers whose other recordings, in the corpus, were."""
        trained = {
            speaker for side, speaker in zip(self.sides, self.speakers, strict=True) if side == "train" and speaker
        }
        return sum(self.sides[int(row)] != "train" and self.speakers[int(row)] in trained for row in rows)


def exposure(model: EmotionModel, corpus: Corpus) -> Exposure:
    """Look every recording of a corpus up in a model's record.

    Args:
        model: any model; without a record nothing is read.
        corpus: recordings to look up.

    Raises:
        DataError: a recording cannot be read.
    """
    corpus = as_read(corpus, model)
    speakers = tuple(corpus.table["speaker"].to_list())
    stood: list[frozenset[str]] = [frozenset()] * len(corpus)
    if model.erasure is not None:
        record, rate = model.erasure, model.config.sample_rate
        stood = [sides_with(record, corpus.load(row, sample_rate=rate)) for row in range(len(corpus))]
    return Exposure(
        recorded=model.erasure is not None,
        sides=told_apart(model, stood, speakers),
        speakers=speakers,
        learned=tuple("train" in found for found in stood),
    )


def sides_with(record: ErasureRecord, waveform: Waveform) -> frozenset[str]:
    """Every side where a recording with these samples stood; to a model that reads, a text with these words."""
    name = record.commitment(waveform)
    return frozenset(side for side in SIDES if name in record.commitments.get(side, ()))


def told_apart(
    model: EmotionModel, stood: Sequence[frozenset[str]], speakers: Sequence[str | None]
) -> tuple[str | None, ...]:
    """The side of each recording, by what its samples say, and for a model that reads by its speaker; see the module.

    Args:
        model: whose record it is.
        stood: of each recording, what :func:`sides_with` found.
        speakers: of each recording.
    """
    sides = [_first(found) for found in stood]
    if model.reads == "text":
        for speaker in {*speakers} - {None}:
            own = [row for row, name in enumerate(speakers) if name == speaker and stood[row]]
            common = _common([stood[row] for row in own])
            for row in own:
                sides[row] = sides[row] if common is None else _first(stood[row] & common)
    return tuple(sides)


def _first(found: frozenset[str]) -> str | None:
    return next((side for side in SIDES if side in found), None)


def _common(stood: Sequence[frozenset[str]]) -> frozenset[str] | None:
    """The one side, or trained on and held out together, where all utterances of somebody stood; None if not one."""
    parts = (frozenset({"train", "heldout"}), frozenset({"dev"}), frozenset({"test"}))
    fit = [part for part in parts if all(part & found for found in stood)]
    return fit[0] if len(fit) == 1 else None
