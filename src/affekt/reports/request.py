"""What is asked to be forgotten: chosen from the corpus, read, and sorted by where it stood in training.

Nothing but the requested recordings is opened here; the rest of the corpus may be gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from affekt import preference, recognition
from affekt.corpora import Corpus
from affekt.corpora.table import nearest
from affekt.errors import ConfigError, DataError
from affekt.files import read_json
from affekt.models import SIDES, EmotionModel
from affekt.training import FeatureStore, TrainConfig, TrainingMethod, as_labelled, as_read, is_held_out, with_classes
from affekt.training.exposure import sides_with, told_apart
from affekt.types import PathLike, Waveform
from affekt.unlearning import ForgetSet, Retained
from affekt.unlearning.harness import Scope

__all__ = ["Request", "Rest", "TrainingRecipe", "read_request", "read_training", "rest_of", "retained_data"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """The requested recordings, read."""

    scope: Scope
    corpus: Corpus
    """Exactly the requested recordings."""
    waveforms: tuple[Waveform, ...]
    sides: tuple[str, ...]
    """Where each stood: one of ``affekt.models.SIDES``, or ``unknown``."""
    sample_rate: int
    """Hz of the waveforms."""
    recorded: bool
    """Whether the model knows where recordings stood; if not, all are taken to be trained on."""

    @property
    def trained(self) -> list[int]:
        """Rows of ``corpus`` that the model was trained on."""
        return [row for row, side in enumerate(self.sides) if side == "train"]

    @property
    def seconds(self) -> float:
        """Length of everything requested."""
        return sum(len(waveform) for waveform in self.waveforms) / self.sample_rate

    def forget_set(self, model: EmotionModel) -> ForgetSet:
        """What is handed to the method: the recordings that were trained on.

        Raises:
            DataError: an emotion is missing or unknown to the model.
        """
        import torch

        trained = with_classes(self.corpus.select(self.trained), model.config)
        return ForgetSet(tuple(self.waveforms[row] for row in self.trained), torch.as_tensor(trained.labels()))

    def untrained(self, model: EmotionModel) -> ForgetSet | None:
        """The requested recordings that the model was not trained on and whose emotion it knows; None if none is."""
        import torch

        emotions = self.corpus.emotions
        rows = [row for row in range(len(self.waveforms)) if row not in self.trained and emotions[row] in model.classes]
        if not rows:
            return None
        labels = [model.classes.index(str(emotions[row])) for row in rows]
        return ForgetSet(tuple(self.waveforms[row] for row in rows), torch.tensor(labels))


def read_request(
    model: EmotionModel, corpus: Corpus, *, speaker: str | None, utterances: Sequence[str] | None
) -> tuple[Request, Corpus]:
    """Choose, read and sort the requested recordings.

    Returns:
        The request, and the corpus without it (not opened), both as the model takes them in.

    Raises:
        ConfigError: not exactly one of speaker and utterances is given.
        DataError: the corpus has none of it, a recording cannot be read, or nothing would remain to be known.
    """
    if (speaker is None) == (utterances is None):
        raise ConfigError(
            f"{'both' if speaker is not None else 'neither'} of speaker and utterances given; exactly one was "
            "expected; name a speaker or list utterances."
        )
    corpus = as_read(as_labelled(corpus, model.config), model)
    if speaker is not None:
        corpus.with_speakers(speaker)  # raises the error that names the nearest id
        wanted = (corpus.table["speaker"] == speaker).fill_null(False).to_numpy()
    else:
        wanted = _wanted(corpus, list(utterances or ()))
    requested = corpus.select(np.flatnonzero(wanted))
    rate = model.config.sample_rate
    waveforms = tuple(requested.load(row, sample_rate=rate) for row in range(len(requested)))
    record = model.erasure
    known = record is not None and any(record.commitments.values())
    if known and record is not None:
        stood = [sides_with(record, waveform) for waveform in waveforms]
        found = told_apart(model, stood, requested.table["speaker"].to_list())
        sides = tuple(side or "unknown" for side in found)
        asked = {record.commitment(waveform) for waveform in waveforms}
        if asked >= record.commitments.get("train", frozenset()) and "train" in sides:
            raise DataError(
                f"the request names all {sides.count('train')} recordings the model was trained on; some that stay "
                "were expected; delete the model instead, or name fewer recordings."
            )
    else:
        sides = ("train",) * len(waveforms)
    request = Request(
        scope="speaker" if speaker is not None else "utterances",
        corpus=requested,
        waveforms=waveforms,
        sides=sides,
        sample_rate=rate,
        recorded=known,
    )
    return request, corpus.select(np.flatnonzero(~wanted))


def _wanted(corpus: Corpus, utterances: list[str]) -> np.ndarray[Any, Any]:
    """A mask of the named utterances."""
    if not utterances:
        raise DataError("the list of utterances is empty; at least one id was expected; name what is to be forgotten.")
    known = set(corpus.table["utterance"].to_list())
    for utterance in utterances:
        if utterance not in known:
            raise DataError(
                f"unknown utterance '{utterance}' (the corpus has {len(known)}); {nearest(utterance, known)}; "
                "correct the id."
            )
    return corpus.table["utterance"].is_in(pl.Series(sorted(set(utterances))).implode()).to_numpy()


@dataclass(frozen=True, kw_only=True)
class Rest:
    """The readable, labelled rest of a corpus and where each recording stood."""

    corpus: Corpus
    sides: tuple[str, ...]
    unreadable: int
    """Rows whose recording is missing or damaged."""
    unlabelled: int
    """Rows without an emotion the model knows."""

    def rows(self, side: str) -> list[int]:
        """Rows of one side."""
        return [row for row, found in enumerate(self.sides) if found == side]


def rest_of(model: EmotionModel, corpus: Corpus) -> Rest:
    """Open the rest of a corpus, for evaluation; what cannot be used is counted.

    Args:
        model: the model *before* the deletion, whose record tells sides apart.
        corpus: the rows that were not requested.
    """
    record = model.erasure
    rate = model.config.sample_rate
    labelled = [row for row, emotion in enumerate(corpus.emotions) if emotion in model.classes]
    usable, unreadable = [], 0
    stood: list[frozenset[str]] = []
    for row in labelled:
        try:
            waveform = corpus.load(row, sample_rate=rate)
        except DataError:
            unreadable += 1
            continue
        usable.append(row)
        stood.append(frozenset() if record is None else sides_with(record, waveform))
    read = with_classes(corpus.select(usable), model.config)
    return Rest(
        corpus=read,
        sides=tuple(side or "unknown" for side in told_apart(model, stood, read.table["speaker"].to_list())),
        unreadable=unreadable,
        unlabelled=len(corpus) - len(labelled),
    )


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe:
    """How a model was trained, as its run.json says."""

    config: TrainConfig
    seed: int

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; :func:`read_training` reads this back under the key ``training``."""
        return {"config": self.config.to_json(), "seed": self.seed}


