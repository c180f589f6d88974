"""Recordings, random corpora of them, and what it means that two corpora say the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
from hypothesis import strategies as st

from affekt.audio import info
from affekt.corpora import Corpus
from affekt.corpora.table import COLUMNS, RATING_COLUMNS

FILES = {"a.wav": (16000, 1, 1.0), "ä ö/03.wav": (8000, 2, 0.8), "b/c.flac": (44100, 1, 0.6)}
"""File -> rate in Hz, channels, seconds."""

TEXTS = st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32).map(lambda value: value + 0.0)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of :data:`FILES`, each with its own noise."""
    root = tmp_path_factory.mktemp("recordings")
    for seed, (file, (rate, channels, seconds)) in enumerate(FILES.items()):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(seed).uniform(-0.5, 0.5, (round(rate * seconds), channels))
        soundfile.write(root / file, noise, rate, subtype="PCM_16")
    return root


@pytest.fixture(scope="session")
def corpora(recordings: Path) -> Callable[..., st.SearchStrategy[Corpus]]:
    """Random corpora of the recordings: ``corpora(segments=True)``."""

    @st.composite
    def draw(draw: Any, *, segments: bool = True) -> Corpus:
        files = [draw(st.sampled_from(sorted(FILES))) for _ in range(draw(st.integers(1, 4)))]
        seen: set[Any] = set()
        rows = []
        for number, file in enumerate(files):
            length = FILES[file][2]
            start = end = None
            if segments and draw(st.booleans()):
                start = draw(st.none() | st.integers(0, 4000)) if draw(st.booleans()) else 0
                start = None if start is None else start / 16000
                end = draw(st.none() | st.integers(4001, round(length * 16000) - 1))
                end = None if end is None else end / 16000
            if (file, start or 0.0, end) in seen:
                continue
            seen.add((file, start or 0.0, end))
            rows.append({"file": file, "start": start, "end": end, "utterance": f"{number}-{draw(TEXTS)}"})
        count = len(rows)

        def column(values: st.SearchStrategy[Any]) -> list[Any]:
            return draw(st.lists(st.none() | values, min_size=count, max_size=count))

        table: dict[str, Any] = {name: [row[name] for row in rows] for name in ("file", "start", "end", "utterance")}
        table |= {
            "speaker": column(st.sampled_from(["03", "3", "1e5", "ö"]) | TEXTS),
            "sex": column(st.sampled_from(["f", "m", "divers"])),
            "emotion": column(st.sampled_from(["anger", "joy", "no", "Überraschung"])),
            "split": column(st.sampled_from(["train", "dev", "test", "extra"])),
            "age": column(st.floats(0, 120)),
            **{name: column(st.floats(1, 7)) for name in ("arousal", "valence", "dominance")},
            **{name: column(TEXTS) for name in ("language", "text", "intensity", "intent")},
            "take": column(TEXTS),
        }
        frame = pl.DataFrame(
            {name: pl.Series(name, values, dtype=COLUMNS.get(name, pl.String)) for name, values in table.items()}
        )
        frame = frame.with_columns(
            pl.Series("number", column(st.integers(-(2**40), 2**40)), dtype=pl.Int64),
            pl.Series("grade", column(NUMBERS), dtype=pl.Float64),
            pl.Series("ok", column(st.booleans()), dtype=pl.Boolean),
        )
        ratings = None
        if draw(st.booleans()):
            rating = st.fixed_dictionaries(
                {
                    "utterance": st.sampled_from(table["utterance"]),
                    "rater": st.sampled_from(["r1", "02", "ß"]) | st.none(),
                    "emotion": st.none() | st.sampled_from(["anger", "other"]),
                    "secondary": st.none() | st.just("joy;no"),
                    "arousal": st.none() | NUMBERS,
                    "valence": st.none(),
                    "dominance": st.none() | NUMBERS,
                }
            )
            drawn = draw(st.lists(rating, min_size=1, max_size=4))
            ratings = pl.DataFrame(drawn, schema=dict(RATING_COLUMNS))
        emotions = sorted({emotion for emotion in table["emotion"] if emotion is not None})
        return Corpus(
            name=draw(st.sampled_from(["corpus", "ä b"])),
            root=recordings,
            table=frame,
            classes=tuple(draw(st.permutations(emotions))),
            ratings=ratings,
            source=draw(st.sampled_from(["", "where: it is from"])),
            licence=draw(st.sampled_from(["", "CC0-1.0"])),
            synthetic=draw(st.booleans()),
            scale=draw(st.sampled_from([None, (1.0, 7.0)])),
        )

    return draw


