"""Captions: what a voice sounds like in words, from its valence and arousal.

Ours. The captions of EmotionRankCLAP (arXiv 2505.23732) were written by a language model; these come from a bank of
phrases in five levels an axis, several a level, in several sentences. Every caption names the strength of the
activation and the sign of the mood, and :func:`caption_levels` reads both back from the words. Whoever has a language
model puts its captions into a column of the corpus (``EmotionRankClap.column``) or writes a subclass whose
``EmotionRankClap.write`` asks it.
"""

import re
from functools import cache
from typing import Final, Literal, NamedTuple, TypeAlias

from affekt.errors import ConfigError

__all__ = [
    "LEVELS",
    "PHRASINGS",
    "CaptionLevels",
    "Phrasing",
    "axis_prompts",
    "caption",
    "caption_count",
    "caption_levels",
    "captions",
    "level_of",
    "middle_of",
]

Phrasing: TypeAlias = Literal["seen", "unseen", "numbers"]

PHRASINGS: Final = ("seen", "unseen", "numbers")
"""``seen`` is what training draws from; no phrase and no sentence of ``unseen`` is in it; ``numbers`` are levels in
digits."""

LEVELS: Final = 5
"""Levels of each axis, lowest first."""

_Bank: TypeAlias = tuple[tuple[str, ...], ...]

_AROUSAL: Final[dict[str, _Bank]] = {
    "seen": (
        ("very low in energy", "barely active", "lethargic"),
        ("low in energy", "rather subdued", "quiet"),
        ("moderate in energy", "of medium activation", "neither calm nor excited"),
        ("high in energy", "lively", "rather agitated"),
        ("very high in energy", "extremely agitated", "frantic"),
    ),
    "unseen": (
        ("sleepy", "completely drained"),
        ("restrained", "slightly tired"),
        ("steady", "of ordinary intensity"),
        ("energetic", "aroused"),
        ("hyperactive", "wildly aroused"),
    ),
    "numbers": tuple((f"at arousal {level} of {LEVELS}",) for level in range(1, LEVELS + 1)),
}

_VALENCE: Final[dict[str, _Bank]] = {
    "seen": (
        ("very negative", "deeply unpleasant", "miserable"),
        ("negative", "somewhat unpleasant", "displeased"),
        ("neutral in mood", "neither pleasant nor unpleasant", "even-tempered"),
        ("positive", "fairly pleasant", "content"),
        ("very positive", "extremely pleasant", "delighted"),
    ),
    "unseen": (
        ("awful", "full of despair"),
        ("unhappy", "slightly annoyed"),
        ("indifferent", "matter-of-fact"),
        ("glad", "mildly cheerful"),
        ("joyful", "full of bliss"),
    ),
    "numbers": tuple((f"at valence {level} of {LEVELS}",) for level in range(1, LEVELS + 1)),
}

_SENTENCES: Final[dict[str, tuple[str, ...]]] = {
    "seen": (
        "the voice sounds {arousal} and {valence}",
        "someone who is {valence}, and {arousal} in the way of speaking",
        "the mood is {valence} and the speech is {arousal}",
        "a speaker who seems {valence} and {arousal}",
    ),
    "unseen": (
        "an utterance that comes across as {arousal}, {valence}",
        "talking as if {valence}; the delivery is {arousal}",
    ),
    "numbers": ("a recording {arousal} and {valence}",),
}

_AXIS_SENTENCES: Final[dict[str, str]] = {
    "seen": "a speaker who seems {phrase}",
    "unseen": "an utterance that comes across as {phrase}",
    "numbers": "a recording {phrase}",
}


class CaptionLevels(NamedTuple):
    """What the words of a caption say, 0 to 4 an axis; None where they name no level or more than one."""

    valence: int | None
    arousal: int | None


def level_of(value: float) -> int:
    """Level of a valence or arousal in [0, 1]; an edge belongs above it.

    Raises:
        ConfigError: the value is outside.
    """
    if not 0.0 <= value <= 1.0:
        raise ConfigError(f"a valence or arousal is {value}; a value from 0 to 1 was expected; scale it.")
    # a value a rounding error below an edge is on it: 0.3 + 0.3 is less than 0.6
    return min(LEVELS - 1, int(value * LEVELS + 1e-9))


