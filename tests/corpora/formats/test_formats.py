"""What every format must do: round trips of random corpora, and refusals that leave nothing behind."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from affekt.corpora import Corpus
from affekt.corpora.formats import FORMATS, Export, speakers_from_ids
from affekt.errors import ConfigError, DataError

Same = Callable[..., None]
few = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)

KINDS = [(name, kind) for name, known in FORMATS.items() for kind in known.file_formats or (None,)]
HEADERS = {"audformat": {"name", "source", "licence", "classes", "synthetic", "scale"}, "emobox": {"name", "classes"}}


def opened(name: str, folder: Path, corpus: Corpus) -> Corpus:
    """An export, read again."""
    source = folder / f"{folder.name}.csv" if name == "nkululeko" else folder
    root = {"audio_root": corpus.root} if name == "speechbrain" else {}
    return FORMATS[name].read(source, **root)


def export(name: str, kind: str | None, corpus: Corpus, folder: Path, **options: Any) -> Export:
    return FORMATS[name].write(corpus, folder, **options, **({} if kind is None else {"file_format": kind}))


def test_the_formats_are_listed_in_order() -> None:
    assert list(FORMATS) == sorted(FORMATS)


@pytest.mark.parametrize(("name", "kind"), KINDS)
@given(data=st.data())
@few
def test_a_round_trip_loses_nothing_that_both_sides_hold(
    name: str, kind: str | None, data: st.DataObject, corpora: Any, same: Same, same_ratings: Same
) -> None:
    whole_files = name in ("emobox", "huggingface")
    corpus = data.draw(corpora(segments=not whole_files))
    text_only = (name, kind) in (("nkululeko", None), ("huggingface", "csv"))
    with tempfile.TemporaryDirectory() as folder:
        copied = name == "huggingface"  # which holds its recordings
        done = export(name, kind, corpus, Path(folder) / "out", copy_audio=copied)
        back = opened(name, Path(folder) / "out", corpus)
        same(back, corpus, measured=name in ("emobox", "speechbrain"), text_only=text_only, audio=copied)
    assert done.utterances == len(corpus)
    if text_only:
        assert back.ratings is None
        assert any("ratings" in note for note in done.notes) == (corpus.ratings is not None)
    else:
        same_ratings(back, corpus)
    emotions = {emotion for emotion in corpus.emotions if emotion is not None}
    for key in ("name", "source", "licence", "classes", "synthetic", "scale"):
        if key in HEADERS.get(name, ()):
            assert getattr(back, key) == getattr(corpus, key), key
        elif key == "classes":
            assert set(back.classes) == emotions
        elif getattr(corpus, key) and key != "name":
            assert any(key in note for note in done.notes), key


@pytest.mark.parametrize(("name", "kind"), KINDS)
@given(data=st.data())
@settings(few, max_examples=6)
def test_copied_or_cut_recordings_sound_the_same(
    name: str, kind: str | None, data: st.DataObject, corpora: Any, same: Same
) -> None:
    corpus = data.draw(corpora(segments=True))
    with tempfile.TemporaryDirectory() as folder:
        export(name, kind, corpus, Path(folder) / "out", copy_audio=True)
        moved = (Path(folder) / "out").rename(Path(folder) / "away") / ""
        source = moved / "out.csv" if name == "nkululeko" else moved
        back = FORMATS[name].read(source)
        text_only = (name, kind) in (("nkululeko", None), ("huggingface", "csv"))
        same(back, corpus, measured=name in ("emobox", "speechbrain"), text_only=text_only, audio=True)
        assert all(not Path(file).is_absolute() for file in back.table["file"])


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_never_writes_over_anything(name: str, whole: Corpus, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="is not empty"):
        FORMATS[name].write(whole, tmp_path / "out", copy_audio=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine.txt"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_recording_that_is_missing_stops_a_copy(name: str, whole: Corpus, tmp_path: Path) -> None:
    gone = Corpus(name="gone", root=tmp_path, table=whole.table)
    with pytest.raises(DataError, match=r"a\.wav"):
        FORMATS[name].write(gone, tmp_path / "out", copy_audio=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_there(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="check"):
        FORMATS[name].read(tmp_path / ("gone.csv" if name == "nkululeko" else "gone"))


@pytest.mark.parametrize("name", ["emobox"])
def test_segments_are_cut_only_if_copying_is_asked_for(name: str, corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'u1' is a part of a.wav and this format refers to whole files.*--copy-audio"):
        FORMATS[name].write(corpus, tmp_path / "out")
    done = FORMATS[name].write(corpus, tmp_path / "out", copy_audio=True)
    assert any("cut into a file of its own" in note for note in done.notes)


@pytest.mark.parametrize("name", FORMATS)
def test_extra_columns_that_no_format_holds_are_named(name: str, whole: Corpus, tmp_path: Path) -> None:
    table = whole.table.with_columns(
        pl.Series("words", [["a"], ["b"]]),
        pl.Series("gender", ["x", "y"]),
        pl.Series("void", [None, None], dtype=pl.String),
    )
    done = FORMATS[name].write(Corpus(name="out", root=whole.root, table=table), tmp_path / "out", copy_audio=True)
    (note,) = [note for note in done.notes if "extra columns" in note]
    assert note.endswith("words (List(String)), gender (the name has a meaning of its own there), void (empty)")


@pytest.mark.parametrize("name", ["audformat", "huggingface"])
def test_a_kind_of_table_that_there_is_not(name: str, whole: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown .* format 'parket'; did you mean 'parquet'"):
        FORMATS[name].write(whole, tmp_path / "out", file_format="parket")
    assert list(tmp_path.iterdir()) == []


def test_speakers_from_ids(whole: Corpus) -> None:
    table = whole.table.with_columns(speaker=pl.Series([None, "7"], dtype=pl.String))
    corpus = Corpus(name="x", root=whole.root, table=table)
    assert speakers_from_ids(corpus, r"u(\d)").table["speaker"].to_list() == ["1", "7"]
    with pytest.raises(DataError, match="finds no speaker in the id 'u1'"):
        speakers_from_ids(corpus, r"u(\d\d)")
    with pytest.raises(ConfigError, match="has no group"):
        speakers_from_ids(corpus, r"u\d")
    with pytest.raises(ConfigError, match="no regular expression"):
        speakers_from_ids(corpus, "(")