def _row(corpus: Corpus, row: int) -> dict[str, Any]:
    """What is known about an utterance, with the two ways to write the edges of a file made one."""
    known = {name: value for name, value in corpus.table.row(row, named=True).items() if value is not None}
    header = info(corpus.path(row))
    start, end = known.pop("start", 0.0), known.pop("end", header.seconds)
    known |= {"start": pytest.approx(start, abs=1e-9), "end": pytest.approx(end, abs=1e-9)}
    known["file"] = corpus.path(row).resolve()
    return known


@pytest.fixture(scope="session")
def same() -> Callable[..., None]:
    """Assert that a corpus that came back says the same: ``same(came_back, corpus, text_only=False, ...)``."""

    def check(
        back: Corpus, corpus: Corpus, *, measured: bool = False, text_only: bool = False, audio: bool = False
    ) -> None:
        rows = {utterance: row for row, utterance in enumerate(back.table["utterance"])}
        assert set(rows) == set(corpus.table["utterance"])
        for row, utterance in enumerate(corpus.table["utterance"]):
            left, right = _row(back, rows[utterance]), _row(corpus, row)
            if measured:
                left.pop("duration")
            if audio:  # copied or cut: the sound is what counts
                assert left.pop("file") != right.pop("file")
                np.testing.assert_array_equal(back.load(rows[utterance]), corpus.load(row))
                for side in (left, right):
                    side.pop("start"), side.pop("end")
            if text_only:
                for name in ("number", "grade", "ok"):
                    if name in right:
                        assert (
                            type(right[name])(eval(left[name].title() if name == "ok" else left[name])) == right[name]
                        )
                        left.pop(name), right.pop(name)
            assert left == right

    return check


@pytest.fixture(scope="session")
def same_ratings() -> Callable[[Corpus, Corpus], None]:
    """Assert that two corpora have the same ratings, in any order."""

    def check(back: Corpus, corpus: Corpus) -> None:
        if corpus.ratings is None:
            assert back.ratings is None
            return
        assert back.ratings is not None
        key = list(RATING_COLUMNS)
        assert back.ratings.select(key).sort(key).equals(corpus.ratings.select(key).sort(key))

    return check


@pytest.fixture
def corpus(recordings: Path) -> Corpus:
    """Three utterances with much that is known."""
    table = pl.DataFrame(
        {
            "file": ["a.wav", "a.wav", "b/c.flac"],
            "utterance": ["u1", "u2", "u3"],
            "start": [None, 0.5, None],
            "end": [0.5, None, None],
            "speaker": ["03", "03", "3"],
            "sex": ["f", "f", "m"],
            "age": [30.0, 30.0, None],
            "emotion": ["joy", None, "anger"],
            "arousal": [1.5, None, 7.0],
            "split": ["train", "train", "test"],
            "take": ["a", None, "2020-01-01"],
        }
    )
    ratings = pl.DataFrame({"utterance": ["u1", "u1"], "rater": ["r1", "r2"], "emotion": ["joy", "anger"]})
    return Corpus(
        name="small",
        root=recordings,
        table=table,
        classes=("joy", "anger"),
        ratings=ratings,
        source="a test",
        licence="CC0-1.0",
        scale=(1.0, 7.0),
    )


@pytest.fixture
def whole(corpus: Corpus) -> Corpus:
    """The same without segments and ratings, and without the second utterance."""
    return Corpus(
        name="small",
        root=corpus.root,
        table=corpus.table[[0, 2]].with_columns(start=None, end=None),
        classes=("joy", "anger"),
    )
