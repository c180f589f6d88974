"""Small evaluation files in the format of IEMOCAP."""

from pathlib import Path

import pytest

from affekt.corpora import consensus
from affekt.corpora.iemocap import CLASSES, read
from affekt.errors import DataError

EVALUATION = """\
% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral;\t()
C-E4:\tAnger; Frustration;\t(mildly aggravated)
C-F1:\tNeutral;\t(curious)
A-E3:\tval 3; act 2; dom  2;\t()
A-E4:\tval 2; act 3; dom  3;\t(staying polite, attitude)
A-F1:\tval 3; act 2; dom  1;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M000\txxx\t[3.0000, 2.0000, 0.5000]
C-E2:\tExcited;\t()
C-E3:\tOther;\t(impatience (slight))
A-E3:\tval 3; act 2; dom  ;\t()
A-E4:\tval 3; act 2; dom  0;\t()
A-E5:\tval 3; act 2; dom  4;\t()

"""


def release(root: Path, text: str = EVALUATION, *, encoding: str = "utf-8") -> Path:
    folder = root / "Session1" / "dialog" / "EmoEvaluation"
    (folder / "Attribute").mkdir(parents=True)
    (folder / "Ses01F_impro01.txt").write_text(text, encoding=encoding)
    (folder / "._Ses01F_impro01.txt").write_bytes(b"\xff\xfe")
    (folder / "Attribute" / "Ses01F_impro01_e3_atr.txt").write_text("another format", encoding="utf-8")
    words = folder.parent / "transcriptions"
    words.mkdir()
    (words / "Ses01F_impro01.txt").write_text(
        "Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.\nM: [LAUGHTER]\n", encoding="utf-8"
    )
    return root


def test_what_the_files_say(tmp_path: Path) -> None:
    corpus = read(release(tmp_path))
    first, second = ({k: v for k, v in row.items() if v is not None} for row in corpus.table.iter_rows(named=True))
    assert first == {
        "utterance": "Ses01F_impro01_F000",
        "file": "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
        "speaker": "01F", "sex": "f", "language": "en", "text": "Excuse me.", "emotion": "neutral",
        "valence": 2.5, "arousal": 2.5, "dominance": 2.5,
        "session": "01", "dialog": "Ses01F_impro01", "scenario": "improvised",
    }  # fmt: skip
    assert (second["speaker"], second["sex"]) == ("01M", "m")
    assert not {"emotion", "text"} & set(second)
    assert second["dominance"] == 4.0  # 0.5 is off the scale: the mean of the answers on it
    assert (corpus.scale, corpus.classes) == ((1.0, 5.0), CLASSES)
    assert set(CLASSES) == {
        "anger", "disgust", "excitement", "fear", "frustration", "happiness", "neutral", "sadness", "surprise",
    }  # fmt: skip


def test_ratings_join_what_one_rater_says_in_two_lines(tmp_path: Path) -> None:
    corpus = read(release(tmp_path))
    assert corpus.ratings is not None
    columns = ["rater", "emotion", "secondary", "arousal", "valence", "dominance", "comment"]
    assert corpus.ratings.select(columns).rows() == [
        ("E2", "neutral", None, None, None, None, None),
        ("E3", "neutral", None, 2.0, 3.0, 2.0, None),
        ("E4", "anger", "frustration", 3.0, 2.0, 3.0, "mildly aggravated; staying polite, attitude"),
        ("E2", "excitement", None, None, None, None, None),
        ("E3", "other", None, 2.0, 3.0, None, "impatience (slight)"),
        ("E4", None, None, 2.0, 3.0, None, None),
        ("E5", None, None, 2.0, 3.0, 4.0, None),
    ]
    assert consensus(corpus).emotion == ("neutral", None)


def test_actors_about_themselves_count_only_if_asked_for(tmp_path: Path) -> None:
    root = release(tmp_path)
    ratings = read(root, self_evaluation=True).ratings
    assert ratings is not None
    assert ratings["rater"].to_list().count("F1") == 1
    assert ratings.height == 8


@pytest.mark.parametrize("inside", [".", "Session1", "Session1/dialog", "Session1/dialog/EmoEvaluation"])
def test_any_folder_above(tmp_path: Path, inside: str) -> None:
    assert len(read(release(tmp_path) / inside)) == 2


def test_comments_in_an_old_encoding(tmp_path: Path) -> None:
    corpus = read(release(tmp_path, EVALUATION.replace("curious", "na\u00efve"), encoding="latin-1"))
    assert len(corpus) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (EVALUATION.replace("\tneu\t", "\tnue\t"), "line 3 of .* has the unknown emotion code 'nue'; did you"),
        (EVALUATION.replace("Excited", "Exited"), "line 13 of .* has the unknown emotion 'Exited'; did you"),
        (EVALUATION.replace("val 3; act 2; dom  2", "val 3; act two; dom  2"), "line 8 of .* has 'act two'; 'val 2'"),
        (EVALUATION.replace("F000", "X000"), "line 3 of .* has the turn 'Ses01F_impro01_X000'; a name such as"),
        (EVALUATION.replace(", 2.5000]", ""), r"line 3 of .* '\[start - end\] TURN emotion \[V, A, D\]' was expected"),
        (EVALUATION + "C-E1 Anger\n", "line 19 of .* is 'C-E1 Anger'; 'C-E1: Anger; ()' was expected"),
        (EVALUATION + EVALUATION, "line 21 of .* has turn Ses01F_impro01_F000 again"),
        ("% nothing\n", "has no turn; lines"),
    ],
)  # fmt: skip
def test_damaged_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message.replace("()", r"\(\)")):
        read(release(tmp_path, text))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no EmoEvaluation/\*.txt"):
        read(tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        read(tmp_path / "nowhere")
