"""Recordings in, predictions out: read in portions, scored in batches of similar length, given back in order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import probabilities
from affekt.prediction.recordings import Recording
from affekt.prediction.scorer import Outputs, Scorer
from affekt.prediction.windows import Windows, window_bounds
from affekt.types import FloatArray, IntArray, Waveform

__all__ = ["Prediction", "batches_by_length", "predict"]

_PORTION_SECONDS = 600.0
"""Audio that is read before it is scored; the last recording of a portion may go beyond it."""

_BATCH_SECONDS = 60.0
"""Audio in a batch, padding included."""

_LEAST_FILL = 0.8
"""No clip in a batch is shorter than this share of the longest: the rest would be computed for nothing."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a model says about a recording or a window of it."""

    file: str
    """The recording, as in :class:`~affekt.prediction.Recording`."""
    start: float
    """First moment in the file, seconds."""
    end: float
    """Last moment in the file (not included), seconds. A model that reads opens no file: there it is the end of the
    corpus's segment, or ``start`` where it has none."""
    emotion: str | None
    """The most probable emotion; None for a model of attributes alone."""
    emotions: tuple[str, ...] | None
    """For a model that can hear several: those with a probability above 1 / K, most probable first; else None."""
    probabilities: dict[str, float]
    """One for each class; they sum to 1."""
    attributes: dict[str, float]
    """Estimates by name, on the raters' scale; an estimate can lie beyond its ends."""
    intent: str | None = None
    """The most probable intent; None for a model that tells none."""
    intents: dict[str, float] = field(default_factory=dict)
    """Probability of each intent; they sum to 1."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; ``emotions`` is there for a model that can hear several, attributes by their names,
        ``intent`` and ``intents`` for a model that tells them."""
        value: dict[str, Any] = {"file": self.file, "start": self.start, "end": self.end, "emotion": self.emotion}
        if self.emotions is not None:
            value["emotions"] = list(self.emotions)
        intents = {"intent": self.intent, "intents": self.intents} if self.intents else {}
        return {**value, "probabilities": self.probabilities, **self.attributes, **intents}


class _Clip(NamedTuple):
    """A window of a recording."""

    owner: int
    """Position of its recording in the portion."""
    start: float
    end: float
    waveform: Waveform


def predict(
    scorer: Scorer,
    recordings: Iterable[Recording],
    *,
    windows: Windows | None = None,
    batch_seconds: float = _BATCH_SECONDS,
    portion_seconds: float = _PORTION_SECONDS,
    on_bad: Callable[[Recording, DataError], None] | None = None,
    on_done: Callable[[int], None] | None = None,
) -> Iterator[Prediction]:
    """Say what a model hears in recordings, in their order.

    Every recording is read once and whole; in memory are at most a portion of them and one more. A prediction does not
    depend on what else is in its batch (to float rounding).

    Args:
        scorer: the model.
        recordings: what to listen to.
        windows: cut each recording into windows; None takes it whole.
        batch_seconds: audio scored at once, padding included; a longer clip is a batch of its own.
        portion_seconds: audio read before it is scored.
        on_bad: called with a recording that cannot be used, which is then left out; None raises instead.
        on_done: called with the number of recordings behind us, after every batch.

    Raises:
        DataError: a recording is missing or damaged, too short or too long for the model, without a text for a model
            that reads, or gets a score that is no number; what was given before it is right.
        ConfigError: there are windows, and the model reads.
    """
    behind = 0
    if windows is not None and scorer.outputs.reads == "text":
        raise ConfigError(
            "windows are given for a model that reads text instead of listening; none were expected, as words have no "
            "times; leave them out."
        )
    for portion in _portions(scorer.outputs, recordings, windows, portion_seconds, on_bad):

        def scored(share: float, behind: int = behind, ahead: int = portion.done) -> None:
            if on_done is not None:
                on_done(behind + int(share * (ahead - behind)))

        yield from _predicted(scorer, portion, batch_seconds, on_bad, scored)
        behind = portion.done


class _Portion(NamedTuple):
    recordings: list[Recording]
    clips: list[_Clip]
    done: int
    """Recordings up to the end of the portion, the bad ones included."""


def _portions(
    outputs: Outputs,
    recordings: Iterable[Recording],
    windows: Windows | None,
    portion_seconds: float,
    on_bad: Callable[[Recording, DataError], None] | None,
) -> Iterator[_Portion]:
    """Recordings that were read, with their windows."""
    portion, rate = _Portion([], [], 0), outputs.sample_rate
    samples = number = 0
    for number, recording in enumerate(recordings, 1):
        try:
            waveform = recording.read() if outputs.reads == "text" else recording.load(sample_rate=rate)
        except DataError as error:
            if on_bad is None:
                raise
            on_bad(recording, error)
            continue
        for first, last in window_bounds(len(waveform), windows, sample_rate=rate):
            start, end = (round(recording.start + sample / rate, 6) for sample in (first, last))
            if outputs.reads == "text":
                end = recording.start if recording.end is None else recording.end
            portion.clips.append(_Clip(len(portion.recordings), start, end, waveform[first:last]))
        portion.recordings.append(recording)
        samples += len(waveform)
        if samples >= portion_seconds * rate:
            yield portion._replace(done=number)
            portion, samples = _Portion([], [], 0), 0
    if portion.recordings:
        yield portion._replace(done=number)


