"""Valence and arousal of utterances whose corpus has only categories: a stated rule, not a measurement.

The place of an emotion is that of the word in Russell & Mehrabian 1977, scaled from [-1, 1] to [0, 1]. Where the corpus
says how intense an utterance is, a weaker one lies on the line to neutral, two thirds of the way out. Every actor's
anger is at one place then: scores against such values say how well categories and their intensity are ordered, no
more. Columns ``valence`` and ``arousal`` of the corpus go before the rule.

Source: Russell & Mehrabian, "Evidence for a three-factor theory of emotions", Journal of Research in Personality 11,
1977 (mean pleasure and arousal of the words angry, bored, disgusted, fearful, happy, joyful, sad, surprised). Neutral
is the middle by definition. Calm is our choice; the intensities are ours.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError
from affekt.types import FloatArray

__all__ = ["INTENSITIES", "POSITIONS", "positions_from_norms", "positions_of"]

POSITIONS: Final[Mapping[str, tuple[float, float]]] = {
    "anger": (0.245, 0.795),
    "boredom": (0.175, 0.19),
    "calm": (0.7, 0.25),
    "disgust": (0.2, 0.675),
    "fear": (0.18, 0.8),
    "happiness": (0.905, 0.755),
    "joy": (0.88, 0.74),
    "neutral": (0.5, 0.5),
    "sadness": (0.185, 0.365),
    "surprise": (0.7, 0.835),
}
"""Emotion -> valence, arousal in [0, 1]."""

INTENSITIES: Final[Mapping[str, float]] = {
    "weak": 1 / 3,
    "normal": 2 / 3,
    "moderate": 2 / 3,
    "strong": 1.0,
    "intense": 1.0,
}
"""Intensity -> how far from neutral, as a share of the way to the emotion's place; without one the whole way."""


def positions_of(
    corpus: Corpus,
    *,
    positions: Mapping[str, tuple[float, float]] = POSITIONS,
    intensities: Mapping[str, float] = INTENSITIES,
) -> FloatArray:
    """Valence and arousal of each utterance, (N, 2) in [0, 1]; NaN where neither the table nor the rule knows them.

    Args:
        corpus: values of its columns are scaled by its ``scale``.
        positions: emotion -> valence, arousal; ``neutral`` is where weaker ones move to, the middle without it.
        intensities: intensity -> share of the way; one that is not there counts 1.

    Raises:
        ConfigError: a position is outside [0, 1], or an intensity outside (0, 1].
        DataError: the corpus has values and names no scale, or nothing is known of any utterance.
    """
    for name, place in positions.items():
        if len(place) != 2 or not all(0.0 <= value <= 1.0 for value in place):
            raise ConfigError(
                f"the position of {name} is {list(place)}; valence and arousal from 0 to 1 were expected; correct it."
            )
    for name, share in intensities.items():
        if not 0.0 < share <= 1.0:
            raise ConfigError(f"the intensity {name} is {share}; above 0 to 1 was expected; correct it.")
    middle = np.asarray(positions.get("neutral", (0.5, 0.5)), np.float64)
    found = np.full((len(corpus), 2), np.nan)
    table = corpus.table
    rows = zip(table["emotion"].to_list(), table["intensity"].to_list(), strict=True)
    for row, (emotion, intensity) in enumerate(rows):
        if emotion in positions:
            share = intensities.get(intensity or "", 1.0)
            found[row] = middle + share * (np.asarray(positions[emotion]) - middle)
    stated = table.select("valence", "arousal").to_numpy().astype(np.float64)
    rated = ~np.isnan(stated).any(axis=1)
    if rated.any():
        if corpus.scale is None:
            raise DataError(
                f"corpus '{corpus.name}' has valence and arousal on an unknown scale; its two ends were expected; "
                "state them in corpus.toml (scale = [1, 7])."
            )
        low, high = corpus.scale
        found[rated] = (stated[rated] - low) / (high - low)
    if np.isnan(found).all():
        raise DataError(
            f"corpus '{corpus.name}' has no valence and arousal, and none of its emotions has a position (known are "
            f"{', '.join(sorted(positions))}); values or known emotions were expected; fill the columns, or give "
            "positions in the settings of the method."
        )
    return found


def positions_from_norms(
    norms: Mapping[str, tuple[float, float, float]],
    emotions: Sequence[str],
    *,
    ends: tuple[float, float] = (1.0, 9.0),
) -> dict[str, tuple[float, float]]:
    """Positions of emotions from affective norms of their names, such as those of Warriner et al. 2013.

    Args:
        norms: word -> valence, arousal, dominance, as ``affekt.encoders.read_lexicon`` reads them.
        emotions: words.
        ends: of the norms' scale.

    Raises:
        DataError: a word has no norm.
    """
    missing = [word for word in emotions if word not in norms]
    if missing:
        raise DataError(
            f"the lexicon has no norms of {', '.join(missing)}; every emotion was expected; give their positions."
        )
    low, high = ends
    return {word: ((norms[word][0] - low) / (high - low), (norms[word][1] - low) / (high - low)) for word in emotions}
