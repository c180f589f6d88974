"""What the built-in voices say when they also mean something: sentences and contours for five intents.

Synthetic and written for affekt, as all of the built-in corpus is. Words and melody each tell a part of what is meant:

- intent: most sentences are worded as one says them when asking, requesting, agreeing, refusing or stating; a share of
  them (:data:`AMBIGUOUS`) has words that fit all five, and only the contour at the end differs;
- emotion: the delivery by rule, as in the rest of the corpus; and in a share of the sentences (:data:`TELLING`) an
  exclamation that fits the emotion, elsewhere one that says nothing, or none.

So a model that hears knows more of the emotion, one that reads more of the intent, and neither knows all.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from affekt.corpora.prosody import EMOTIONS, Delivery

__all__ = ["AMBIGUOUS", "CONTOURS", "INTENTS", "TELLING", "Line", "line", "with_contour"]

AMBIGUOUS: Final = 0.35
"""Share of sentences whose words fit every intent."""
TELLING: Final = 0.4
"""Share of sentences with an exclamation that fits the emotion (none does for neutral)."""
_IDLE: Final = 0.3  # share with an exclamation that says nothing

_WORDINGS: Final = {
    "agreement": (
        "yes, {} is fine",
        "sure, I will take {}",
        "right, {} it is",
        "of course, {} works",
        "okay, we can keep {}",
    ),
    "question": (
        "did they move {}",
        "where is {} now",
        "is {} ready yet",
        "who left {} here",
        "do you know about {}",
    ),
    "refusal": (
        "no, I will not move {}",
        "I cannot take {} now",
        "sorry, but not {}",
        "I would rather leave {}",
        "we will never use {}",
    ),
    "request": (
        "please bring {} over here",
        "could you look after {}",
        "hand me {}, please",
        "put {} back for me",
        "let us have {} today",
    ),
    "statement": (
        "they brought {} on Monday",
        "{} is on the second floor",
        "we have had {} since May",
        "there is a note on {}",
        "my brother made {} himself",
    ),
}
_OPEN: Final = ("you take {} now", "{} on Monday then", "{} again", "so it is {}", "we go on with {}")
_TOPICS: Final = (
    "the bicycle",
    "the blue folder",
    "the coffee machine",
    "the garden table",
    "the green coat",
    "the kitchen window",
    "the ladder",
    "the letter",
    "the little lamp",
    "the old camera",
    "the parcel",
    "the piano",
    "the red umbrella",
    "the spare key",
    "the train ticket",
    "the wooden box",
)
_EXCLAMATIONS: Final = {
    "anger": ("damn it", "that is unfair", "enough of this nonsense", "how rude"),
    "fear": ("I am scared", "this is dangerous", "watch out", "I am so worried"),
    "happiness": ("how lovely", "wonderful", "what a nice surprise", "I am so glad"),
    "sadness": ("what a pity", "I feel so alone", "how sad", "I miss her"),
}
_FILLERS: Final = ("well", "listen", "anyway", "look", "by the way")

INTENTS: Final = tuple(_WORDINGS)
"""What can be meant, sorted."""

CONTOURS: Final = {
    "agreement": Delivery(final_st=-1.0, rate_octaves=0.06, range_octaves=-0.1),
    "question": Delivery(final_st=5.0, range_octaves=0.15),
    "refusal": Delivery(final_st=-4.0, level_db=1.5, tilt_db=0.5, pause=0.5),
    "request": Delivery(final_st=2.0, rate_octaves=-0.05, pause=0.5),
    "statement": Delivery(final_st=-2.5),
}
"""How an intent moves the delivery, on top of the emotion's rule; the numbers are ours."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One sentence of the script."""

    text: str
    """The words, without the mark at the end, as recognisers of speech give them."""
    spoken: str
    """The same with a mark at the end."""
    intent: str
    """One of :data:`INTENTS`."""
    ambiguous: bool
    """Whether the words fit every intent."""


def line(speaker: int, emotion: str, take: int, *, seed: int = 0) -> Line:
    """What a speaker says.

    Args:
        speaker: number of the voice, from 0.
        emotion: one of :data:`affekt.corpora.prosody.EMOTIONS`.
        take: number of the utterance among the speaker's in this emotion, from 0; intents come in turn.
        seed: of the corpus.
    """
    number = EMOTIONS.index(emotion)
    rng = np.random.default_rng([seed, 6, speaker, number, take])
    intent = INTENTS[(take + number + speaker) % len(INTENTS)]
    ambiguous = bool(rng.random() < AMBIGUOUS)
    wordings = _OPEN if ambiguous else _WORDINGS[intent]
    words = wordings[int(rng.integers(len(wordings)))].format(_TOPICS[int(rng.integers(len(_TOPICS)))])
    draw = rng.random()
    if draw < TELLING and emotion in _EXCLAMATIONS:
        words = f"{_EXCLAMATIONS[emotion][int(rng.integers(4))]}, {words}"
    elif TELLING <= draw < TELLING + _IDLE:
        words = f"{_FILLERS[int(rng.integers(len(_FILLERS)))]}, {words}"
    text = words[0].upper() + words[1:]
    return Line(text=text, spoken=text + ("?" if intent == "question" else "."), intent=intent, ambiguous=ambiguous)


def with_contour(delivery: Delivery, intent: str) -> Delivery:
    """A delivery moved as an intent moves it."""
    contour = CONTOURS[intent]
    moved = ("final_st", "level_db", "pause", "range_octaves", "rate_octaves", "tilt_db")
    return replace(delivery, **{name: getattr(delivery, name) + getattr(contour, name) for name in moved})
