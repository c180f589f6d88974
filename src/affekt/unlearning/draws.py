"""Which recordings a comparison forgets: some of all speakers, some of one, or all of one or several."""

import numpy as np

from affekt.corpora import Corpus
from affekt.errors import DataError
from affekt.types import IntArray

__all__ = ["WHOLE_SPEAKER", "draw_forget_set", "speakers_of"]

WHOLE_SPEAKER = "speaker"


def speakers_of(size: str) -> int:
    """How many whole speakers a size is; 0 for a number of utterances."""
    if size == WHOLE_SPEAKER:
        return 1
    number, dash, word = size.partition("-")
    return int(number) if dash and word == "speakers" and number.isdecimal() and int(number) > 1 else 0


def draw_forget_set(
    corpus: Corpus, trained: IntArray, *, size: str, forget_from: str, seed: int, draw: int
) -> IntArray:
    """Rows to forget, out of the rows that were trained on.

    Raises:
        DataError: there are too few trained utterances, or speakers, for this size.
    """
    whole = speakers_of(size)
    generator = np.random.default_rng([seed, draw, 0 if whole else int(size)])
    speakers = np.asarray(corpus.table["speaker"].to_list())[trained]
    if whole or forget_from == "speaker":
        wanted = 1 if whole else int(size)
        names, counts = np.unique(speakers, return_counts=True)
        names = names[counts >= wanted]
        if not len(names):
            raise DataError(f"no training speaker has {wanted} utterances; a smaller size was expected.")
        # one order of speakers for a seed, so that different draws take different speakers as long as there are any
        order = np.random.default_rng([seed, 77]).permutation(names)
        if whole >= len(order):
            raise DataError(f"{whole} speakers cannot be forgotten of {len(order)}; choose fewer.")
        chosen = [order[(max(1, whole) * draw + i) % len(order)] for i in range(max(1, whole))]
        pool = trained[np.isin(speakers, chosen)]
        if whole:
            return np.sort(pool)
    else:
        pool = trained
    if len(pool) <= int(size) and len(pool) == len(trained):
        raise DataError(f"{size} utterances cannot be forgotten by a model trained on {len(trained)}; choose fewer.")
    return np.sort(generator.permutation(pool)[: int(size)])
