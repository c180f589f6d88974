"""Small tables of CREMA-D, and the real ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affekt.corpora import consensus, soft_labels, votes
from affekt.corpora.crema_d import EMOTIONS, read
from affekt.errors import ConfigError, DataError

VOTES = """\
"","A","D","F","H","N","S","fileName","numResponses"
"100001",0,1,0,3,6,0,"1001_IEO_HAP_LO",10
"100002",4,0,0,0,4,0,"1002_TIE_NEU_XX",8
"200001",0,0,0,9,1,0,"1001_IEO_HAP_LO",10
"300001",0,0,0,10,0,0,"1001_IEO_HAP_LO",10
"""

ACTORS = """\
"ActorID","Age","Sex","Race","Ethnicity"
1001,51,"Male","Caucasian","Not Hispanic"
"""


def tables(folder: Path, text: str = VOTES, actors: str | None = ACTORS) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "tabulatedVotes.csv").write_text(text, encoding="utf-8")
    if actors is not None:
        (folder / "VideoDemographics.csv").write_text(actors, encoding="utf-8")
    return folder


def test_the_voice_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "AudioWAV").mkdir()
    corpus = read(tables(tmp_path))
    row = {k: v for k, v in corpus.table.row(0, named=True).items() if v is not None}
    assert row == {
        "utterance": "1001_IEO_HAP_LO", "file": "AudioWAV/1001_IEO_HAP_LO.wav", "speaker": "1001", "sex": "m",
        "age": 51.0, "language": "en", "text": "It's eleven o'clock.", "emotion": "happiness", "intensity": "low",
        "sentence": "IEO",
    }  # fmt: skip
    assert corpus.table["sex"].to_list() == ["m", None]
    assert corpus.classes == tuple(EMOTIONS.values())
    assert votes(corpus).tolist() == [[0, 1, 0, 3, 6, 0], [4, 0, 0, 0, 4, 0]]
    assert corpus.ratings is not None
    assert corpus.ratings["rater"].null_count() == 18
    assert consensus(corpus).emotion == ("neutral", None)
    assert soft_labels(corpus)[1] == pytest.approx([0.5, 0, 0, 0, 0.5, 0])


@pytest.mark.parametrize(("modality", "happy"), [("face", 9), ("both", 10)])
def test_other_modalities(tmp_path: Path, modality: str, happy: int) -> None:
    corpus = read(tables(tmp_path / "deep", actors=None).parent, modality=modality)  # type: ignore[arg-type]
    assert votes(corpus)[:, 3].tolist() == [happy]
    assert corpus.source.endswith(f"({modality} votes)")
    assert corpus.table["file"].to_list() == ["1001_IEO_HAP_LO.wav"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (VOTES.replace('"fileName"', '"name"'), "has no column 'fileName'"),
        (VOTES.replace("1001_IEO_HAP_LO", "1001_IEO_JOY_LO"), "line 2 of .* is about '1001_IEO_JOY_LO'; a name such"),
        (VOTES.replace("100001", "400001"), "line 2 of .* has the number '400001'; one that starts with 1, 2 or 3"),
        (VOTES.replace(",0,1,0,3,6", ",0,1,0,x,6"), "line 2 of .* counts 'x' votes for H; a whole number"),
        (VOTES.replace('"300001"', '"200003"'), "line 5 of .* counts the face votes on '1001_IEO_HAP_LO' again"),
        (VOTES[:-25], "line 5 of .* has .* cells; 9 were expected"),
        (VOTES.splitlines()[0] + "\n", "has no rows"),
        ("\n".join(VOTES.splitlines()[i] for i in (0, 3)) + "\n", "has no voice votes"),
    ],
)
def test_damaged_tables(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tables(tmp_path, text))


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 2 of .*VideoDemographics.csv has the sex 'Male' and age 'old'"):
        read(tables(tmp_path, actors=ACTORS.replace("51", "old")))
    with pytest.raises(DataError, match=r"holds no tabulatedVotes.csv"):
        read(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="modality is 'ear'"):
        read(tmp_path, modality="ear")  # type: ignore[arg-type]


@pytest.mark.data
def test_real_votes(data_root: Callable[[str], Path]) -> None:
    """Counts are those of the table, and the modalities rank as the first digit of the number says they should."""
    folder = data_root("raters/crema_d")
    agree = []
    for modality, ratings in (("voice", 68568), ("face", 71654), ("both", 71778)):
        corpus = read(folder, modality=modality)  # type: ignore[arg-type]
        assert corpus.ratings is not None
        assert (len(corpus), len(corpus.speakers), corpus.ratings.height) == (7442, 91, ratings)
        assert corpus.table["sex"].null_count() == 0
        agree.append(np.mean([a == b for a, b in zip(corpus.emotions, consensus(corpus).emotion, strict=True)]))
    assert agree[0] < agree[1] < agree[2]
