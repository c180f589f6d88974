"""The tutorials, line by line, on a small built-in corpus and with short trainings."""

import re
import shlex
from pathlib import Path

import polars as pl
import pytest
import soundfile

from affekt.cli import main
from affekt.corpora import Corpus
from affekt.corpora.builtin import build

TUTORIALS = sorted((Path(__file__).resolve().parents[1] / "docs" / "tutorials").glob("*.md"))
QUICK = "epochs = 2\nheldout_fraction = 0.2\n"


def lines(page: Path, kind: str) -> list[str]:
    """The fenced blocks of a kind on a page."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The speakers of the built-in corpus, each with two sentences in every emotion."""
    return build(seed=0, takes=2, cache=tmp_path_factory.mktemp("cache"))


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_runs_from_top_to_bottom(
    page: Path, small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(small, page)
    for line in "".join(lines(page, "console")).replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "))
        if words[0] != "affekt":  # accelerate launch: one more process that does the same
            continue
        words = [str(small.root) if word == "builtin" else word for word in words[1:]]
        if words[0] == "train" and "--config" not in words:
            words += ["--config", "quick.toml"]
        if words[0] == "cross-validate":
            words += ["--config", "quick-folds.toml"]
            words[words.index("--folds") + 1] = "2"
        if words[0] == "compare":
            words += ["--config", "quick-compare.toml", "--draws", "1"]
            words[words.index("--sizes") + 1] = "1,10"
        code = main(words)
        shown = capsys.readouterr()
        # two epochs teach little, so a report may say no; a usage error or a crash may not happen
        assert code in ((0, 1) if words[0] == "forget" else (0,)), f"{line}\n{shown.err}"
        assert shown.out.strip(), line


def prepare(small: Corpus, page: Path) -> None:
    """What the reader of the tutorials has: settings from the page, a request, recordings."""
    Path("quick.toml").write_text(QUICK, encoding="utf-8")
    Path("quick-folds.toml").write_text(f"[logmel-cnn]\n{QUICK}", encoding="utf-8")
    Path("quick-compare.toml").write_text(f"[train]\n{QUICK}", encoding="utf-8")
    for text in lines(page, "toml"):
        name = text.splitlines()[0].removeprefix("# ")
        Path(name).write_text(re.sub(r"epochs = \d+", "epochs = 2", text), encoding="utf-8")
    small.write("my-corpus", file_format="csv", copy_audio=True)
    person = small.with_speakers("v02")
    person.write("request", file_format="csv")
    Path("ids.txt").write_text("\n".join(person.table["utterance"].to_list()[:3]) + "\n", encoding="utf-8")
    for name, row in (("recording.wav", 0), ("another.wav", 1)):
        soundfile.write(name, small.load(row), 16000)
    rest = small.select(pl.col("speaker") != "v02").write("rest", file_format="csv")
    if "--retrained" in page.read_text(encoding="utf-8"):
        assert main(["train", str(rest), "--out", "model-trained-without", "--config", "quick.toml"]) == 0