def read_training(folder: PathLike) -> TrainingRecipe | None:
    """The recipe in the run.json of a model directory, of a training or of a later deletion; None if it has none."""
    file = Path(folder) / "run.json"
    if not file.is_file():
        return None
    run = read_json(file)
    try:
        found = run if run.get("command") == "train" else run["training"]
        known = {field.name for field in fields(TrainConfig)}
        config = {name: value for name, value in found["config"].items() if name in known}
        if config.get("method") is not None:
            config["method"] = _training_method(config["method"])
        return TrainingRecipe(config=TrainConfig(**config), seed=int(found["seed"]))
    except (AttributeError, TypeError, KeyError, ValueError):
        return None


def _training_method(values: dict[str, Any]) -> TrainingMethod:
    """The training method that a recipe names, with its settings; lists are tuples."""
    methods = {**preference.METHODS, **recognition.METHODS}
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return methods[str(settings.pop("name"))](**settings)


def retained_data(model: EmotionModel, request: Request, rest: Rest, training: TrainingRecipe | None) -> Retained:
    """The training data that stay, for a method that declared them.

    Raises:
        DataError: the recipe, the record or a part of the training data is missing.
    """
    if training is None:
        raise DataError(
            "the model directory has no run.json that says how it was trained; methods with retained data need it; "
            "restore it, or choose a forget-only method."
        )
    record = model.erasure
    if not request.recorded or record is None:
        raise DataError(
            "the model does not know which recordings it was trained on (it has no erasure record); methods with "
            "retained data need that; choose a forget-only method."
        )
    asked = {record.commitment(waveform) for waveform in request.waveforms}
    rate = model.config.sample_rate
    commitments = [record.commitment(rest.corpus.load(row, sample_rate=rate)) for row in range(len(rest.corpus))]
    found = {side: {commitments[row] for row in rest.rows(side)} for side in SIDES}
    for side in ("train", "dev"):
        missing = len(record.commitments.get(side, frozenset()) - asked - found[side])
        if missing or not found[side]:
            raise DataError(
                f"{missing or 'all'} of the recordings on the {side} side are not in the corpus; methods with retained "
                "data need the whole training corpus; add them, or choose a forget-only method."
            )
    names = rest.corpus.table["utterance"].to_list()
    fraction = training.config.heldout_fraction
    for row, side in enumerate(rest.sides):
        if side in ("train", "heldout"):
            held = is_held_out(names[row], seed=training.seed, fraction=fraction)
            if commitments[row] not in record.commitments.get("heldout" if held else "train", ()):
                raise DataError(
                    "the corpus names its recordings otherwise than when the model was trained, so recordings that "
                    "were held out would be trained on; the same utterance ids were expected; use the same corpus."
                )
    train = rest.corpus.select(sorted([*rest.rows("train"), *rest.rows("heldout")]))
    dev = rest.corpus.select(rest.rows("dev"))
    share = training.config.memory_gib / 2
    return Retained(
        train=FeatureStore(model, train, memory_gib=share),
        rows=np.arange(len(train)),
        dev=FeatureStore(model, dev, memory_gib=share),
        config=training.config,
        seed=training.seed,
    )
