"""Places of categories, and that values of the corpus go before them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError
from affekt.preference import INTENSITIES, POSITIONS, positions_from_norms, positions_of


def corpus(scale: tuple[float, float] | None = None, **columns: list[Any]) -> Corpus:
    size = len(next(iter(columns.values())))
    return Corpus(
        name="some",
        root=Path(),
        table=pl.DataFrame({"file": [f"{i}.wav" for i in range(size)], **columns}),
        scale=scale,
    )


def test_places_are_those_of_the_paper_on_our_scale() -> None:
    # pleasure and arousal from -1 to 1, as published
    published = {
        "anger": (-0.51, 0.59),
        "boredom": (-0.65, -0.62),
        "disgust": (-0.60, 0.35),
        "fear": (-0.64, 0.60),
        "happiness": (0.81, 0.51),
        "joy": (0.76, 0.48),
        "sadness": (-0.63, -0.27),
        "surprise": (0.40, 0.67),
    }
    for name, place in published.items():
        assert POSITIONS[name] == pytest.approx([(value + 1) / 2 for value in place])
    assert POSITIONS["neutral"] == (0.5, 0.5)


def test_a_weaker_emotion_lies_on_the_way_to_neutral() -> None:
    found = positions_of(
        corpus(emotion=["anger"] * 4 + ["neutral"], intensity=["normal", "strong", None, "unheard of", "normal"])
    )
    full = np.array(POSITIONS["anger"])
    assert found[0] == pytest.approx(0.5 + 2 / 3 * (full - 0.5))
    assert found[1:4] == pytest.approx(np.stack([full] * 3))
    assert found[4].tolist() == [0.5, 0.5]
    moved = positions_of(
        corpus(emotion=["anger"], intensity=["weak"]),
        positions={"anger": (1.0, 0.0), "neutral": (0.4, 0.6)},
        intensities={"weak": 0.5},
    )
    assert moved[0] == pytest.approx([0.7, 0.3])


def test_values_of_the_corpus_go_first_and_are_scaled() -> None:
    found = positions_of(
        corpus((1.0, 7.0), emotion=["anger", "anger", "envy"], valence=[1.0, None, 4.0], arousal=[7.0, 3.0, None])
    )
    assert found[0].tolist() == [0.0, 1.0]
    assert found[1] == pytest.approx(POSITIONS["anger"])  # both are needed
    assert np.isnan(found[2]).all()


def test_norms_of_words_give_positions() -> None:
    norms = {"anger": (1.0, 9.0, 5.0), "calm": (7.0, 2.0, 5.0)}
    assert positions_from_norms(norms, ["anger", "calm"]) == {"anger": (0.0, 1.0), "calm": (0.75, 0.125)}
    with pytest.raises(DataError, match="no norms of envy"):
        positions_from_norms(norms, ["anger", "envy"])


def test_intensities_are_shares() -> None:
    assert all(0 < share <= 1 for share in INTENSITIES.values())
    assert INTENSITIES["normal"] == INTENSITIES["moderate"] < INTENSITIES["strong"] == INTENSITIES["intense"]


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"positions": {"anger": (2.0, 0.5)}}, ConfigError, r"position of anger is \[2.0, 0.5\]"),
        ({"positions": {"anger": (0.5,)}}, ConfigError, "position of anger"),
        ({"intensities": {"weak": 0.0}}, ConfigError, "intensity weak is 0.0"),
        ({"positions": {"envy": (0.1, 0.5)}}, DataError, "none of its emotions has a position .known are envy"),
    ],
)
def test_bad_rules_are_refused(changes: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        positions_of(corpus(emotion=["anger"]), **changes)


def test_values_without_a_scale_are_refused() -> None:
    some = corpus((1.0, 7.0), emotion=["anger"], valence=[2.0], arousal=[2.0])
    with pytest.raises(DataError, match="on an unknown scale"):
        positions_of(replace(some, scale=None))
