"""Audiofolders and Parquet files, with the datasets library as the other side; nothing is downloaded or decoded."""

import os
import sys
import types
from pathlib import Path
from typing import Any

import polars as pl
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

import datasets

from affekt.corpora import Corpus
from affekt.corpora.formats.huggingface import read, write
from affekt.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore")  # what datasets, fsspec and pandas warn each other of


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """datasets imports torchcodec before it notes the path of a recording, and then does not use it."""
    module, encoders = types.ModuleType("torchcodec"), types.ModuleType("torchcodec.encoders")
    encoders.AudioEncoder = None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchcodec", module)
    monkeypatch.setitem(sys.modules, "torchcodec.encoders", encoders)


def load(folder: Path, cache: Path) -> Any:
    loaded = datasets.load_dataset("audiofolder", data_dir=str(folder), cache_dir=str(cache))
    return loaded.cast_column("audio", datasets.Audio(decode=False))


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_datasets_opens_what_is_written(kind: str, encoder: None, whole: Corpus, tmp_path: Path) -> None:
    if kind == "jsonl":  # there, datasets wants every side to know the same
        whole = Corpus(name="x", root=whole.root, table=whole.table.drop("age").with_columns(take=pl.lit("2020-01-01")))
    write(whole, tmp_path / "out", copy_audio=True, file_format=kind)
    loaded = load(tmp_path / "out", tmp_path / "cache")
    assert sorted(loaded) == ["test", "train"]
    (train,) = loaded["train"]
    assert (train["utterance"], train["speaker"], train["emotion"]) == ("u1", "03", "joy")
    assert Path(train["audio"]["path"]).read_bytes() == (whole.root / "a.wav").read_bytes()
    (test,) = loaded["test"]
    assert str(test["take"])[:10] == "2020-01-01"
    if kind == "parquet":  # JSON lines become a date there
        assert test["take"] == "2020-01-01"


