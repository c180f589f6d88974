"""Recordings in order: the score of each, and the highest first.

For models of the family ranker, which ``ranklist`` teaches (:mod:`affekt.preference.ranklist`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from affekt.corpora import Corpus, open_recordings
from affekt.errors import ConfigError, DataError
from affekt.models import EmotionModel, RankerNetwork
from affekt.training import FeatureStore
from affekt.types import FloatArray, PathLike

__all__ = ["Ranked", "predict_scores", "rank", "ranker_network"]


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A recording in its place."""

    rank: int
    """1 is the highest score."""
    score: float
    """What it is ordered by; differences are no measure."""
    utterance: str
    file: str
    """Path of the file that holds it."""
    start: float
    """First moment in the file, seconds."""
    end: float | None
    """Last moment, seconds; None is the end of the file."""
    text: str | None
    """What is said, if the corpus knows."""


def rank(
    model: EmotionModel, source: Corpus | PathLike, *, progress: Callable[[str, int, int], None] | None = None
) -> tuple[Ranked, ...]:
    """Put recordings in order, the highest score first.

    Args:
        model: of the family ranker.
        source: a corpus, or what :func:`affekt.corpora.open_recordings` opens: any folder with recordings, too.
        progress: called after every recording.

    Raises:
        ConfigError: the model gives no score.
        DataError: there is no recording, or one cannot be read.
    """
    ranker_network(model)
    corpus = source if isinstance(source, Corpus) else open_recordings(source)
    if not len(corpus):
        raise DataError(f"corpus '{corpus.name}' has no utterance to put in order; one was expected; choose another.")
    store = FeatureStore(model, corpus)
    for row in range(len(corpus)):
        store.length(row)
        if progress is not None:
            progress("listening", row + 1, len(corpus))
    scores = predict_scores(model, store)
    if not np.isfinite(scores).all():
        bad = corpus.path(int(np.flatnonzero(~np.isfinite(scores))[0]))
        raise DataError(f"the score of {bad} is not finite; speech was expected; leave the recording out.")
    names, texts, starts, ends = (corpus.table[column].to_list() for column in ("utterance", "text", "start", "end"))
    return tuple(
        Ranked(
            rank=place,
            score=float(scores[row]),
            utterance=names[row],
            file=str(corpus.path(int(row))),
            start=starts[row] or 0.0,
            end=ends[row],
            text=texts[row],
        )
        for place, row in enumerate(np.argsort(-scores, kind="stable").tolist(), start=1)
    )


def predict_scores(model: EmotionModel, store: FeatureStore, *, batch_size: int = 32) -> FloatArray:
    """The score of every row of a store, (N,) float32, higher first in the order; in evaluation mode.

    Raises:
        ConfigError: the model gives no score.
    """
    network = ranker_network(model)
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    found = np.empty(len(store), np.float32)
    with torch.no_grad():
        for start in range(0, len(store), batch_size):
            rows = np.arange(start, min(start + batch_size, len(store)))
            features, lengths = store.batch(rows)
            found[rows] = network.score(features.to(device), lengths.to(device)).cpu().numpy()
    model.train(was_training)
    return found


def ranker_network(model: EmotionModel) -> RankerNetwork:
    """The network of a model of the family ranker.

    Raises:
        ConfigError: the model is of another family.
    """
    if not isinstance(model.network, RankerNetwork):
        raise ConfigError(
            f"the model is of the family {model.config.family}, which gives no score; ranker was expected; train one "
            "with affekt train --model ranker --method ranklist."
        )
    return model.network
