"""Small label files in the formats of MSP-Podcast, and the real ones of WHiSER."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from affekt.corpora import consensus, mean_attributes, msp_podcast
from affekt.corpora.msp_podcast import CLASSES, read
from affekt.errors import DataError

ONE, TWO = "MSP-PODCAST_0001_0008.wav", "MSP-PODCAST_0002_0033.wav"

TEXT = f"""\
{ONE}; H; A:5.500000; V:6.000000; D:4.000000;
WORKER00000001; Happy; Happy,Excited; A:6.000000; V:6.000000; D:4.000000;
WORKER00000002; Other-Proud; Other-Proud, and a bit loud,Amused; A:5.000000; V:6.000000; D:4.000000;

{TWO}; X; A:2.000000; V:3.000000; D:4.000000;
WORKER00000001; Sad; Sad; A:2.000000; V:3.000000; D:4.000000;
WORKER00000003; Angry; ; A:2.000000; V:3.000000; D:NaN;

"""

CONSENSUS = f"""\
FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set
{ONE},H,5.5,6.0,4.0,127,Female,Train
{TWO},X,2.0,3.0,4.0,Unknown,Unknown,Test1
"""

DETAIL = f"""\
FileName,EmoDetail
{ONE},"WORKER00000001; Happy; Happy,Excited; A:6.000000; V:6.000000; D:4.000000;"
{ONE},"WORKER00000002; Other-Proud; Other-Proud, and a bit loud,Amused; A:5.000000; V:6.000000; D:4.000000;"
{TWO},WORKER00000001; Sad; Sad; A:2.000000; V:3.000000; D:4.000000;
{TWO},WORKER00000003; Angry; ; A:2.000000; V:3.000000; D:NaN;
"""

COLUMNS = f"""\
FileName,WorkerID,EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom
{ONE},WORKER00000001,Happy,"Happy,Excited",6,6,4
{ONE},WORKER00000002,Other-Proud,"Other-Proud, and a bit loud,Amused",5,6,4
{TWO},WORKER00000001,Sad,Sad,2,3,4
{TWO},WORKER00000003,Angry,,2,3,NaN
"""


def twin_of_consensus() -> str:
    entries = {}
    for line in CONSENSUS.splitlines()[1:]:
        name, *cells = line.split(",")
        keys = ("EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set")
        entries[name] = dict(zip(keys, cells, strict=True)) | {"EmoAct": float(cells[1])}
    return json.dumps(entries)


def twin_of_detail(*, listed: bool) -> str:
    entries: dict[str, dict[str, object]] = {}
    rows = pl.read_csv(COLUMNS.encode(), infer_schema=False).rows(named=True)
    for row in rows:
        answers = {key: value or "" for key, value in row.items() if key.startswith("Emo")}
        entries.setdefault(row["FileName"], {})[row["WorkerID"]] = answers
    if listed:
        return json.dumps(
            {name: {"Workers": [{"Name": k, **v} for k, v in who.items()]} for name, who in entries.items()}  # type: ignore[dict-item]
        )
    return json.dumps(entries)


def release(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_what_the_files_say(tmp_path: Path) -> None:
    files = {"Labels/labels_consensus.csv": CONSENSUS, "Labels/labels_detailed.csv": DETAIL}
    files |= {"Transcripts/MSP-PODCAST_0001_0008.txt": " Oh how nice. \n", f"Audios/{ONE}": ""}
    corpus = read(release(tmp_path, files))
    assert (
        corpus.classes
        == CLASSES
        == ("anger", "sadness", "happiness", "surprise", "fear", "disgust", "contempt", "neutral")
    )
    assert (corpus.name, corpus.scale) == ("msp-podcast", (1.0, 7.0))
    first, second = ({k: v for k, v in row.items() if v is not None} for row in corpus.table.iter_rows(named=True))
    assert first == {
        "utterance": "MSP-PODCAST_0001_0008", "file": f"Audios/{ONE}", "speaker": "127", "sex": "f", "language": "en",
        "text": "Oh how nice.", "emotion": "happiness", "arousal": 5.5, "valence": 6.0, "dominance": 4.0,
        "split": "train",
    }  # fmt: skip
    assert second["split"] == "test1"
    assert not {"emotion", "speaker", "sex", "text"} & set(second)
    assert corpus.path(0) == tmp_path / "Audios" / ONE
    assert corpus.ratings is not None
    assert corpus.ratings.rows() == [
        ("MSP-PODCAST_0001_0008", "WORKER00000001", "happiness", "happiness;excitement", 6.0, 6.0, 4.0, None, None),
        ("MSP-PODCAST_0001_0008", "WORKER00000002", "other", "other;amusement", 5.0, 6.0, 4.0, "Proud",
         "Proud, and a bit loud"),
        ("MSP-PODCAST_0002_0033", "WORKER00000001", "sadness", "sadness", 2.0, 3.0, 4.0, None, None),
        ("MSP-PODCAST_0002_0033", "WORKER00000003", "anger", None, 2.0, 3.0, None, None, None),
    ]  # fmt: skip


@pytest.mark.parametrize("rated", ["text", "detail", "columns", "json", "listed"])
@pytest.mark.parametrize("agreed", ["csv", "json"])
def test_every_format_says_the_same(tmp_path: Path, rated: str, agreed: str) -> None:
    wanted = read(release(tmp_path / "a", {"labels_consensus.csv": CONSENSUS, "labels_detailed.csv": DETAIL}))
    files = {"labels_consensus.csv": CONSENSUS} if agreed == "csv" else {"labels_consensus.json": twin_of_consensus()}
    files |= {
        "text": {"labels.txt": TEXT},
        "detail": {"labels_detailed.csv": DETAIL},
        "columns": {"labels_detailed.csv": COLUMNS.replace("WorkerID", "Worker(s)")},
        "json": {"labels_detailed.json": twin_of_detail(listed=False)},
        "listed": {"labels_detailed.json": twin_of_detail(listed=True)},
    }[rated]
    found = read(release(tmp_path / "b", files))
    assert found.digest == wanted.digest
    assert found.ratings is not None
    assert found.ratings.equals(wanted.ratings)


def test_one_file_alone(tmp_path: Path) -> None:
    release(tmp_path, {"labels.txt": TEXT, "labels_detailed.csv": DETAIL, "labels_consensus.csv": CONSENSUS})
    text = read(tmp_path / "labels.txt")
    assert text.emotions == ["happiness", None]
    assert text.ratings is not None
    assert text.ratings.equals(read(tmp_path / "labels_detailed.csv").ratings)
    assert read(tmp_path / "labels_detailed.csv").emotions == [None, None]
    assert read(tmp_path / "labels_consensus.csv").ratings is None


def test_partition_and_speakers(tmp_path: Path) -> None:
    files = {
        "Labels/labels.txt": TEXT,
        "Partitions.txt": f"Train; {ONE}\nTest2; {TWO}\nTest3; MSP-PODCAST_9999_0001.wav\n",
        "Speaker_ids.txt": f"127; Female;\n{ONE}; 127\n{TWO}; Unknown\n",
    }
    table = read(release(tmp_path, files)).table
    assert table["split"].to_list() == ["train", "test2"]
    assert table["speaker"].to_list() == ["127", None]
    assert table["sex"].to_list() == ["f", None]


def test_other_corpora_in_the_format_keep_their_own_name(tmp_path: Path) -> None:
    corpus = read(release(tmp_path / "ours", {"labels.txt": TEXT.replace("MSP-PODCAST", "CLIP")}))
    assert (corpus.name, corpus.source, corpus.licence) == ("ours", "", "")
    assert corpus.table["language"].null_count() == 2


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("labels.txt", TEXT.replace("Happy; Happy", "Hapy; Happy"),
         r"line 2 of .*labels.txt has the unknown emotion 'Hapy'; did you mean 'Happy'"),
        ("labels.txt", TEXT.replace("; H; A", "; Q; A"), "line 1 of .* has the unknown emotion code 'Q'; one of A, S"),
        ("labels.txt", TEXT[: TEXT.index("D:4.000000;\nWORKER00000003")], "line 6 of .* the file may be cut short"),
        ("labels.txt", TEXT.replace("A:6.000000", "A:9"), "line 2 of .* has the arousal '9'; a number from 1 to 7"),
        ("labels.txt", TEXT.replace("A:6.000000", "A:six"), "line 2 of .* has the arousal 'six'"),
        ("labels.txt", TEXT.replace("A:6.000000", "V:6.000000"), r"line 2 of .*'A:x; V:x; D:x;' was expected"),
        ("labels.txt", TEXT.split("\n", 1)[1], "line 1 of .* is a rating before any recording"),
        ("labels.txt", TEXT + TEXT, "line 9 of .* for the second time"),
        ("labels.txt", TEXT.replace("Happy; Happy", "Happy,Sad; Happy"), "line 2 of .* names 2 primary emotions"),
        ("labels.txt", "\n\n", "labels.txt is empty"),
        ("labels_consensus.csv", CONSENSUS.replace("EmoVal", "Valence"), "has no column 'EmoVal' .found: FileName"),
        ("labels_consensus.csv", CONSENSUS.replace("Train", "Trial"), "line 2 of .* has the split 'Trial'; one of"),
        ("labels_consensus.csv", CONSENSUS.replace("Female", "Woman"), "line 2 of .* has the gender 'Woman'"),
        ("labels_consensus.csv", CONSENSUS[:-20], "line 3 of .* has 6 cells; 8 were expected"),
        ("labels_consensus.csv", CONSENSUS.splitlines()[0] + "\n", "has no rows"),
        ("labels_consensus.csv", "", "has no column 'FileName' .found: nothing"),
        ("labels_detailed.csv", DETAIL.replace("EmoDetail", "Details"), "line 2 of .* has no EmoClass_Major"),
        ("labels_detailed.csv", COLUMNS.replace("WorkerID", "Id"), "line 2 of .* has no worker"),
        ("labels_consensus.json", twin_of_consensus()[:-30], "is not valid JSON"),
        ("labels_consensus.json", "[]", "holds no labels"),
        ("labels_consensus.json", '{"a.wav": {"EmoClass": "N"}}', "'a.wav' in .* has no EmoAct"),
        ("labels_detailed.json", '{"a.wav": {"W": 3}}', "'a.wav' in .* has no worker with answers"),
        ("labels_detailed.json", '{"a.wav": 3}', "'a.wav' in .* is '3'; an object was expected"),
    ],
)  # fmt: skip
def test_damaged_files(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(release(tmp_path, {name: text}))


def test_files_that_do_not_fit_together(tmp_path: Path) -> None:
    half = "\n".join(CONSENSUS.splitlines()[:2]) + "\n"
    release(tmp_path, {"labels_consensus.csv": half, "labels_detailed.csv": DETAIL})
    with pytest.raises(DataError, match=r"line 4 of .*labels_detailed.csv rates 'MSP-PODCAST_0002_0033.wav', which"):
        read(tmp_path)
    release(tmp_path, {"labels_consensus.csv": CONSENSUS, "Partition.txt": f"Training; {ONE}\n"})
    with pytest.raises(DataError, match=r"line 1 of .*Partition.txt is 'Training; .*'; 'Train; FILE' was expected"):
        read(tmp_path)
    with pytest.raises(DataError, match="holds no labels"):
        read(release(tmp_path / "empty", {"notes.md": ""}))
    with pytest.raises(DataError, match="there is nothing at"):
        read(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is no label file"):
        read(tmp_path / "empty" / "notes.md")


@pytest.mark.data
def test_whiser(data_root: Callable[[str], Path]) -> None:
    """All formats give the same ratings, which are those of the tidy table; and our consensus is the published one."""
    folder = data_root("raters/whiser")
    corpus = read(folder)
    assert corpus.ratings is not None
    assert (len(corpus), corpus.ratings.height, corpus.ratings["rater"].n_unique()) == (5427, 27156, 33)
    labels = folder / "Labels"
    text = read(labels / "labels.txt")
    assert text.ratings is not None
    assert corpus.ratings.equals(text.ratings)
    assert corpus.ratings.equals(read(labels / "labels_detailed.csv").ratings)
    table = read(labels / "labels_consensus.json").table
    assert table.equals(read(labels / "labels_consensus.csv").table)
    same = ["utterance", "emotion", "arousal", "valence", "dominance"]
    assert table.select(same).equals(text.table.select(same))
    tidy = pl.read_csv(folder / "ratings_tidy.csv", infer_schema=False)
    assert tidy["worker"].to_list() == corpus.ratings["rater"].to_list()
    assert tidy["file"].str.strip_suffix(".wav").to_list() == corpus.ratings["utterance"].to_list()
    for name in ("arousal", "valence", "dominance"):
        assert tidy[name].cast(pl.Float64).to_list() == corpus.ratings[name].to_list()
    words = tidy["primary"].str.replace("-.*", "").to_list()
    assert [msp_podcast.CODES[{"Surprise": "U"}.get(word, word[0])] for word in words] == corpus.ratings[
        "emotion"
    ].to_list()
    assert tidy["secondary"].str.count_matches(",").to_list() == (
        corpus.ratings["secondary"].str.count_matches(";").to_list()
    )
    assert list(consensus(corpus).emotion) == corpus.emotions
    published = corpus.table.select("arousal", "valence", "dominance").to_numpy()
    assert abs(mean_attributes(corpus) - published).max() < 1e-6