def test_an_audiofolder_holds_its_recordings(whole: Corpus, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"an audiofolder holds its recordings.*--copy-audio"):
        write(whole, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_a_side_does_not_know_is_noted(whole: Corpus, tmp_path: Path) -> None:
    done = write(whole, tmp_path / "out", copy_audio=True, file_format="jsonl")
    assert "test knows no age: datasets asks for the same columns; use parquet" in done.notes


@pytest.fixture
def saved(recordings: Path, tmp_path: Path) -> Path:
    """A data set with its audio inside, as the hub has them."""
    content = (recordings / "a.wav").read_bytes()
    rows = {
        "audio": [
            {"bytes": content, "path": "a.wav"},
            {"bytes": content, "path": None},
            {"bytes": content, "path": "a.wav"},
        ],
        "label": [1, 0, -1],
        "speaker": ["03", "4", None],
        "words": [["so"], [], ["é"]],
    }
    made = datasets.Dataset.from_dict(rows)
    made = made.cast_column("audio", datasets.Audio(decode=False))
    made = made.cast_column("label", datasets.ClassLabel(names=["joy", "anger"]))
    (tmp_path / "data").mkdir()
    made.to_parquet(str(tmp_path / "data" / "validation-00000-of-00001.parquet"))
    return tmp_path


def test_parquet_with_audio_inside(saved: Path, recordings: Path, tmp_path: Path) -> None:
    corpus = read(saved, audio_folder=tmp_path / "audio")
    assert corpus.classes == ("joy", "anger")
    columns = ["file", "utterance", "emotion", "speaker", "split", "words"]
    third = "validation-00000-of-00001-000003"
    second = "validation-00000-of-00001-000002"
    assert corpus.table.select(columns).rows() == [
        ("a.wav", "a", "anger", "03", "dev", '["so"]'),
        (f"{second}.wav", second, "joy", "4", "dev", "[]"),
        (f"{third}.wav", third, None, None, "dev", '["é"]'),
    ]
    assert corpus.path(1).read_bytes() == (recordings / "a.wav").read_bytes()
    assert len(corpus.load(2)) == 16000


def test_audio_inside_is_written_only_if_asked(saved: Path) -> None:
    before = sorted(saved.rglob("*"))
    with pytest.raises(DataError, match=r"holds the recordings themselves.*--copy-audio"):
        read(saved)
    assert sorted(saved.rglob("*")) == before


def test_class_names_in_a_readme(tmp_path: Path) -> None:
    audio = [{"bytes": None, "path": "a.wav"}, {"bytes": None, "path": "b.wav"}]
    kind = pl.Struct({"bytes": pl.Binary, "path": pl.String})
    pl.DataFrame({"audio": pl.Series(audio, dtype=kind), "label": [0, 1]}).write_parquet(tmp_path / "train-0.parquet")
    assert read(tmp_path).emotions == ["0", "1"]
    (tmp_path / "README.md").write_text(
        "---\ndataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n        names:\n"
        "          '0': joy\n          '1': anger\n---\n# About\n",
        encoding="utf-8",
    )
    corpus = read(tmp_path)
    assert corpus.emotions == ["joy", "anger"]
    assert corpus.table["split"].to_list() == ["train", "train"]


def test_metadata_of_other_people(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "metadata.csv").write_text(
        "file_name,label,transcription\nx/a.wav,joy,hello\n", encoding="utf-8"
    )
    (row,) = read(tmp_path).table.to_dicts()
    assert (row["file"], row["utterance"], row["emotion"]) == ("test/x/a.wav", "test/x/a", "joy")
    assert (row["text"], row["split"]) == ("hello", "test")
    assert read(tmp_path / "test" / "metadata.csv").table["file"].to_list() == ["x/a.wav"]


def test_folders_named_after_emotions(tmp_path: Path) -> None:
    for file in ("train/joy/a.wav", "train/anger/b.flac", "test/joy/c.wav"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    corpus = read(tmp_path)
    assert corpus.table.select("file", "emotion", "split").rows() == [
        ("test/joy/c.wav", "joy", "test"),
        ("train/anger/b.flac", "anger", "train"),
        ("train/joy/a.wav", "joy", "train"),
    ]
    (tmp_path / "d.wav").touch()
    with pytest.raises(DataError, match=r"d\.wav is in no folder of an emotion and there is no metadata file"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("metadata.jsonl", "", "holds no utterance"),
        ("metadata.jsonl", '{"file_name": "a.wav"}\n{"file_na', r"metadata\.jsonl:2 is not valid JSON"),
        ("metadata.jsonl", '{"file": "a.wav"}\n', "has no 'file_name'"),
        ("metadata.jsonl", '{"file_name": null}\n', "names no audio file"),
        ("metadata.jsonl", '{"file_name": "a.wav", "age": "old"}\n', "'age' at .* a number was expected"),
        (
            "metadata.jsonl",
            '{"file_name": "a.wav", "utterance": "u"}\n{"file_name": "b.wav", "utterance": "u"}\n',
            "twice",
        ),
        ("metadata.csv", "", "is empty"),
        ("metadata.csv", "name\na.wav\n", "has no 'file_name'"),
        ("metadata.csv", "file_name,ratings\na.wav,3\n", "'ratings' in .* is text"),
        ("metadata.parquet", "no parquet", "cannot be read as parquet"),
        ("train.parquet", "no parquet", "cannot be read as parquet"),
        ("data.arrow", "x", "was saved with save_to_disk"),
        ("notes.txt", "x", "holds no utterance"),
    ],
)
def test_damage(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read(tmp_path)


def test_parquet_that_does_not_fit(tmp_path: Path, recordings: Path) -> None:
    path = tmp_path / "x.parquet"
    kind = pl.Struct({"bytes": pl.Binary, "path": pl.String})
    pl.DataFrame({"sound": ["a.wav"]}).write_parquet(path)
    with pytest.raises(DataError, match=r"has no column of audio \(found: sound\)"):
        read(path)
    audio = pl.Series("audio", [{"bytes": b"no audio", "path": None}], dtype=kind)
    pl.DataFrame([audio]).write_parquet(path)
    with pytest.raises(DataError, match="is no wav, flac, ogg or mp3"):
        read(path, audio_folder=tmp_path / "audio")
    assert not (tmp_path / "audio").exists()
    pl.DataFrame([audio, pl.Series("image", [b"x"])]).write_parquet(path)
    with pytest.raises(DataError, match=r"column 'image' of .* holds bytes"):
        read(path, audio_folder=tmp_path / "audio")
    with pytest.raises(DataError, match=r"is no metadata file or \.parquet file"):
        read(recordings / "a.wav")
