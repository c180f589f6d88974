"""forget_with_report on a small model: what it refuses, what it writes, and what it must never write."""

import hashlib
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from affekt.corpora import Corpus, Split, by_speaker, open_corpus
from affekt.errors import AffektError, ConfigError, DataError
from affekt.files import read_json
from affekt.models import EmotionModel, tensor_digest
from affekt.reports import evidence_of, forget_with_report
from affekt.training import train_split

QUICK: dict[str, Any] = {"method": "gradient_ascent", "settings": {"max_steps": 20}}


def copied(corpus: Corpus, folder: Path) -> Path:
    """A folder with the recordings of a corpus alone."""
    folder.mkdir()
    for row, file in enumerate(corpus.table["file"]):
        (folder / file).write_bytes(corpus.path(row).read_bytes())
    return folder


def read_all(folder: Path) -> str:
    """Every byte of a result as text, names of files included."""
    texts = []
    for file in sorted(folder.rglob("*")):
        texts.append(file.name)
        if file.is_file():
            texts.append(file.read_bytes().decode("latin-1"))
    return "\n".join(texts)


class Page(HTMLParser):
    """Checks that elements nest and collects addresses."""

    VOID = frozenset({"meta", "br", "link", "img", "hr", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.seen: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def check_page(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    assert all(address.startswith("#") for address in page.addresses)
    assert len(page.ids) == len(set(page.ids))
    for forbidden in ("http:", "https:", "//", "<script", "@import", "url(h"):
        assert forbidden not in text.replace("http-equiv", "")
    return page


def test_forgets_a_speaker_and_says_so(trained_folder: Any, tmp_path: Path) -> None:
    speaker = trained_folder.speaker("train")
    calls: list[tuple[str, int, int]] = []
    report = forget_with_report(
        trained_folder.folder,
        trained_folder.corpus,
        tmp_path / "out",
        speaker=speaker,
        progress=lambda *step: calls.append(step),
        **QUICK,
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md", "config.json", "erasure", "model.safetensors", "report.html", "report.json", "run.json",
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    content = read_json(report.report_path.with_suffix(".json"))
    assert content == json.loads(json.dumps(report.to_json()))
    # the verdict can be derived again from what was written
    pieces = evidence_of(content)  # raises if the verdict is another one
    assert [piece["pass"] for piece in pieces] == [test["passed"] for test in content["tests"]]
    assert (content["tier"], content["rules"]) == ("T0", "affekt-verdict-2")
    page = check_page(report.report_path.read_text(encoding="utf-8"))
    assert page.seen.count("svg") == 2
    assert page.seen.count("table") == page.seen.count("caption")
    assert report.verdict in report.report_path.read_text(encoding="utf-8")
    assert "Synthetic speech" in report.report_path.read_text(encoding="utf-8")
    assert calls[-1] == ("done", 4, 4)
    assert len(report.summary) == 5
    assert report.summary[4].startswith("Retrain recommended: ")
    # the new model is the one the report names, and no longer says that the person was there
    model = EmotionModel.from_pretrained(tmp_path / "out")
    assert tensor_digest(model) == content["model"]["weights_after_sha256"]
    assert model.config.history[-1]["event"] == "deletion"
    assert model.erasure is not None
    mine = trained_folder.corpus.with_speakers(speaker)
    assert all(model.erasure.side(mine.load(row)) is None for row in range(len(mine)))
    assert sum(map(len, model.erasure.commitments.values())) == len(trained_folder.corpus) - len(mine)


@pytest.mark.parametrize("scope", ["speaker", "utterances"])
def test_no_name_and_no_plain_hash_is_written(trained_folder: Any, tmp_path: Path, scope: str) -> None:
    corpus = trained_folder.corpus
    who = trained_folder.speaker("train")
    # names that cannot occur by chance
    table = corpus.table.with_columns(
        speaker=corpus.table["speaker"].replace({who: "Zarathustra Quux"}),
        utterance="zq-" + corpus.table["utterance"] + "-xyzzy",
    )
    named = replace(corpus, table=table, name="quux-recordings")
    wanted = (
        {"speaker": "Zarathustra Quux"} if scope == "speaker" else {"utterances": table["utterance"].to_list()[::7]}
    )
    forget_with_report(trained_folder.folder, named, tmp_path / "out", **wanted, **QUICK)
    text = read_all(tmp_path / "out")
    for secret in ("Zarathustra", "Quux", "quux", "xyzzy", ".wav", "/tones", str(corpus.root)):
        assert secret not in text
    requested = named.with_speakers("Zarathustra Quux")
    for row in range(len(requested)):
        file = requested.path(row)
        for content in (
            file.read_bytes(),
            file.name.encode(),
            requested.table["utterance"][row].encode(),
            requested.load(row).tobytes(),
            (requested.load(row) * 32768).round().astype("<i2").tobytes(),
        ):
            for algorithm in ("sha256", "sha1", "md5"):
                assert hashlib.new(algorithm, content).hexdigest()[:16] not in text
    assert hashlib.sha256(b"Zarathustra Quux").hexdigest()[:16] not in text
    assert requested.digest[:16] not in text
    assert named.digest[:16] not in text


def test_the_forget_set_alone_is_enough(trained_folder: Any, tmp_path: Path) -> None:
    speaker = trained_folder.speaker("train")
    mine = trained_folder.corpus.with_speakers(speaker)
    folder = copied(mine, tmp_path / "alone")
    mine.table.select("file", "speaker", "emotion").write_csv(folder / "request.csv")
    request = open_corpus(folder / "request.csv")
    report = forget_with_report(trained_folder.folder, request, tmp_path / "out", speaker=speaker, **QUICK)
    assert report.verdict in ("APPROXIMATE_WEAK_EVIDENCE", "FAILED_UNDER_FORGOTTEN", "FAILED_OVER_FORGOTTEN")
    tests = {test["test"]: test for test in report.content["tests"]}
    assert tests["quality on test speakers"]["passed"] is None
    assert any("no recording of the model's test speakers" in line for line in report.content["not_tested"])
    # and it gives the same weights as with the rest of the corpus there: nothing of the rest was used
    whole = forget_with_report(
        trained_folder.folder, trained_folder.corpus, tmp_path / "whole", speaker=speaker, **QUICK
    )
    weights = [one.content["model"]["weights_after_sha256"] for one in (report, whole)]
    assert weights[0] == weights[1]
    check_page(report.report_path.read_text(encoding="utf-8"))


def test_rest_that_is_gone_is_counted_not_opened(trained_folder: Any, tmp_path: Path) -> None:
    speaker = trained_folder.speaker("train")
    corpus = trained_folder.corpus
    mine = corpus.with_speakers(speaker)
    folder = copied(mine, tmp_path / "gone")
    report = forget_with_report(
        trained_folder.folder, replace(corpus, root=folder), tmp_path / "out", speaker=speaker, **QUICK
    )
    missing = len(corpus) - len(mine)
    assert any(line.startswith(f"{missing} recordings") for line in report.content["not_tested"])


@pytest.mark.parametrize("side", ["dev", "test", "heldout"])
def test_what_was_not_trained_on_needs_no_forgetting(trained_folder: Any, tmp_path: Path, side: str) -> None:
    ids = trained_folder.sides[side][:3]
    report = forget_with_report(trained_folder.folder, trained_folder.corpus, tmp_path / "out", utterances=ids, **QUICK)
    assert report.verdict == "NOT_APPLICABLE"
    assert not report.succeeded
    assert report.content["request"]["sides"][side] == len(ids)
    before, after = EmotionModel.from_pretrained(trained_folder.folder), EmotionModel.from_pretrained(tmp_path / "out")
    assert tensor_digest(before) == tensor_digest(after)
    assert before.erasure is not None
    assert after.erasure is not None
    assert len(after.erasure.commitments[side]) == len(before.erasure.commitments[side]) - len(ids)
    assert after.config.history == before.config.history
    check_page(report.report_path.read_text(encoding="utf-8"))


def test_mixed_requests_are_sorted(trained_folder: Any, tmp_path: Path) -> None:
    sides = trained_folder.sides
    ids = [*sides["train"][:11], *sides["heldout"][:1], *sides["test"][:2]]
    report = forget_with_report(trained_folder.folder, trained_folder.corpus, tmp_path / "out", utterances=ids, **QUICK)
    assert report.content["request"]["sides"] == {"train": 11, "heldout": 1, "dev": 0, "test": 2, "unknown": 0}
    assert report.content["scores"]["after"]["forget_accuracy"]["unit"] == "utterance (11)"
    # the two test recordings that were asked for are not used to measure with
    assert report.content["scores"]["after"]["test"]["utterances"] == len(sides["test"]) - 2
    # 11 recordings of three emotions: some count is small
    assert report.content["request"]["emotions"] is None


def test_retrain_is_exact_and_needs_the_whole_corpus(trained_folder: Any, tmp_path: Path) -> None:
    speaker = trained_folder.speaker("train")
    report = forget_with_report(
        trained_folder.folder, trained_folder.corpus, tmp_path / "out", speaker=speaker, method="retrain"
    )
    assert report.verdict == "EXACT"
    # the recipe is handed on, so that the result can be retrained again
    assert read_json(tmp_path / "out" / "run.json")["training"]["seed"] == 1
    other = next(name for name in trained_folder.corpus.speakers if name not in (speaker, "s6")
                 and name != trained_folder.speaker("dev"))  # fmt: skip
    again = forget_with_report(
        tmp_path / "out", trained_folder.corpus, tmp_path / "again", speaker=other, method="retrain"
    )
    assert again.verdict == "EXACT"
    assert again.content["model"]["deletions_before"] == 1
    some = trained_folder.corpus.without_speakers(other)
    with pytest.raises(DataError, match="recordings on the train side are not in the corpus"):
        forget_with_report(trained_folder.folder, some, tmp_path / "no", speaker=speaker, method="retrain")
    assert not (tmp_path / "no").exists()


def test_retained_methods_need_the_recipe(trained_folder: Any, tmp_path: Path) -> None:
    bare = EmotionModel.from_pretrained(trained_folder.folder).save_pretrained(tmp_path / "bare")
    with pytest.raises(DataError, match=r"no run\.json"):
        forget_with_report(
            bare,
            trained_folder.corpus,
            tmp_path / "out",
            speaker=trained_folder.speaker("train"),
            method="finetune",
        )


def test_stands_beside_a_retrained_model(trained_folder: Any, tmp_path: Path, options: dict[str, Any]) -> None:
    speaker = trained_folder.speaker("train")
    split = by_speaker(trained_folder.corpus, test_speakers=["s6"], seed=1)
    without = Split(train=split.train.without_speakers(speaker), dev=split.dev, test=split.test)
    gold = train_split(without, config=trained_folder.config, options=options, seed=1).model
    gold.save_pretrained(tmp_path / "gold")
    report = forget_with_report(
        trained_folder.folder,
        trained_folder.corpus,
        tmp_path / "out",
        speaker=speaker,
        retrained=tmp_path / "gold",
        **QUICK,
    )
    assert set(report.content["scores"]) == {"before", "after", "retrained", "difference"}
    assert "Retrained" in report.report_path.read_text(encoding="utf-8")
    # a model that heard the person is no reference
    with pytest.raises(DataError, match="was itself trained on"):
        forget_with_report(
            trained_folder.folder,
            trained_folder.corpus,
            tmp_path / "no",
            speaker=speaker,
            retrained=trained_folder.folder,
            **QUICK,
        )


def test_a_model_without_a_record_is_taken_at_its_word(trained_folder: Any, tmp_path: Path) -> None:
    model = EmotionModel.from_pretrained(trained_folder.folder)
    model.erasure = None
    model.save_pretrained(tmp_path / "bare")
    report = forget_with_report(
        tmp_path / "bare",
        trained_folder.corpus,
        tmp_path / "out",
        speaker=trained_folder.speaker("test"),
        method="random_labels",
        settings={"stop": "steps", "max_steps": 2},
    )
    assert report.verdict == "APPROXIMATE_WEAK_EVIDENCE"
    assert "Taken at its word" in report.report_path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({}, ConfigError, "neither of speaker and utterances"),
        ({"speaker": "s1", "utterances": ["s1-joy-0"]}, ConfigError, "both of speaker and utterances"),
        ({"speaker": "s1 "}, DataError, "did you mean 's1'"),
        ({"utterances": ["s1-joi-0"]}, DataError, "did you mean 's1-joy-0'"),
        ({"utterances": []}, DataError, "list of utterances is empty"),
        ({"speaker": "s1", "method": "oblivion"}, ConfigError, "unknown method 'oblivion'"),
        ({"speaker": "s1", "method": "amun", "settings": {"stopp": "zero"}}, ConfigError, "did you mean 'stop'"),
        ({"speaker": "s1", "settings": {"stop": "zero"}}, ConfigError, "settings are for one method"),
    ],
)
def test_refusals_leave_nothing(
    trained_folder: Any, tmp_path: Path, changes: dict[str, Any], error: type[AffektError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        forget_with_report(trained_folder.folder, trained_folder.corpus, tmp_path / "out", **changes)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_somebody_must_remain(trained_folder: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"names all \d+ recordings the model was trained on"):
        forget_with_report(
            trained_folder.folder, trained_folder.corpus, tmp_path / "out", utterances=trained_folder.sides["train"]
        )
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(trained_folder: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep me")
    with pytest.raises(DataError, match="is not empty"):
        forget_with_report(trained_folder.folder, trained_folder.corpus, tmp_path / "out", speaker="s1", **QUICK)
    assert (tmp_path / "out" / "mine.txt").read_text() == "keep me"


def test_a_damaged_recording_stops_it_before_anything_is_written(trained_folder: Any, tmp_path: Path) -> None:
    speaker = trained_folder.speaker("train")
    mine = trained_folder.corpus.with_speakers(speaker)
    folder = copied(mine, tmp_path / "damaged")
    (folder / mine.table["file"][0]).write_bytes(b"RIFF")
    with pytest.raises(DataError):
        forget_with_report(trained_folder.folder, replace(mine, root=folder), tmp_path / "out", speaker=speaker)
    assert [path.name for path in tmp_path.iterdir()] == ["damaged"]


def test_the_same_seed_gives_the_same_report(trained_folder: Any, tmp_path: Path) -> None:
    pages = []
    for name in ("one", "two"):
        report = forget_with_report(
            trained_folder.folder,
            trained_folder.corpus,
            tmp_path / name,
            utterances=trained_folder.sides["train"][:12],
            **QUICK,
        )
        content = report.to_json()
        pages.append((content["scores"], content["tests"], content["model"]))
        text = report.report_path.read_text(encoding="utf-8")
        pages[-1] += (text[text.index("<svg") : text.rindex("</svg>")].split("What was forgotten")[0],)
    assert pages[0] == pages[1]


def test_auto_goes_on_when_an_audit_fails_and_says_that_it_chose(trained_folder: Any, tmp_path: Path) -> None:
    speaker = trained_folder.speaker("train")
    report = forget_with_report(trained_folder.folder, trained_folder.corpus, tmp_path / "out", speaker=speaker)
    attempts = report.content["attempts"]
    declared = ["amun", "gradient_ascent"]  # nothing was saved that another method could use
    assert [one["method"] for one in attempts] == declared[: len(attempts)]
    assert all(one["verdict"].startswith("FAILED") and one["failed_tests"] for one in attempts[:-1])
    assert {one["tier"] for one in attempts} == {"T0"}
    last = attempts[-1]["verdict"]
    assert not last.startswith("FAILED") or len(attempts) == len(declared)
    chosen = next(one for one in attempts if one["method"] == report.content["method"]["name"])
    assert chosen["verdict"] == report.verdict
    assert len(chosen["failed_tests"]) == min(len(one["failed_tests"]) for one in attempts)
    page = report.report_path.read_text(encoding="utf-8")
    check_page(page)
    assert ("A selection." in page) == (len(attempts) > 1)


def test_several_retrained_models_make_it_tier_t1(trained_folder: Any, tmp_path: Path) -> None:
    model = EmotionModel.from_pretrained(trained_folder.folder)
    for number in range(4):
        model.fresh(number).save_pretrained(tmp_path / "gold" / str(number))
    wanted = {"speaker": trained_folder.speaker("train"), "retrained": tmp_path / "gold"}
    report = forget_with_report(trained_folder.folder, trained_folder.corpus, tmp_path / "out", **wanted, **QUICK)
    content = report.content
    assert (content["tier"], content["references"], content["reference_kind"]) == ("T1", 4, "models")
    assert len(evidence_of(content)) == 15
    ranked = content["tests"][0]
    assert ranked["test"] == "rank among models that never heard the recordings"
    assert ranked["power"] == "no p below 0.200 with 4 references"
    assert report.verdict != "APPROXIMATE_TESTED"
    page = report.report_path.read_text(encoding="utf-8")
    check_page(page)
    assert "Does the model stand out among models that never heard the recordings?" in page
    # the same model twice is one reference
    model.fresh(0).save_pretrained(tmp_path / "gold" / "again")
    with pytest.raises(DataError, match="is there twice"):
        forget_with_report(trained_folder.folder, trained_folder.corpus, tmp_path / "no", **wanted, **QUICK)
