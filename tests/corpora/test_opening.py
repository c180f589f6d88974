import os
from pathlib import Path

import pytest

from affekt.corpora import open_corpus, open_recordings
from affekt.errors import DataError

CSV = "file,speaker,emotion\na.wav,03,joy\nb.wav,08,anger\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "utterances.csv").write_text(CSV)
    return folder


def test_a_folder_with_a_table_only(folder: Path) -> None:
    corpus = open_corpus(folder)
    assert (corpus.name, corpus.classes, corpus.ratings) == ("mine", ("anger", "joy"), None)
    assert corpus.path(0) == folder / "a.wav"
    assert open_corpus(str(folder)).digest == corpus.digest


def test_corpus_toml_and_ratings(folder: Path) -> None:
    (folder / "corpus.toml").write_text('name = "n"\nclasses = ["joy", "anger"]\nsynthetic = true\nroot = "wav"\n')
    (folder / "ratings.csv").write_text("utterance,rater,arousal\na,1,0.5\n")
    for source in (folder, folder / "utterances.csv"):
        corpus = open_corpus(source)
        assert (corpus.name, corpus.classes, corpus.synthetic) == ("n", ("joy", "anger"), True)
        assert corpus.path(0) == folder / "wav" / "a.wav"
        assert corpus.ratings is not None
        assert corpus.ratings["arousal"].to_list() == [0.5]


def test_a_bare_csv_is_a_corpus_of_its_own(folder: Path) -> None:
    (folder / "corpus.toml").write_text('name = "n"\nclasses = ["joy", "anger"]\n')
    (folder / "forget.csv").write_text("file\na.wav\n/abs/b.wav\n")
    corpus = open_corpus(folder / "forget.csv")
    assert (corpus.name, corpus.classes, len(corpus)) == ("forget", (), 2)
    assert corpus.path(0) == folder / "a.wav"
    assert corpus.path(1) == Path("/abs/b.wav")


def test_given_classes_win_and_do_not_drop_utterances(folder: Path) -> None:
    corpus = open_corpus(folder, classes=["joy", "calm"])
    assert corpus.classes == ("joy", "calm")
    assert len(corpus) == 2
    with pytest.raises(DataError, match=r"'b' \(row 2 .*unknown emotion 'anger'"):
        corpus.labels()


def test_the_word_builtin() -> None:
    corpus = open_corpus("builtin")
    assert corpus.synthetic
    assert len(corpus) > 0
    classes = tuple(reversed(corpus.classes))
    assert open_corpus("builtin", classes=classes).classes == classes


@pytest.mark.parametrize(
    ("toml", "match"),
    [
        ('licens = "x"', "unknown key 'licens' .* did you mean 'licence'"),
        ("name = 3", "'name' .* str was expected"),
        ('classes = "joy"', "a list of texts was expected"),
        ("classes = [1]", "a list of texts was expected"),
        ('synthetic = "no"', "bool was expected"),
        ("scale = [1]", "a pair of numbers was expected"),
        ('scale = ["1", "7"]', "a pair of numbers was expected"),
        ("name = ", "no valid TOML"),
    ],
)
def test_bad_corpus_toml(folder: Path, toml: str, match: str) -> None:
    (folder / "corpus.toml").write_text(toml)
    with pytest.raises(DataError, match=match):
        open_corpus(folder)


def test_nothing_there(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DataError, match=r"there is no corpus at .*nowhere"):
        open_corpus(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"holds no corpus; .*READERS"):
        open_corpus(tmp_path)
    (folder / "utterances.parquet").touch()
    with pytest.raises(DataError, match=r"utterances.csv and utterances.parquet"):
        open_corpus(folder)


def test_errors_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path\na\n")
    with pytest.raises(DataError) as caught:
        open_corpus(tmp_path / "t.csv")
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert message.count(";") == 2


def test_a_folder_of_recordings_without_a_table(tmp_path: Path) -> None:
    for name in ("b.WAV", "deep/er/a.flac", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    corpus = open_recordings(tmp_path)
    assert corpus.table["utterance"].to_list() == ["b.WAV", "deep/er/a.flac"]
    assert corpus.path(1) == tmp_path / "deep" / "er" / "a.flac"
    assert (corpus.name, corpus.classes) == (tmp_path.name, ())


def test_what_is_a_corpus_is_opened_as_one(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "c.wav").touch()
    for source in (folder, folder / "utterances.csv"):
        assert open_recordings(source).digest == open_corpus(source).digest
    monkeypatch.chdir(tmp_path)
    (tmp_path / "builtin").mkdir()
    assert open_recordings("builtin").synthetic
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "corpus.toml").touch()
    (tmp_path / "half" / "a.wav").touch()
    with pytest.raises(DataError, match="holds no corpus"):  # its table is missing: it is no folder of recordings
        open_recordings(tmp_path / "half")


def test_a_folder_that_cannot_be_a_corpus(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no corpus at"):
        open_recordings(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"holds no recording; files ending in \.flac"):
        open_recordings(tmp_path)
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")).touch()
    except OSError:
        pytest.skip("names are always UTF-8 here")
    with pytest.raises(DataError, match="no text in UTF-8"):
        open_recordings(tmp_path)
