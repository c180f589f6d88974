"""lhotse manifests, with the lhotse library as the other side."""

import json
from pathlib import Path
from typing import Any

import lhotse
import pytest

from affekt.corpora import Corpus
from affekt.corpora.formats.lhotse import read, write
from affekt.errors import DataError

# lhotse warns of what it is not installed with
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def manifests(folder: Path) -> tuple[Any, Any]:
    return (
        lhotse.RecordingSet.from_file(folder / "recordings.jsonl.gz").to_eager(),
        lhotse.SupervisionSet.from_file(folder / "supervisions.jsonl.gz").to_eager(),
    )


def test_lhotse_opens_what_is_written(corpus: Corpus, tmp_path: Path) -> None:
    write(corpus, tmp_path / "out")
    recordings, supervisions = manifests(tmp_path / "out")
    lhotse.validate(recordings)
    lhotse.validate(supervisions)
    assert sorted(recording.duration for recording in recordings) == [0.6, 1.0]
    second = supervisions["u2"]
    assert (second.start, second.end, second.speaker, second.gender) == (0.5, 1.0, "03", "f")
    first = supervisions["u1"]
    assert first.custom["emotion"] == first.emotion == "joy"
    assert first.custom["ratings"] == [{"rater": "r1", "emotion": "joy"}, {"rater": "r2", "emotion": "anger"}]
    cuts = lhotse.CutSet.from_manifests(recordings, supervisions).trim_to_supervisions()
    audio = {cut.supervisions[0].id: cut.load_audio() for cut in cuts}
    assert audio["u1"].shape == (1, 8000)


@pytest.mark.parametrize("trim", [False, True])
def test_what_lhotse_writes_is_read(trim: bool, corpus: Corpus, tmp_path: Path) -> None:
    write(corpus, tmp_path / "out")
    recordings, supervisions = manifests(tmp_path / "out")
    cuts = lhotse.CutSet.from_manifests(recordings, supervisions)
    if trim:
        cuts = cuts.trim_to_supervisions()
    cuts.to_file(tmp_path / "cuts.jsonl.gz")
    for back in (read(tmp_path / "cuts.jsonl.gz"), read(tmp_path / "out")):
        columns = ["utterance", "start", "end", "speaker", "sex", "age", "emotion", "arousal", "split", "take"]
        assert back.table.select(columns).sort("utterance").equals(corpus.table.select(columns).sort("utterance"))
        assert back.ratings is not None
    (tmp_path / "own").mkdir()
    recordings.to_file(tmp_path / "own" / "r.jsonl")
    supervisions.to_file(tmp_path / "own" / "s.jsonl")
    assert len(read(tmp_path / "own")) == 3
    assert read(tmp_path / "own").name == "own"


def test_cuts_without_supervisions_are_utterances(corpus: Corpus, tmp_path: Path) -> None:
    recording = lhotse.Recording.from_file(corpus.root / "a.wav")
    cut = recording.to_cut().truncate(offset=0.25, duration=0.5)
    cut.emotion = "joy"
    lhotse.CutSet.from_cuts([cut]).to_file(tmp_path / "cuts.jsonl")
    (row,) = read(tmp_path / "cuts.jsonl").table.to_dicts()
    assert (row["utterance"], row["start"], row["end"], row["emotion"]) == (cut.id, 0.25, 0.75, "joy")


RECORDING = {
    "id": "r",
    "sources": [{"type": "file", "channels": [0], "source": "a.wav"}],
    "sampling_rate": 8,
    "duration": 1.0,
}
SUPERVISION = {"id": "u", "recording_id": "r", "start": 0.0, "duration": 1.0}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "holds no utterance"),
        ([RECORDING], "holds recordings without supervisions"),
        ([SUPERVISION], r"m\.jsonl:1 is about recording 'r', which no manifest describes"),
        ([{"text": "x"}], r"m\.jsonl:1 is no recording, supervision or cut"),
        ([RECORDING, {**RECORDING, "duration": 2.0}, SUPERVISION], "describes recording 'r' in another way"),
        ([RECORDING, SUPERVISION, SUPERVISION], r"'u' is there twice \(.*:2 and .*:3\)"),
        ([RECORDING, {**SUPERVISION, "start": "0"}], r"'start' of .*:2 is '0'; a number was expected"),
        ([{**RECORDING, "sampling_rate": "x"}, SUPERVISION], "'sampling_rate' of the recording of .* is 'x'"),
        ([RECORDING, {**SUPERVISION, "custom": 3}], "'custom' of .* is int; an object was expected"),
        ([RECORDING, {**SUPERVISION, "speaker": 1.5}], r"'speaker' at .*:2 is 1\.5; text was expected"),
        ([RECORDING, {**SUPERVISION, "custom": {"arousal": "high"}}], "'arousal' at .* a number was expected"),
        ([RECORDING, {**SUPERVISION, "custom": {"ratings": [1]}}], "a list of objects was expected"),
        ([{**RECORDING, "transforms": [{}]}, SUPERVISION], "is transformed when it is loaded"),
        ([{**RECORDING, "sources": []}, SUPERVISION], "has not one source"),
        ([{**RECORDING, "sources": [{"type": "url", "source": "x"}]}, SUPERVISION], "is a url; a file was expected"),
        ([{"id": "c", "type": "MixedCut"}], "is a MixedCut, which is no part of one file"),
        ([{"id": "c", "type": "MonoCut", "start": 0, "duration": 1}], "has no recording; a cut of audio was expected"),
        ([RECORDING, SUPERVISION, {"type": "MonoCut"}], "holds cuts and supervisions"),
    ],
)
def test_damage(lines: list[Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read(tmp_path)
