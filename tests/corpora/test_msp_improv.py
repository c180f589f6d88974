"""Small evaluation files in the format of MSP-IMPROV."""

from pathlib import Path

import pytest

from affekt.corpora import consensus
from affekt.corpora.msp_improv import read
from affekt.errors import DataError

EVALUATION = """\
UTD-IMPROV-S01A-F01-P-FM01.avi; A; A:1.800000; V:4.200000; D:2.000000 ; N:4.600000;
HIT-01_a; Angry; Angry,Frustrated; A:2.000000; V:4.000000; D:2.000000; N:5.000000;
HIT-01_b; Angry; Angry; A:1.600000; V:4.400000; D:2.000000; N:4.200000;
HIT-01_b; Angry; Angry; A:1.600000; V:4.400000; D:2.000000; N:4.200000;
HIT-01_c; Other (tense, I think); Other (tense, I think),Depressed; A:NaN; V:4.000000; D:2.000000; N:5.000000;

UTD-IMPROV-S20N-M06-T-MF03.avi; X; A:3.000000; V:3.000000; D:NaN ; N:3.000000;
HIT-02_a; Sad; Sad; A:3.000000; V:3.000000; D:NaN; N:3.000000;
HIT-02_b; Happy; Happy,Surprised; A:3.000000; V:3.000000; D:NaN; N:3.000000;
"""


def release(root: Path, text: str = EVALUATION, name: str = "Evalution.txt") -> Path:
    audio = root / "Audio" / "session1" / "S01A" / "P" / "MSP-IMPROV-S01A-F01-P-FM01.wav"
    audio.parent.mkdir(parents=True)
    audio.touch()
    (root / name).write_text(text, encoding="utf-8")
    return root


def test_what_the_file_says(tmp_path: Path) -> None:
    corpus = read(release(tmp_path))
    row = {k: v for k, v in corpus.table.row(0, named=True).items() if v is not None}
    assert row == {
        "utterance": "MSP-IMPROV-S01A-F01-P-FM01", "file": "Audio/session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav",
        "speaker": "F01", "sex": "f", "language": "en", "emotion": "anger", "arousal": 1.8, "valence": 4.2,
        "dominance": 2.0, "naturalness": 4.6, "session": "1", "sentence": "01", "intended": "anger", "kind": "P",
    }  # fmt: skip
    second = corpus.table.row(1, named=True)
    assert second["file"] == "session6/S20N/T/MSP-IMPROV-S20N-M06-T-MF03.wav"
    assert (second["emotion"], second["dominance"], second["intended"]) == (None, None, "neutral")
    assert (corpus.classes, corpus.scale) == (("anger", "sadness", "neutral", "happiness"), (1.0, 5.0))


def test_ratings(tmp_path: Path) -> None:
    corpus = read(release(tmp_path, name="Evaluation.txt"))
    assert corpus.ratings is not None
    assert corpus.ratings.select("rater", "emotion", "secondary", "arousal", "naturalness", "other").rows() == [
        ("HIT-01_a", "anger", "anger;frustration", 2.0, 5.0, None),
        ("HIT-01_b", "anger", "anger", 1.6, 4.2, None),  # written twice in the file
        ("HIT-01_c", "other", "other;depression", None, 5.0, "tense, I think"),
        ("HIT-02_a", "sadness", "sadness", 3.0, 3.0, None),
        ("HIT-02_b", "happiness", "happiness;surprise", 3.0, 3.0, None),
    ]
    assert consensus(corpus).emotion == ("anger", None)
    assert read(tmp_path / "Evaluation.txt").digest == corpus.digest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (EVALUATION.replace("; X;", "; Z;"), "line 7 of .* has the unknown emotion code 'Z'; one of A, S, N, H, O, X"),
        (EVALUATION.replace("Sad; Sad", "Sed; Sad"), "line 8 of .* has the unknown emotion 'Sed'; did you mean 'Sad'"),
        (EVALUATION.replace("S20N-M06", "S20N-M07"), "line 7 of .* is about 'UTD-IMPROV-S20N-M07.*a name such as"),
        (EVALUATION.replace("A:1.600000", "A:6.0"), "line 3 of .* has the arousal '6.0'; a number from 1 to 5"),
        (EVALUATION.replace(" ; N:4.600000", ""), "line 1 of .*'FILE; CODE; A:x; V:x; D:x; N:x;' was expected"),
        (EVALUATION[:-14], "line 9 of .* was expected; the file may be cut short"),
        (EVALUATION.split("\n", 1)[1], "line 1 of .* is a rating before any turn"),
        (EVALUATION + EVALUATION, "line 10 of .* lists 'UTD-IMPROV-S01A-F01-P-FM01.avi' again"),
        ("", "is empty"),
    ],
)
def test_damaged_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(release(tmp_path, text))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no Evaluation.txt"):
        read(tmp_path)
    with pytest.raises(DataError, match="there is no label file"):
        read(tmp_path / "Evaluation.txt")
