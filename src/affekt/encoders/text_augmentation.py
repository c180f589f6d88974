"""Texts changed a little and changed a lot, for learning from texts without labels.

Ours: words are left out, neighbours change places, and words are replaced by others with nearly the same valence,
arousal and dominance in a lexicon of affective norms given by the user, so that the feeling stays although the meaning
may not. A text is never emptied, and punctuation stays where it was. Everything follows from the generator.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from affekt.errors import ConfigError
from affekt.types import FloatArray

__all__ = ["AffectiveNeighbours", "TextAugmentation", "delete_words", "swap_words"]

_WORD = re.compile(r"\w+(?:['’]\w+)*")


class AffectiveNeighbours:
    """Words with nearly the same norms.

    Args:
        lexicon: word (lower case) -> valence, arousal, dominance, from :func:`affekt.encoders.read_lexicon`.
        nearest: how many of the nearest words may stand for a word.

    Raises:
        ConfigError: nearest is below 1, or the lexicon has fewer than two words.
    """

    def __init__(self, lexicon: Mapping[str, tuple[float, float, float]], *, nearest: int = 5) -> None:
        if nearest < 1 or len(lexicon) < 2:
            raise ConfigError(
                f"nearest is {nearest} and the lexicon has {len(lexicon)} words; 1 and 2 or more were expected; change "
                "them."
            )
        from scipy.spatial import cKDTree

        self._words = sorted(lexicon)
        norms = np.array([lexicon[word] for word in self._words], dtype=np.float64)
        self._norms: FloatArray = (norms - norms.mean(0)) / np.maximum(norms.std(0), 1e-9)
        self._index = {word: row for row, word in enumerate(self._words)}
        self._tree = cKDTree(self._norms)
        self._nearest = min(nearest, len(self._words) - 1)

    def __contains__(self, word: str) -> bool:
        return word.casefold() in self._index

    def of(self, word: str) -> list[str]:
        """The nearest other words, nearest first; none for a word without norms."""
        row = self._index.get(word.casefold())
        if row is None:
            return []
        _, found = self._tree.query(self._norms[row], k=self._nearest + 1)
        return [self._words[other] for other in np.atleast_1d(found) if other != row][: self._nearest]


@dataclass(frozen=True, kw_only=True)
class TextAugmentation:
    """How texts are changed."""

    deletion: float = 0.15
    """Chance of a word to be left out."""
    swap: float = 0.1
    """Chance of a word to change places with the next one."""
    synonym: float = 0.3
    """Chance of a word that the lexicon knows to be replaced."""
    picks: int = 2
    """How many of the three are applied to a text."""

    def __post_init__(self) -> None:
        for name in ("deletion", "swap", "synonym"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; a chance from 0 to below 1 was expected; change it."
                )
        if not 1 <= self.picks <= 3:
            raise ConfigError(f"picks is {self.picks}; 1 to 3 of the three changes was expected; change it.")

    def apply(self, text: str, generator: np.random.Generator, *, neighbours: AffectiveNeighbours | None = None) -> str:
        """A changed text.

        Args:
            text: any; without a word it comes back as it is.
            generator: where the choices come from.
            neighbours: words that may stand for others; None: only deletion and swap.
        """
        ways = ["deletion", "swap"] + ([] if neighbours is None else ["synonym"])
        chosen = generator.permutation(ways)[: self.picks]
        if neighbours is not None and "synonym" in chosen:
            text = _replaced(text, self.synonym, generator, neighbours)
        if "swap" in chosen:
            text = swap_words(text, self.swap, generator)
        if "deletion" in chosen:
            text = delete_words(text, self.deletion, generator)
        return text


def delete_words(text: str, chance: float, generator: np.random.Generator) -> str:
    """A text without some of its words; one word stays at least.

    Example:
        >>> delete_words("not so good", 0.99, np.random.default_rng(0)) in ("not", "so", "good")
        True
    """
    words = list(_WORD.finditer(text))
    if not words:
        return text
    keep = generator.random(len(words)) >= chance
    if not keep.any():
        keep[int(generator.integers(len(words)))] = True
    for word, kept in zip(reversed(words), reversed(keep.tolist()), strict=True):
        if not kept:
            text = text[: word.start()] + text[word.end() :]
    return " ".join(text.split())


def swap_words(text: str, chance: float, generator: np.random.Generator) -> str:
    """A text in which some words have changed places with the next one; the words are the same."""
    words = list(_WORD.finditer(text))
    order = list(range(len(words)))
    for place in range(len(words) - 1):
        if generator.random() < chance:
            order[place], order[place + 1] = order[place + 1], order[place]
    for place in reversed(range(len(words))):
        word, other = words[place], words[order[place]]
        text = text[: word.start()] + other[0] + text[word.end() :]
    return text


def _replaced(text: str, chance: float, generator: np.random.Generator, neighbours: AffectiveNeighbours) -> str:
    for word in reversed(list(_WORD.finditer(text))):
        if word[0] in neighbours and generator.random() < chance:
            found = neighbours.of(word[0])
            text = text[: word.start()] + found[int(generator.integers(len(found)))] + text[word.end() :]
    return text