def middle_of(level: int) -> float:
    """The valence or arousal in the middle of a level."""
    return (level + 0.5) / LEVELS


def caption_count(phrasing: Phrasing = "seen") -> int:
    """How many variants each of the 25 captions has."""
    _check(phrasing)
    return len(_SENTENCES[phrasing]) * len(_AROUSAL[phrasing][0]) * len(_VALENCE[phrasing][0])


def caption(valence: float, arousal: float, *, variant: int = 0, phrasing: Phrasing = "seen") -> str:
    """A caption for a valence and an arousal.

    Args:
        valence: in [0, 1], from unpleasant to pleasant.
        arousal: in [0, 1], from calm to excited.
        variant: which phrases and sentence; counted round.
        phrasing: a key of :data:`PHRASINGS`.

    Raises:
        ConfigError: a value is outside, or the phrasing is unknown.

    Example:
        >>> caption(0.1, 0.9)
        'the voice sounds very high in energy and very negative'
    """
    _check(phrasing)
    return _written(level_of(valence), level_of(arousal), variant % caption_count(phrasing), phrasing)


def captions(valence: float, arousal: float, *, phrasing: Phrasing = "seen") -> tuple[str, ...]:
    """All captions for a valence and an arousal, without repetition.

    Raises:
        ConfigError: as :func:`caption`.
    """
    return tuple(caption(valence, arousal, variant=i, phrasing=phrasing) for i in range(caption_count(phrasing)))


def axis_prompts(axis: Literal["valence", "arousal"], *, phrasing: Phrasing = "seen") -> tuple[tuple[str, ...], ...]:
    """For each level of one axis, lowest first, prompts that name this axis alone.

    Raises:
        ConfigError: the axis or the phrasing is unknown.

    Example:
        >>> axis_prompts("valence")[0][0]
        'a speaker who seems very negative'
    """
    _check(phrasing)
    banks = {"valence": _VALENCE, "arousal": _AROUSAL}
    if axis not in banks:
        raise ConfigError(f"axis is {axis!r}; valence or arousal was expected; choose one of these.")
    sentence = _AXIS_SENTENCES[phrasing]
    return tuple(tuple(sentence.format(phrase=phrase) for phrase in level) for level in banks[axis][phrasing])


def caption_levels(text: str) -> CaptionLevels:
    """Read the levels back from the words of a caption; other words do not matter.

    Example:
        >>> caption_levels("a speaker who seems miserable and lively")
        CaptionLevels(valence=0, arousal=3)
    """
    rest = " ".join(text.casefold().split())
    found: dict[str, set[int]] = {"valence": set(), "arousal": set()}
    for pattern, axis, level in _phrases():
        shorter = pattern.sub("|", rest)
        if shorter != rest:
            found[axis].add(level)
            rest = shorter
    only = {axis: next(iter(levels)) if len(levels) == 1 else None for axis, levels in found.items()}
    return CaptionLevels(valence=only["valence"], arousal=only["arousal"])


@cache
def _written(valence: int, arousal: int, variant: int, phrasing: Phrasing) -> str:
    moods, energies = _VALENCE[phrasing][valence], _AROUSAL[phrasing][arousal]
    number, sentence = divmod(variant, len(_SENTENCES[phrasing]))
    first, second = divmod(number, len(moods))
    return _SENTENCES[phrasing][sentence].format(valence=moods[second], arousal=energies[first])


@cache
def _phrases() -> tuple[tuple[re.Pattern[str], str, int], ...]:
    """Every phrase with its axis and level, longest first: "very negative" is not "negative"."""
    flat = [
        (phrase, axis, level)
        for axis, banks in (("valence", _VALENCE), ("arousal", _AROUSAL))
        for bank in banks.values()
        for level, phrases in enumerate(bank)
        for phrase in phrases
    ]
    flat.sort(key=lambda item: (-len(item[0]), item[0]))
    return tuple((re.compile(rf"\b{re.escape(phrase)}\b"), axis, level) for phrase, axis, level in flat)


def _check(phrasing: str) -> None:
    if phrasing not in PHRASINGS:
        raise ConfigError(f"phrasing is {phrasing!r}; one of {', '.join(PHRASINGS)} was expected; choose one of these.")
