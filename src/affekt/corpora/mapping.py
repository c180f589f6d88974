"""Emotions of one corpus in the words of another, for models that are scored on a corpus they were not made for.

Nothing is guessed: every emotion that is no class of the model is renamed or left out because somebody said so, and
:func:`describe_mapping` counts what that did.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.corpora.table import nearest
from affekt.errors import ConfigError, DataError

__all__ = ["UNLABELLED", "EmotionMapping", "describe_mapping", "map_emotions"]

UNLABELLED = ""
"""The name of what has no emotion, to leave it out with ``drop``."""


@dataclass(frozen=True, kw_only=True)
class EmotionMapping:
    """What a mapping does to a corpus."""

    renamed: dict[str, str]
    """Emotion of the corpus -> class, in the order of the names."""
    utterances_renamed: dict[str, int]
    """How many utterances of each of these there are."""
    dropped: dict[str, int]
    """Emotion of the corpus that is left out -> how many utterances; "" stands for those without an emotion."""
    kept: dict[str, int]
    """Class -> how many utterances there are afterwards; 0 for a class the corpus does not have."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def map_emotions(
    corpus: Corpus, mapping: Mapping[str, str], *, classes: Sequence[str], drop: Sequence[str] = ()
) -> Corpus:
    """A corpus in a model's classes: emotions renamed or left out, and in the model's order.

    Single ratings are renamed too; a rating with an emotion that is left out stays, since it is what the rater said.

    Args:
        corpus: Any corpus with emotions.
        mapping: Emotion of the corpus -> class of the model.
        classes: The model's classes, in its order.
        drop: Emotions whose utterances are left out; "" leaves out those without an emotion.

    Returns:
        A new corpus with these classes. Utterances without an emotion stay unless they are dropped.

    Raises:
        DataError: An emotion of the corpus is no class and neither mapped nor dropped; all of them are named. Or
            nothing is left.
        ConfigError: A name is mapped and dropped, is no emotion of the corpus, or is mapped to no class of the model.

    Example:
        >>> from pathlib import Path
        >>> table = pl.DataFrame({"file": ["a.wav", "b.wav", "c.wav"], "emotion": ["happiness", "calm", "anger"]})
        >>> ours = map_emotions(Corpus(name="new", root=Path(), table=table), {"happiness": "joy"},
        ...                     classes=("anger", "joy"), drop=("calm",))
        >>> ours.emotions
        ['joy', 'anger']
    """
    _check(corpus, mapping, classes=classes, drop=drop)
    left_out = [name for name in drop if name != UNLABELLED]
    gone = pl.col("emotion").is_in(left_out).fill_null(UNLABELLED in drop)
    kept = corpus.select(~gone)
    if not len(kept):
        raise DataError(
            f"nothing is left of corpus '{corpus.name}' (got 0 of {len(corpus)} utterances); at least one was "
            "expected; leave out fewer emotions."
        )
    table = kept.table.with_columns(pl.col("emotion").replace(dict(mapping)))
    ratings = kept.ratings
    if ratings is not None:
        secondary = pl.col("secondary").str.split(";").list.eval(pl.element().str.strip_chars().replace(dict(mapping)))
        ratings = ratings.with_columns(pl.col("emotion").replace(dict(mapping)), secondary.list.join(";"))
    return replace(kept, table=table, ratings=ratings, classes=tuple(classes))


def describe_mapping(
    corpus: Corpus, mapping: Mapping[str, str], *, classes: Sequence[str], drop: Sequence[str] = ()
) -> EmotionMapping:
    """Count what :func:`map_emotions` does with the same arguments.

    Raises:
        DataError, ConfigError: As :func:`map_emotions`.
    """
    mapped = map_emotions(corpus, mapping, classes=classes, drop=drop)
    before, after = Counter(name or UNLABELLED for name in corpus.emotions), Counter(mapped.emotions)
    return EmotionMapping(
        renamed={name: mapping[name] for name in sorted(mapping)},
        utterances_renamed={name: before[name] for name in sorted(mapping)},
        dropped={name: before[name] for name in sorted(set(drop))},
        kept={name: after[name] for name in classes},
    )


def _check(corpus: Corpus, mapping: Mapping[str, str], *, classes: Sequence[str], drop: Sequence[str]) -> None:
    """Refuse a mapping that does not fit the corpus or the model."""
    found = set(corpus.table["emotion"].drop_nulls().unique().to_list())
    both = sorted(set(mapping) & set(drop))
    if both:
        raise ConfigError(
            f"'{both[0]}' is mapped to '{mapping[both[0]]}' and left out; one of the two was expected; choose one."
        )
    for name in (*mapping, *(name for name in drop if name != UNLABELLED)):
        if name not in found:
            raise ConfigError(
                f"corpus '{corpus.name}' has no emotion '{name}' to map or leave out; {nearest(name, found)}; "
                "correct the mapping."
            )
    for name, target in mapping.items():
        if target not in classes:
            raise ConfigError(
                f"'{name}' is mapped to '{target}', which is no class of the model; {nearest(target, classes)}; "
                "correct the mapping."
            )
    unknown = sorted(found - set(mapping) - set(drop) - set(classes))
    if unknown:
        counts = Counter(corpus.emotions)
        named = ", ".join(f"{name} ({counts[name]})" for name in unknown)
        raise DataError(
            f"corpus '{corpus.name}' has emotions that the model does not know (got {named}); only "
            f"{', '.join(classes)} were expected; map each to one of these or leave it out, as in "
            f"{unknown[0]}={classes[0] if classes else 'joy'} or {unknown[0]}=."
        )
