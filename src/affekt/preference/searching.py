"""Searching recordings with a sentence: both lie in one space, and what lies nearest comes first.

For models of the family audio-text, which ``rankclap`` teaches (:mod:`affekt.preference.rankclap`).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError
from affekt.models import AudioTextNetwork, EmotionModel
from affekt.training import FeatureStore
from affekt.types import FloatArray, IntArray

__all__ = ["SearchHit", "audio_text_network", "embed_recordings", "search"]


class SearchHit(NamedTuple):
    """A recording that was searched."""

    row: int
    """Of the corpus."""
    utterance: str
    score: float
    """Cosine of the recording's and the query's embedding, -1 to 1."""


def search(
    model: EmotionModel,
    query: str,
    corpus: Corpus,
    *,
    store: FeatureStore | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[SearchHit, ...]:
    """Order the recordings of a corpus by how near they lie to a sentence, the nearest first.

    Args:
        model: of the family audio-text, trained by ``rankclap``.
        query: what the voice should sound like, in words.
        corpus: recordings.
        store: their front-end features, if they exist already.
        progress: called with the recordings done.

    Raises:
        ConfigError: the query is empty, or the model was not trained for this.
        DataError: the corpus is empty, or a recording cannot be read.

    Source: our reading of arXiv 2505.23732; the score is the cosine.
    """
    network = audio_text_network(model)
    if not bool(network.described):
        raise ConfigError(
            "the model was trained without captions, so sentences mean nothing to it; one trained with --method "
            "rankclap was expected; train it so."
        )
    if not query.strip():
        raise ConfigError("the query is empty; a sentence about a voice was expected; write one.")
    if not len(corpus):
        raise DataError(f"corpus '{corpus.name}' is empty; at least one recording was expected; choose another.")
    model.eval()
    with torch.no_grad():
        wanted = network.embed_text([query])[0].cpu().numpy()
    scores = embed_recordings(model, store or FeatureStore(model, corpus), progress=progress) @ wanted
    utterances = corpus.table["utterance"].to_list()
    return tuple(
        SearchHit(row=int(row), utterance=utterances[row], score=float(scores[row]))
        for row in np.argsort(-scores, kind="stable")
    )


def embed_recordings(
    model: EmotionModel,
    store: FeatureStore,
    *,
    rows: IntArray | None = None,
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
) -> FloatArray:
    """Embeddings of recordings, (N, E) float32 of length 1, in evaluation mode.

    Args:
        model: of the family audio-text.
        store: front-end features.
        rows: which rows of the store; None is all.
        batch_size: recordings at once.
        progress: called with the recordings done.

    Raises:
        ConfigError: the model is of another family.
    """
    network = audio_text_network(model)
    wanted = np.arange(len(store)) if rows is None else rows
    was_training = model.training
    model.eval()
    found = []
    with torch.no_grad():
        for start in range(0, len(wanted), batch_size):
            found.append(network.embed_audio(*store.batch(wanted[start : start + batch_size])).cpu().numpy())
            if progress is not None:
                progress(min(start + batch_size, len(wanted)))
    model.train(was_training)
    return np.concatenate(found) if found else np.empty((0, network.options.embedding), np.float32)


def audio_text_network(model: EmotionModel) -> AudioTextNetwork:
    """The network of a model of the family audio-text.

    Raises:
        ConfigError: the model is of another family.
    """
    if not isinstance(model.network, AudioTextNetwork):
        raise ConfigError(
            f"the model is of the family {model.config.family}; audio-text was expected, where recordings and "
            "sentences lie in one space; train one with --method rankclap."
        )
    return model.network
