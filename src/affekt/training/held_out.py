"""Which utterances of the training speakers are held out, to measure what a model says of speech it was not trained on.

The name and the seed alone decide: a model retrained without some utterances holds out the same others, and whoever has
the recipe can find out again who was held out.
"""

import hashlib

import numpy as np
import numpy.typing as npt

from affekt.corpora import Corpus

__all__ = ["held_out_mask", "is_held_out"]


def is_held_out(utterance: str, *, seed: int, fraction: float) -> bool:
    """Whether an utterance is held out of training; depends on its name and the seed alone.

    So a model retrained without some utterances holds out the same others.
    """
    digest = hashlib.sha256(f"held out|{seed}|{utterance}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64


def held_out_mask(corpus: Corpus, *, seed: int, fraction: float) -> npt.NDArray[np.bool_]:
    """:func:`is_held_out` of every row of a corpus, (N,)."""
    names = corpus.table["utterance"].to_list()
    return np.array([is_held_out(name, seed=seed, fraction=fraction) for name in names], dtype=np.bool_)