def _predicted(
    scorer: Scorer,
    portion: _Portion,
    batch_seconds: float,
    on_bad: Callable[[Recording, DataError], None] | None,
    on_share: Callable[[float], None],
) -> Iterator[Prediction]:
    """The predictions of a portion, in the order of its clips."""
    outputs, recordings, clips = scorer.outputs, portion.recordings, portion.clips
    logits = np.full((len(clips), len(outputs.classes)), np.nan, np.float32)
    attributes = np.full((len(clips), len(outputs.attributes)), np.nan, np.float32)
    intents = np.full((len(clips), len(outputs.intents)), np.nan, np.float32)
    errors: dict[int, DataError] = {}
    budget = round(batch_seconds * outputs.sample_rate)
    scored = 0
    for batch in batches_by_length([len(clip.waveform) for clip in clips], budget=budget):
        try:
            logits[batch], attributes[batch], intents[batch] = scorer([clips[position].waveform for position in batch])
        except ShapeError:
            for position in batch:  # which of them was it?
                clip = clips[position]
                try:
                    found = scorer([clip.waveform])
                    logits[position], attributes[position], intents[position] = (rows[0] for rows in found)
                except ShapeError as error:
                    errors.setdefault(clip.owner, _unfit(recordings[clip.owner], clip, outputs, str(error)))
        scored += len(batch)
        on_share(scored / len(clips))
    whole = np.concatenate([logits, attributes, intents], axis=1)
    for position in np.flatnonzero(~np.isfinite(whole).all(1)):
        owner = clips[position].owner
        errors.setdefault(owner, _no_number(recordings[owner], clips[position]))
    for owner in sorted(errors):
        if on_bad is None:
            raise errors[owner]
        on_bad(recordings[owner], errors[owner])
    kept = [position for position, clip in enumerate(clips) if clip.owner not in errors]
    if kept:
        shares = probabilities(logits[kept]) if outputs.classes else np.empty((len(kept), 0))
        meant = probabilities(intents[kept]) if outputs.intents else np.empty((len(kept), 0))
        for position, share, intent in zip(kept, shares, meant, strict=True):
            clip = clips[position]
            yield _prediction(recordings[clip.owner].file, clip, share, attributes[position], intent, outputs)


def batches_by_length(lengths: Sequence[int], *, budget: int) -> Iterator[IntArray]:
    """Positions in batches of similar length, longest first.

    A batch holds at most ``budget`` samples, padding included (or one clip), and no clip shorter than 0.8 of its
    longest.

    Args:
        lengths: samples of each clip.
        budget: samples.
    """
    order = np.argsort(-np.asarray(lengths, np.int64), kind="stable")
    first = 0
    while first < len(order):
        longest = lengths[order[first]]
        stop = first + 1
        while (
            stop < len(order)
            and (stop + 1 - first) * longest <= budget
            and lengths[order[stop]] >= _LEAST_FILL * longest
        ):
            stop += 1
        yield order[first:stop]
        first = stop


def _prediction(
    file: str, clip: _Clip, share: FloatArray, attributes: FloatArray, intents: FloatArray, outputs: Outputs
) -> Prediction:
    names = outputs.classes
    order = np.argsort(-share, kind="stable")
    return Prediction(
        file=file,
        start=clip.start,
        end=clip.end,
        emotion=names[int(order[0])] if names else None,
        emotions=(
            tuple(names[int(k)] for k in order if share[k] > 1 / len(names)) if outputs.multi_label and names else None
        ),
        probabilities=dict(zip(names, share.tolist(), strict=True)),
        attributes=dict(zip(outputs.attributes, attributes.tolist(), strict=True)),
        intent=outputs.intents[int(intents.argmax())] if outputs.intents else None,
        intents=dict(zip(outputs.intents, intents.tolist(), strict=True)),
    )


def _unfit(recording: Recording, clip: _Clip, outputs: Outputs, reason: str) -> DataError:
    """A clip of a length that the model does not take."""
    wrong, wanted, remedy = (
        ("long", "less", "cut it into windows")
        if "too long" in reason
        else ("short", "more", "leave it out, or take longer segments or windows")
    )
    return DataError(
        f"{_named(recording)} from {clip.start:g} to {clip.end:g} s is too {wrong} for this model (got "
        f"{len(clip.waveform)} samples at {outputs.sample_rate} Hz); {wanted} was expected; {remedy}."
    )


def _no_number(recording: Recording, clip: _Clip) -> DataError:
    return DataError(
        f"the model gives {_named(recording)} from {clip.start:g} to {clip.end:g} s a score that is no number (got NaN "
        "or infinity); finite scores were expected; check the recording and the model."
    )


def _named(recording: Recording) -> str:
    return "standard input" if recording.content is not None else recording.file
