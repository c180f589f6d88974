"""Portions, batches, windows and bad recordings, with a model whose answer is known."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import DataError
from affekt.prediction import Prediction, Recording, Scores, Windows, find_recordings, predict
from affekt.prediction.predict import batches_by_length

Write = Callable[..., str]
Make = Callable[..., Any]


@given(
    lengths=st.lists(st.integers(1, 1000), min_size=1, max_size=60),
    budget=st.integers(1, 5000),
)
def test_batches_hold_every_clip_once_and_little_padding(lengths: list[int], budget: int) -> None:
    batches = [batch.tolist() for batch in batches_by_length(lengths, budget=budget)]
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        sizes = [lengths[position] for position in batch]
        assert sizes == sorted(sizes, reverse=True)
        assert len(sizes) == 1 or max(sizes) * len(sizes) <= budget
        assert min(sizes) >= 0.8 * max(sizes)


def test_probabilities_and_attributes(level_scorer: Make, write_level: Write) -> None:
    """Rising to 0.8, the mean is 0.4: the logits are 0.4 and -0.4."""
    file = write_level("a.wav", 0.8, 1.0)
    (found,) = predict(level_scorer(), find_recordings([file]))
    up = 1 / (1 + math.exp(-0.8))
    assert found == Prediction(
        file=file,
        start=0.0,
        end=1.0,
        emotion="up",
        emotions=None,
        probabilities={"up": pytest.approx(up, abs=1e-6), "down": pytest.approx(1 - up, abs=1e-6)},
        attributes={"arousal": pytest.approx(1 + 6 * 0.8, abs=1e-5)},
    )
    assert list(found.to_json()) == ["file", "start", "end", "emotion", "probabilities", "arousal"]


def test_several_emotions(level_scorer: Make, write_level: Write) -> None:
    files = [write_level("a.wav", 0.8, 1.0), write_level("b.wav", -0.8, 1.0), write_level("c.wav", 0.0, 1.0)]
    found = list(predict(level_scorer(multi_label=True), find_recordings(files)))
    assert [prediction.emotions for prediction in found] == [("up",), ("down",), ()]
    assert found[0].to_json()["emotions"] == ["up"]


@pytest.mark.parametrize("portion_seconds", [0.001, 2.0, 600.0])
@pytest.mark.parametrize("batch_seconds", [0.001, 3.0, 60.0])
def test_order_and_scores_do_not_depend_on_portions_and_batches(
    level_scorer: Make, write_level: Write, portion_seconds: float, batch_seconds: float
) -> None:
    random = np.random.default_rng(0)
    levels = random.uniform(-0.9, 0.9, 12)
    seconds = random.uniform(0.05, 1.5, 12)
    recordings = find_recordings(
        [write_level(f"{k}.wav", level, length) for k, (level, length) in enumerate(zip(levels, seconds, strict=True))]
    )
    scorer = level_scorer()
    done: list[int] = []
    options = {"portion_seconds": portion_seconds, "batch_seconds": batch_seconds, "on_done": done.append}
    found = list(predict(scorer, recordings, **options))
    assert [prediction.file for prediction in found] == [recording.file for recording in recordings]
    assert [prediction.emotion for prediction in found] == ["up" if level > 0 else "down" for level in levels]
    assert [prediction.end for prediction in found] == pytest.approx(seconds.tolist(), abs=1e-4)
    assert done == sorted(done)
    assert done[-1] == 12
    assert sum(map(len, scorer.batches)) == 12
    if portion_seconds == 600.0 and batch_seconds == 60.0:
        assert len(scorer.batches) < 12


def test_recordings_are_read_a_portion_at_a_time(level_scorer: Make, write_level: Write) -> None:
    files = [write_level(f"{k}.wav", 0.1, 1.0) for k in range(6)]
    taken: list[str] = []

    def stream() -> Any:
        for file in files:
            taken.append(file)
            yield Recording(file=file)

    found = predict(level_scorer(), stream(), portion_seconds=2.0)
    assert taken == []
    next(found)
    assert len(taken) == 2
    next(found)
    next(found)
    assert len(taken) == 4


def test_windows_of_a_segment(level_scorer: Make, write_level: Write) -> None:
    """Times are those of the file; the estimate of each window is that of its own samples."""
    file = write_level("a.wav", 0.8, 4.0)
    recording = Recording(file=file, start=1.0, end=3.25)
    found = list(predict(level_scorer(), [recording], windows=Windows(seconds=1.0, hop_seconds=0.5)))
    assert [(prediction.start, prediction.end) for prediction in found] == [
        (1.0, 2.0),
        (1.5, 2.5),
        (2.0, 3.0),
        (2.25, 3.25),
    ]
    expected = [1 + 6 * 0.8 * prediction.end / 4.0 for prediction in found]
    assert [prediction.attributes["arousal"] for prediction in found] == pytest.approx(expected, abs=1e-3)


def bad_recordings(write: Write, folder: Path) -> list[str]:
    """Good and bad ones in turns: too short, missing, NaN, silent (which is no fault), text."""
    nan = np.full(1600, np.nan)
    soundfile.write(folder / "nan.wav", nan, 16000, subtype="FLOAT")
    (folder / "text.wav").write_text("no sound")
    return [
        write("good1.wav", 0.5, 0.5),
        write("short.wav", 0.5, 0.005),
        str(folder / "missing.wav"),
        str(folder / "nan.wav"),
        write("silent.wav", 0.0, 0.5),
        str(folder / "text.wav"),
        write("good2.wav", -0.5, 0.5),
    ]


def test_bad_recordings_are_reported_and_left_out(level_scorer: Make, write_level: Write, tmp_path: Path) -> None:
    recordings = find_recordings(bad_recordings(write_level, tmp_path))
    told: dict[str, str] = {}
    done: list[int] = []
    found = list(
        predict(
            level_scorer(),
            recordings,
            on_bad=lambda recording, error: told.update({Path(recording.file).name: str(error)}),
            on_done=done.append,
        )
    )
    assert [Path(prediction.file).name for prediction in found] == ["good1.wav", "silent.wav", "good2.wav"]
    assert set(told) == {"short.wav", "missing.wav", "nan.wav", "text.wav"}
    assert "short.wav from 0 to 0.005 s is too short for this model (got 80 samples at 16000 Hz)" in told["short.wav"]
    assert "is not a file" in told["missing.wav"]
    assert "NaN" in told["nan.wav"]
    assert done[-1] == 7


@pytest.mark.parametrize("position", [1, 2, 3, 5])
def test_a_bad_recording_is_an_error(level_scorer: Make, write_level: Write, tmp_path: Path, position: int) -> None:
    names = bad_recordings(write_level, tmp_path)
    with pytest.raises(DataError, match=Path(names[position]).name):
        list(predict(level_scorer(), find_recordings([names[0], names[position], names[-1]])))


def test_a_score_that_is_no_number(level_scorer: Make, write_level: Write) -> None:
    class Broken(type(level_scorer())):  # type: ignore[misc]
        def __call__(self, clips: Any) -> Scores:
            scores = super().__call__(clips)
            scores.attributes[scores.attributes > 4] = np.nan
            return scores

    recordings = find_recordings([write_level("low.wav", 0.1, 0.5), write_level("high.wav", 0.9, 0.5)])
    with pytest.raises(DataError, match=r"high\.wav from 0 to 0\.5 s a score that is no number"):
        list(predict(Broken(), recordings))
    left_out: list[str] = []
    found = list(predict(Broken(), recordings, on_bad=lambda recording, _: left_out.append(recording.file)))
    assert [prediction.file for prediction in found] == [recordings[0].file]
    assert left_out == [recordings[1].file]


def test_one_bad_window_takes_its_recording_along(level_scorer: Make, write_level: Write) -> None:
    """A recording is in the output whole or not at all; here a window's worth of samples is too short."""
    recordings = find_recordings([write_level("a.wav", 0.5, 1.0)])
    windows = Windows(seconds=0.005, hop_seconds=0.005)
    left_out: list[str] = []
    found = predict(
        level_scorer(), recordings, windows=windows, on_bad=lambda recording, _: left_out.append(recording.file)
    )
    assert list(found) == []
    assert left_out == [recordings[0].file]
