"""Who speaks in the built-in corpus: invented people with habits of their own.

A voice is an espeak-ng variant plus habits that stay the same in all of its utterances: pitch, liveliness, tempo,
level, length of the vocal tract, colour of the sound (the person and the microphone in one) and the noise of the room;
and a way of showing feeling: how strongly, and by which means. The numbers are ours; they make people who differ, not
people who are typical.
"""

from dataclasses import dataclass

import numpy as np

from affekt.corpora.sentences import SENTENCES
from affekt.errors import ConfigError

__all__ = ["COLOUR_HZ", "LANGUAGES", "Voice", "voice"]

LANGUAGES = tuple(SENTENCES)

COLOUR_HZ = (125.0, 400.0, 1200.0, 3000.0, 7000.0)
"""Where a voice's colour is set; between these frequencies it is interpolated."""

_VARIANTS = {
    "female": ("f1", "f2", "f3", "f4", "f5", "Annie", "linda", "belinda", "steph", "aunty", "Alicia", "Andrea"),
    "male": ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "Michael", "Lee", "paul", "pablo"),
}


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One invented speaker."""

    name: str
    """``v01``, ``v02``, ..."""
    sex: str
    """``female`` or ``male``."""
    language: str
    variant: str
    """Name of the espeak-ng variant."""
    pitch_st: float
    """Semitones above the variant's own pitch."""
    range_octaves: float
    """How much livelier than the variant, as log2 of the pitch range."""
    rate_octaves: float
    """How much faster than 165 words a minute, as log2 of the rate."""
    level_db: float
    """Usual level in dBFS (RMS)."""
    tract: float
    """Length of the vocal tract as a factor on all formants, 1 is the variant's own."""
    colour_db: tuple[float, ...]
    """Gain at each of :data:`COLOUR_HZ`."""
    noise_db: float
    """Noise of room and microphone in dBFS (RMS)."""
    expressiveness: float
    """Usual strength of an expressed emotion, 1 is what the rules say."""
    sentences: tuple[int, ...]
    """The order in which this person goes through the sentences of the language."""


def voice(index: int, *, seed: int = 0) -> Voice:
    """Speaker number ``index`` (from 0) of the built-in corpus.

    Sexes alternate and languages change after every pair, so each language has both sexes once there are eight
    speakers. A voice does not depend on how many others there are.

    Raises:
        ConfigError: a negative index or seed.
    """
    if index < 0 or seed < 0:
        raise ConfigError(
            f"index and seed must not be negative (got index {index} and seed {seed}); expected 0 or more; "
            "choose another."
        )
    rng = np.random.default_rng([seed, 1, index])
    sex = "female" if index % 2 == 0 else "male"
    language = LANGUAGES[index // 2 % len(LANGUAGES)]
    variants = _VARIANTS[sex]
    return Voice(
        name=f"v{index + 1:02d}",
        sex=sex,
        language=language,
        variant=variants[index // 2 % len(variants)],
        pitch_st=float(np.clip(rng.normal(0, 1.5), -3, 3)),
        range_octaves=float(np.clip(rng.normal(0, 0.2), -0.4, 0.4)),
        rate_octaves=float(np.clip(rng.normal(0, 0.1), -0.2, 0.2)),
        level_db=float(np.clip(rng.normal(-27, 1.5), -30, -24)),
        tract=float(2 ** np.clip(rng.normal(0, 0.05), -0.1, 0.1)),
        colour_db=tuple(float(gain) for gain in np.clip(rng.normal(0, 2, len(COLOUR_HZ)), -5, 5)),
        noise_db=float(rng.uniform(-70, -55)),
        expressiveness=float(np.clip(rng.normal(1.1, 0.18), 0.75, 1.45)),
        sentences=tuple(int(number) for number in rng.permutation(len(SENTENCES[language]))),
    )
