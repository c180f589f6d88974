"""A corpus that gives emotions away is caught at it, and one that does not is not."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from affekt.audio.fingerprint import Landmarks
from affekt.corpora import Corpus, Sound
from affekt.errors import ConfigError, DataError
from affekt.training.shortcuts import SHORTCUTS, Shortcut, Shortcuts, shortcuts

NOTHING = Landmarks(keys=np.empty(0, np.uint32), frames=np.empty(0, np.int32))


def sound(
    *, seconds: float = 1.0, level_db: float = -20.0, leading: float = 0.1, encoding: str = "WAV PCM_16"
) -> Sound:
    return Sound(
        seconds=seconds,
        level_db=level_db,
        peak_db=level_db + 10,
        leading=leading,
        trailing=0.1,
        sample_rate=16000,
        channels=1,
        encoding=encoding,
        silent=False,
        digest=b"",
        landmarks=NOTHING,
    )


def corpus(*, speakers: int = 12, each: int = 12, **columns: Sequence[object]) -> Corpus:
    """Every speaker with as much joy as anger."""
    count = speakers * each
    table = pl.DataFrame(
        {
            "file": [f"{row}.wav" for row in range(count)],
            "speaker": [f"s{row // each:02d}" for row in range(count)],
            "emotion": [("anger", "joy")[row % 2] for row in range(count)],
            **columns,
        }
    )
    return Corpus(name="x", root=Path("nowhere"), table=table)


def by_name(found: Shortcuts) -> dict[str, Shortcut]:
    return {baseline.name: baseline for baseline in found.baselines}


def test_a_leaky_length_is_flagged_and_an_honest_one_is_not() -> None:
    random = np.random.default_rng(0)
    data = corpus()
    honest = [sound(seconds=float(s)) for s in random.uniform(0.5, 3, len(data))]
    leaky = [sound(seconds=float(s) * (1.0, 1.8)[row % 2]) for row, s in enumerate(random.uniform(0.8, 1.2, len(data)))]
    fair, unfair = (by_name(shortcuts(data, sounds=sounds))["duration"] for sounds in (honest, leaky))
    assert unfair.above_chance
    assert unfair.uar is not None
    assert unfair.uar.estimate > 0.95
    assert unfair.uar.unit == "speaker (12)"
    assert unfair.p == pytest.approx(1 / 1001)
    assert not fair.above_chance
    assert fair.p is not None
    assert fair.p > 0.05
    assert fair.shuffled == pytest.approx(0.5, abs=0.02)


def test_each_property_is_seen_by_its_baseline_alone() -> None:
    data = corpus(text=[("go away now", "what a day")[row % 2] for row in range(144)])
    random = np.random.default_rng(1)
    sounds = [
        sound(level_db=float(level), leading=float(gap), encoding=("WAV PCM_16", "OGG VORBIS")[row % 2])
        for row, (level, gap) in enumerate(zip(random.uniform(-40, -10, 144), random.uniform(0, 0.3, 144), strict=True))
    ]
    found = shortcuts(data, sounds=sounds)
    baselines = by_name(found)
    assert set(baselines) == set(SHORTCUTS)
    assert {"text", "format", "all"} == set(found.flagged)
    assert baselines["duration"].uar is None
    assert baselines["duration"].why_not == "it is the same everywhere"
    assert baselines["speaker"].why_not == "sex, age and language are not known"
    value = found.to_json()
    assert value["flagged"] == ["text", "format", "all"]
    assert value["chance"] == 0.5


def test_a_speaker_is_tested_by_what_others_said() -> None:
    """Every speaker has an own word for each emotion: known to the speaker, and nothing to learn from others."""
    words = [f"{'abcdefghijkl'[row // 12]}{'mnopqrstuvwx'[row // 12]}"[row % 2] for row in range(144)]
    alone = by_name(shortcuts(corpus(text=words), audio=False))["text"]
    assert alone.uar is not None
    assert alone.uar.estimate == pytest.approx(0.5, abs=0.05)
    shared = by_name(shortcuts(corpus(text=["xy"[row % 2] for row in range(144)]), audio=False))["text"]
    assert shared.uar is not None
    assert shared.uar.estimate == 1.0


def test_sex_can_give_an_emotion_away() -> None:
    random = np.random.default_rng(0)
    emotions = ["anger" if random.random() < (0.9 if row // 12 % 2 else 0.1) else "joy" for row in range(144)]
    data = corpus(sex=[("f", "m")[row // 12 % 2] for row in range(144)], emotion=emotions)
    found = by_name(shortcuts(data, audio=False))["speaker"]
    assert found.above_chance
    # shuffling within a speaker keeps what the speaker's sex says: the test within speakers does not see it
    assert found.p is not None
    assert found.p > 0.5


def test_without_recordings_and_texts() -> None:
    found = shortcuts(corpus(), audio=False)
    assert all(baseline.uar is None for baseline in found.baselines)
    assert {baseline.why_not for baseline in found.baselines} == {
        "no text is known",
        "the recordings were not read",
        "sex, age and language are not known",
        "nothing is known",
    }
    same = by_name(shortcuts(corpus(text=["one"] * 144), audio=False))
    assert same["text"].why_not == "every utterance says the same"


def test_the_same_seed_gives_the_same_numbers() -> None:
    data = corpus(text=[f"word{row % 3} thing{row % 2}" for row in range(144)])
    one, two = (shortcuts(data, audio=False, most_folds=5).to_json() for _ in range(2))
    assert one["folds"] == 5
    assert {**one, "seconds": 0} == {**two, "seconds": 0}


def test_recordings_are_read_where_none_were_given(tone_corpus: Corpus) -> None:
    seen: list[str] = []
    found = shortcuts(tone_corpus, permutations=50, progress=lambda stage, done, total: seen.append(stage))
    assert set(seen) == {"listening", "baselines"}
    assert by_name(found)["level"].uar is not None
    assert found.folds == found.speakers == 6
    assert by_name(found)["format"].why_not == "it is the same everywhere"


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"speaker": ["a"] * 144}, "names 1 speakers"),
        ({"speaker": [None, *["a", "b"] * 71, "a"]}, "none in 1 rows"),
        ({"emotion": [None] + ["joy"] * 143}, "no emotion"),
        ({"emotion": ["joy"] * 144}, "has 1 class"),
    ],
)
def test_what_cannot_be_scored(columns: dict[str, list[object]], match: str) -> None:
    with pytest.raises(DataError, match=match):
        shortcuts(corpus(**columns), audio=False)


def test_bad_settings() -> None:
    with pytest.raises(ConfigError, match="permutations is 0"):
        shortcuts(corpus(), audio=False, permutations=0)
    with pytest.raises(ConfigError, match="most_folds 1"):
        shortcuts(corpus(), audio=False, most_folds=1)
