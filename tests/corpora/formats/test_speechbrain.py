import json
from pathlib import Path
from typing import Any

import pytest

from affekt.corpora import Corpus
from affekt.corpora.formats.speechbrain import read, write
from affekt.errors import DataError


def put(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_what_recipes_write_is_read(recordings: Path, tmp_path: Path) -> None:
    put(tmp_path / "train.json", {"u1": {"wav": "{data_root}/a.wav", "length": 1.0, "emo": "hap", "spk_id": "Ses01"}})
    wav = {"file": "{data_root}/b/c.flac", "start": 4410, "stop": 22050}
    put(tmp_path / "valid.json", {"u2": {"wav": wav, "length": 0.4, "emo": "sad"}})
    corpus = read(tmp_path, audio_root=recordings)
    columns = ["utterance", "file", "start", "end", "speaker", "emotion", "split", "duration"]
    assert corpus.table.select(columns).rows() == [
        ("u1", "a.wav", None, None, "Ses01", "hap", "train", 1.0),
        ("u2", "b/c.flac", 0.1, 0.5, None, "sad", "dev", 0.4),
    ]
    assert len(corpus.load(1)) == 6400


def test_the_manifests_are_those_of_recipes(corpus: Corpus, tmp_path: Path) -> None:
    done = write(corpus, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["test.json", "train.json"]
    manifest = json.loads((tmp_path / "out" / "train.json").read_text(encoding="utf-8"))
    assert manifest["u1"]["wav"] == {"file": "{data_root}/a.wav", "start": 0, "stop": 8000}
    assert manifest["u2"]["wav"] == {"file": "{data_root}/a.wav", "start": 8000, "stop": 16000}
    assert (manifest["u1"]["length"], manifest["u1"]["emo"], manifest["u1"]["speaker"]) == (0.5, "joy", "03")
    assert json.loads((tmp_path / "out" / "test.json").read_text())["u3"]["wav"] == "{data_root}/b/c.flac"
    assert f"data_root is {corpus.root.resolve()}: give it to the recipe" in done.notes


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({}, "holds no utterance"),
        ([], "is no object of utterances"),
        ({"u": 3}, "'u' in .* is int; an object with the key 'wav' was expected"),
        ({"u": {"length": 1.0}}, "'u' in .* names no audio file"),
        ({"u": {"wav": ["a.wav"]}}, "'u' in .* names no audio file"),
        ({"u": {"wav": "a.wav", "speaker": True}}, "'speaker' at 'u' in .* is true; text was expected"),
        ({"u": {"wav": "a.wav", "length": "1"}}, "'duration' at 'u' in .* a number was expected"),
        ({"u": {"wav": {"file": "a.wav", "start": 0.5, "stop": 2}}}, "is not in samples"),
        ({"u": {"wav": {"file": "a.wav", "start": 0}, "sample_rate": "x"}}, "'sample_rate' of .* is 'x'"),
        ({"u": {"wav": {"file": "gone.wav", "start": 0, "stop": 2}}}, "gone.wav"),
        ({"u": {"wav": "a.wav", "start": 2.0, "end": 1.0}}, "has an impossible segment"),
    ],
)
def test_damage(manifest: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(put(tmp_path / "x.json", manifest))


def test_cut_short_or_the_same_id_twice(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"u": {"wav": "a.wav"', encoding="utf-8")
    with pytest.raises(DataError, match=r"x\.json is not valid JSON"):
        read(path)
    path.write_text('{"u": {"wav": "a.wav"}, "u": {"wav": "b.wav"}}', encoding="utf-8")
    with pytest.raises(DataError, match="has the key 'u' twice"):
        read(path)
    put(path, {"u": {"wav": "a.wav"}})
    put(tmp_path / "y.json", {"u": {"wav": "a.wav"}})
    with pytest.raises(DataError, match=r"'u' is there twice \('u' in .*x\.json and 'u' in .*y\.json\)"):
        read(tmp_path)
