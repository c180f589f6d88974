"""How emotions sound in the built-in corpus: rules, and how far people depart from them.

A rule says by how much a feeling, expressed at strength 1, moves each measure of the voice away from the speaker's own
neutral way of talking. An utterance is the speaker's habit, plus the rule times the strength of this utterance times
the speaker's own way of using each means, plus chance. The three random parts make the emotions overlap, so that a
good model is right most of the time and not always.

Source:
    M. Schröder, "Emotional Speech Synthesis: A Review", Eurospeech 2001, Table 1, which gives one rule set that
    listeners recognised for each emotion: joy and fear from F. Burkhardt and W. F. Sendlmeier, "Verification of
    Acoustical Correlates of Emotional Speech using Formant-Synthesis", ISCA Workshop on Speech and Emotion 2000; anger
    from I. R. Murray and J. L. Arnott 1995; sadness from J. Cahn 1990. Phonation: F. Burkhardt, "Rule-Based Voice
    Quality Variation with Formant Synthesis", Interspeech 2009. Directions of jitter, effort and contours also follow
    the rule file of Emofilt (https://github.com/felixbur/Emofilt). None of the numbers below is copied: espeak-ng
    cannot follow some of them (fear at +150 % pitch is out of its reach), and effects of full size would make the task
    trivial. ``docs/builtin-corpus.md`` sets theirs beside ours.
"""

from dataclasses import asdict, dataclass, fields

import numpy as np

from affekt.corpora.voices import Voice
from affekt.errors import ConfigError

__all__ = ["EMOTIONS", "RULES", "Delivery", "delivery"]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How an utterance is delivered, relative to the speaker's habit; as a rule: the shift at strength 1."""

    pitch_st: float = 0.0
    """Mean pitch, semitones."""
    range_octaves: float = 0.0
    """Pitch range, log2 of the factor."""
    rate_octaves: float = 0.0
    """Tempo, log2 of the factor."""
    level_db: float = 0.0
    """Level, dB."""
    tilt_db: float = 0.0
    """Spectral tilt, dB an octave around 1 kHz: positive is tense and bright, negative is lax and dull."""
    breath_db: float = 0.0
    """Breath noise, dB above the usual."""
    flutter_st: float = 0.0
    """Irregularity of the pitch, semitones (standard deviation)."""
    tremor_st: float = 0.0
    """Depth of the tremor at 5 to 8 Hz, semitones; loudness trembles with it."""
    wave_st: float = 0.0
    """Depth of the slow swing of the pitch from phrase to phrase, semitones."""
    final_st: float = 0.0
    """Where the pitch goes at the end, semitones above the usual."""
    spread_octaves: float = 0.0
    """Formants, log2 of the factor: positive with spread lips."""
    pause: float = 0.0
    """Pause between words, units of 10 ms."""


RULES: dict[str, Delivery] = {
    "neutral": Delivery(),
    "anger": Delivery(
        pitch_st=2.5,
        range_octaves=0.5,
        rate_octaves=0.20,
        level_db=6.0,
        tilt_db=2.2,
        breath_db=-4.0,
        flutter_st=0.15,
        final_st=-3.0,
    ),
    "happiness": Delivery(
        pitch_st=4.0,
        range_octaves=0.6,
        rate_octaves=0.20,
        level_db=2.0,
        tilt_db=0.4,
        wave_st=2.0,
        final_st=1.5,
        spread_octaves=0.07,
    ),
    "sadness": Delivery(
        pitch_st=-1.5,
        range_octaves=-0.5,
        rate_octaves=-0.25,
        level_db=-5.0,
        tilt_db=-2.0,
        breath_db=10.0,
        flutter_st=0.1,
        final_st=0.5,
        pause=1.5,
    ),
    "fear": Delivery(
        pitch_st=6.0,
        range_octaves=0.1,
        rate_octaves=0.28,
        level_db=-1.0,
        tilt_db=-1.0,
        breath_db=5.0,
        flutter_st=0.35,
        tremor_st=0.8,
        final_st=2.0,
        pause=0.5,
    ),
}
"""The rules. Neutral is the reference, so its rule is nothing."""

EMOTIONS = tuple(RULES)

CHANCE = Delivery(
    pitch_st=1.0,
    range_octaves=0.18,
    rate_octaves=0.07,
    level_db=1.5,
    tilt_db=0.5,
    breath_db=2.5,
    flutter_st=0.05,
    tremor_st=0.08,
    wave_st=0.35,
    final_st=0.7,
    spread_octaves=0.015,
    pause=0.7,
)
"""Standard deviation of each measure from utterance to utterance, whatever the emotion."""

STYLE = 0.3
"""Spread of how much a speaker uses each means for each emotion, around 1."""

STRENGTH = 0.28
"""Spread of the strength from utterance to utterance, as standard deviation of its natural logarithm."""


def delivery(voice: Voice, emotion: str, take: int, *, seed: int = 0) -> tuple[Delivery, float]:
    """How a speaker delivers one utterance.

    Args:
        voice: The speaker.
        emotion: One of :data:`EMOTIONS`.
        take: Number of the utterance among the speaker's utterances in this emotion, from 0.
        seed: Seed of the corpus.

    Returns:
        The delivery, and the strength of the expression (0 for neutral, about 1 otherwise).

    Raises:
        ConfigError: an emotion without a rule.
    """
    if emotion not in RULES:
        raise ConfigError(
            f"unknown emotion (got {emotion!r}); expected one of {', '.join(EMOTIONS)}; correct the name."
        )
    speaker, number = int(voice.name[1:]), EMOTIONS.index(emotion)
    names = [field.name for field in fields(Delivery)]
    style = np.random.default_rng([seed, 2, speaker, number])
    means = np.clip(style.normal(1, STYLE, len(names)), 0, 2)
    rng = np.random.default_rng([seed, 3, speaker, number, take])
    strength = float(np.clip(voice.expressiveness * np.exp(rng.normal(0, STRENGTH)), 0.3, 1.6))
    chance = rng.normal(0, 1, len(names))
    rule, spread = asdict(RULES[emotion]), asdict(CHANCE)
    shifts = {name: float(rule[name] * strength * means[i] + spread[name] * chance[i]) for i, name in enumerate(names)}
    return Delivery(**shifts), 0.0 if emotion == "neutral" else strength
