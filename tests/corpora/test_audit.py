"""The leaks of published splits are found, with their numbers; what does not leak is not called a leak."""

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.corpora import AuditReport, Corpus, Overlap, PairAudit, Sides, audit, open_corpus, read_sides, sentence_keys
from affekt.corpora.audit_sound import find_duplicates, listen
from affekt.errors import ConfigError, DataError

Maker = Callable[..., Corpus]


def table(**columns: list[object]) -> Corpus:
    return Corpus(name="x", root=Path("nowhere"), table=pl.DataFrame(columns, strict=False))


def grid(speakers: int, sentences: int, *, takes: int = 1) -> Corpus:
    """Every speaker says every sentence."""
    cells = [(s, t, k) for s in range(speakers) for t in range(sentences) for k in range(takes)]
    return table(
        file=[f"{s}-{t}-{k}.wav" for s, t, k in cells],
        speaker=[f"s{s}" for s, _, _ in cells],
        text=[f"Sentence number {t}." for _, t, _ in cells],
        emotion=[("anger", "joy")[k % 2] for _, _, k in cells],
    )


def of_lists(name: str, **rows: list[int]) -> Sides:
    return Sides(name=name, rows={side: tuple(sorted(found)) for side, found in rows.items()})


def found(pair: PairAudit, kind: str) -> Overlap:
    return next(overlap for overlap in pair.overlaps if overlap.kind == kind)


def verdicts(report: AuditReport) -> dict[str, str]:
    (pair,) = report.divisions[0].pairs
    return {overlap.kind: overlap.verdict for overlap in pair.overlaps}


def test_random_utterances_share_speakers_and_sentences() -> None:
    """SpeechBrain's kind of split: different_speakers is False, and dev is a part of train too."""
    corpus = grid(4, 5, takes=6)
    rows = list(range(len(corpus)))
    random.Random(0).shuffle(rows)
    report = audit(corpus, [of_lists("random", train=rows[:80], dev=rows[80:100], test=rows[100:])], audio=False)
    assert not report.ok
    assert len(report.divisions[0].pairs) == 3
    for pair in report.divisions[0].pairs:  # train and dev, train and test, dev and test
        speakers, sentences = found(pair, "speakers"), found(pair, "sentences")
        assert (speakers.verdict, speakers.shared, speakers.of_first, speakers.of_second) == ("leak", 4, 4, 4)
        assert (sentences.verdict, sentences.shared) == ("note", 5)
    assert found(report.divisions[0].pairs[1], "speakers").utterances_second == 20
    assert report.leaks == 3
    assert report.divisions[0].within is None  # nobody listened


def test_a_clean_split_is_clean() -> None:
    corpus = grid(6, 3)
    speakers = corpus.table["speaker"].to_list()
    test = [row for row, speaker in enumerate(speakers) if speaker in ("s0", "s1")]
    train = [row for row in range(len(corpus)) if row not in test]
    report = audit(corpus, [of_lists("clean", train=train, test=test)], audio=False)
    assert report.ok
    assert verdicts(report) == {
        "speakers": "none",
        "utterances": "none",
        "segments": "none",
        "exact": "unknown",
        "near": "unknown",
        "recordings": "none",
        "sentences": "note",
    }


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30))
def test_counts_are_those_of_sets(cells: list[tuple[int, bool]]) -> None:
    train = [row for row, (_, side) in enumerate(cells) if side]
    test = [row for row, (_, side) in enumerate(cells) if not side]
    if not train or not test:
        return
    corpus = table(file=[f"{i}.wav" for i in range(len(cells))], speaker=[f"s{s}" for s, _ in cells])
    overlap = found(
        audit(corpus, [of_lists("x", train=train, test=test)], audio=False).divisions[0].pairs[0], "speakers"
    )
    one, two = {cells[row][0] for row in train}, {cells[row][0] for row in test}
    assert (overlap.shared, overlap.of_first, overlap.of_second) == (len(one & two), len(one), len(two))
    assert overlap.utterances_second == sum(cells[row][0] in one for row in test)
    assert overlap.verdict == ("leak" if one & two else "none")


def test_what_is_not_known_is_said_to_be() -> None:
    corpus = table(file=["a.wav", "b.wav", "c.wav"], speaker=[None, None, "s"])
    report = audit(corpus, [of_lists("x", train=[0], test=[1, 2])], audio=False)
    assert verdicts(report)["speakers"] == "unknown"
    assert verdicts(report)["sentences"] == "unknown"
    assert report.without_speaker == 2
    assert report.possible.speaker_disjoint == "unknown"
    half = audit(corpus, [of_lists("x", train=[0, 2], test=[1, 2])], audio=False)
    assert verdicts(half)["speakers"] == "leak"
    assert found(half.divisions[0].pairs[0], "speakers").missing == 2


def test_an_utterance_on_both_sides() -> None:
    report = audit(grid(2, 2), [of_lists("x", train=[0, 1], test=[1, 2])], audio=False)
    pair = report.divisions[0].pairs[0]
    assert (found(pair, "utterances").verdict, found(pair, "utterances").shared) == ("leak", 1)
    assert found(pair, "segments").verdict == "none"  # a row does not overlap with itself
    assert report.divisions[0].unassigned == 1


def test_segments_of_one_recording() -> None:
    corpus = table(
        file=["long.wav", "long.wav", "./long.wav", "other.wav", "long.wav"],
        utterance=list("abcde"),
        start=[0.0, 1.0, 1.9, 1.0, 5.0],
        end=[1.0, 2.0, 3.0, 2.0, None],
    )
    # a ends where b begins: a note about the file, no leak
    apart = audit(corpus, [of_lists("x", train=[0], test=[1])], audio=False)
    assert (verdicts(apart)["segments"], verdicts(apart)["recordings"]) == ("none", "note")
    over = audit(corpus, [of_lists("x", train=[0, 1, 3], test=[2, 4])], audio=False)
    pair = over.divisions[0].pairs[0]
    assert (found(pair, "segments").verdict, found(pair, "segments").shared) == ("leak", 1)
    assert found(pair, "segments").utterances_second == 1
    open_end = audit(
        table(file=["l.wav"] * 2, utterance=["a", "b"], start=[0.0, 7.0]),
        [of_lists("x", train=[0], test=[1])],
        audio=False,
    )
    assert verdicts(open_end)["segments"] == "leak"  # the first goes on to the end of the file


def test_sentences_are_compared_without_case_and_punctuation() -> None:
    corpus = table(
        file=[f"{i}.wav" for i in range(6)],
        text=["Dogs  are sitting, by the door!", "dogs are sitting by the door", "Dogs.", None, None, "Ｄogs"],
        sentence=["1", "1", "2", "3", None, "4"],
    )
    assert sentence_keys(corpus) == [
        "dogs are sitting by the door",
        "dogs are sitting by the door",
        "dogs",
        "[3]",
        None,
        "dogs",
    ]


def test_which_splits_are_possible(people: Maker) -> None:
    def possible(speakers: list[str], sentences: list[str]) -> tuple[str, str, str]:
        corpus = table(file=[f"{i}.wav" for i in range(len(speakers))], speaker=speakers, text=sentences)
        chosen = audit(corpus, audio=False).possible
        return chosen.speaker_disjoint, chosen.sentence_disjoint, chosen.both

    assert possible(["a", "b", "c"], ["x", "y", "z"]) == ("train, dev and test", "train, dev and test", "yes")
    # TESS has two speakers
    assert possible(["a", "a", "b"], ["x", "y", "z"]) == ("train and test", "train, dev and test", "yes")
    assert possible(["a", "a", "b"], ["x", "y", "y"])[2] == "only by leaving utterances out"
    assert possible(["a", "b", "c"], ["x", "x", "x"]) == ("train, dev and test", "none", "none")
    assert possible(["a"], ["x"]) == ("none", "none", "none")
    alone = table(file=["1.wav", "2.wav", "3.wav"], speaker=["a", "b", "b"], emotion=["joy", "joy", "fear"])
    assert audit(alone, audio=False).possible.one_speaker_classes == ("fear",)


def test_bad_arguments(tmp_path: Path) -> None:
    corpus = grid(2, 2)
    with pytest.raises(DataError, match="has no utterances"):
        audit(corpus.select([]), audio=False)
    with pytest.raises(DataError, match="0 sounds of 4 utterances"):
        audit(corpus, sounds=())
    with pytest.raises(ConfigError, match="threshold is 0"):
        audit(corpus, sounds=(), threshold=0.0)
    with pytest.raises(DataError, match="nowhere"):
        audit(corpus)


# recordings


def speech(seed: int, *, seconds: float = 1.2, rate: int = 16000) -> np.ndarray:
    """Harmonics of a gliding pitch; another seed is another take."""
    generator = np.random.default_rng(seed)
    times, knots = np.arange(round(seconds * rate)) / rate, np.linspace(0, seconds, 8)
    phase = 2 * np.pi * np.cumsum(np.interp(times, knots, generator.uniform(100, 220, 8))) / rate
    clip = sum(
        np.interp(times, knots, generator.uniform(0, 1, 8)) / h * np.sin(h * phase + generator.uniform(0, 6))
        for h in range(1, 14)
    )
    return 0.3 * clip / np.abs(clip).max()


@pytest.fixture
def doubled(tmp_path: Path) -> Corpus:
    """Five takes of two speakers; t1 is a copy of a1 in another format, t2 of a2 cut and coded again; two silences."""
    for number in range(5):
        soundfile.write(tmp_path / f"a{number}.wav", speech(number), 16000)
    soundfile.write(tmp_path / "t1.flac", soundfile.read(tmp_path / "a1.wav")[0], 16000)
    soundfile.write(tmp_path / "t2.ogg", 0.4 * speech(2)[2500:-1500], 16000, format="OGG", subtype="VORBIS")
    for name in ("z1", "z2"):
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(8000), 16000)
    files = [f"a{number}.wav" for number in range(5)] + ["t1.flac", "t2.ogg", "z1.wav", "z2.wav"]
    speakers = ["s1"] * 5 + ["s2", "s2", "s1", "s2"]
    emotions = ["joy"] * 5 + ["joy", "anger", "joy", "joy"]
    frame = pl.DataFrame({"file": files, "speaker": speakers, "emotion": emotions})
    return Corpus(name="doubled", root=tmp_path, table=frame)


def test_copies_between_sides(doubled: Corpus) -> None:
    stages: list[str] = []
    report = audit(
        doubled,
        [of_lists("x", train=[0, 1, 2, 3, 4, 7], test=[5, 6, 8])],
        progress=lambda stage, done, total: stages.append(stage),
    )
    assert report.duplicates is not None
    assert [(d.first, d.second, d.exact) for d in report.duplicates] == [(1, 5, True), (2, 6, False)]
    assert report.duplicates[1].offset == pytest.approx(2500 / 16000, abs=1e-3)
    assert report.duplicates[1].correlation > 0.9
    assert (report.silent, report.conflicting) == (2, 1)
    assert report.possible.duplicates_across_speakers == 2
    pair = report.divisions[0].pairs[0]
    for kind in ("exact", "near"):
        overlap = found(pair, kind)
        assert (overlap.verdict, overlap.shared, overlap.utterances_first, overlap.utterances_second) == (
            "leak",
            1,
            1,
            1,
        )
    # the silent ones are not compared, and no one is on both sides
    assert verdicts(report)["speakers"] == "none"
    assert set(stages) == {"listening", "comparing"}


def test_copies_inside_a_side_are_a_warning(doubled: Corpus) -> None:
    report = audit(doubled, [of_lists("x", train=[1, 5, 2, 6], test=[3, 4])])
    assert report.divisions[0].within == {"train": 2, "test": 0}
    assert verdicts(report)["exact"] == verdicts(report)["near"] == "none"
    assert verdicts(report)["speakers"] == "leak"  # s1


def test_names_stay_out_unless_asked_for(doubled: Corpus) -> None:
    report = audit(doubled)
    assert "a1" not in str(report.to_json())
    named = report.to_json(doubled.table["utterance"].to_list())
    assert named["duplicates"][0]["utterances"] == ["a1", "t1"]
    assert named["duplicates"][0]["rows"] == [1, 5]


def test_sounds(doubled: Corpus) -> None:
    sounds = listen(doubled)
    assert sounds[0].seconds == pytest.approx(1.2)
    assert sounds[0].peak_db == pytest.approx(20 * np.log10(0.3), abs=0.01)
    assert [sound.encoding for sound in sounds[4:7]] == ["WAV PCM_16", "FLAC PCM_16", "OGG VORBIS"]
    assert [sound.silent for sound in sounds] == [False] * 7 + [True] * 2
    assert sounds[1].digest == sounds[5].digest
    assert find_duplicates(doubled, sounds, threshold=1.0)[0].exact


def test_pauses_before_and_behind(tmp_path: Path) -> None:
    clip = np.concatenate([np.zeros(3200), speech(0), np.zeros(6400)])
    soundfile.write(tmp_path / "a.wav", clip, 16000)
    (sound,) = listen(Corpus(name="x", root=tmp_path, table=pl.DataFrame({"file": ["a.wav"]})))
    assert sound.leading == pytest.approx(0.2, abs=0.05)
    assert sound.trailing == pytest.approx(0.4, abs=0.05)


# the splits of others


@pytest.mark.data
def test_folds_of_emodb_as_emobox_lists_them_share_all_speakers(
    shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    """EmoBox: 5 folds of utterances, two lists a fold, each of the 10 speakers on both sides of every fold."""
    corpus = open_corpus(shared_data("emodb"))
    draw, speakers = random.Random(1), corpus.table["speaker"].to_list()
    files = corpus.table["file"].to_list()
    rows = sorted(range(len(corpus)), key=lambda row: (speakers[row], draw.random()))
    paths = []
    for fold in range(5):
        for side in ("train", "test"):
            stems = [Path(files[row]).stem for i, row in enumerate(rows) if (i % 5 == fold) == (side == "test")]
            stems.append("03a04Ad")  # fear, which our copy of the corpus does not have
            lines = [{"key": f"emodb-{stem}", "wav": f"downloads/emodb/wav/{stem}.wav", "emo": "?"} for stem in stems]
            paths.append(tmp_path / f"fold_{fold + 1}" / f"emodb_{side}_fold_{fold + 1}.jsonl")
            paths[-1].parent.mkdir(exist_ok=True)
            paths[-1].write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    with pytest.raises(DataError, match="unknown utterance 'emodb-03a04Ad'"):
        read_sides(paths, corpus)
    report = audit(corpus, read_sides(paths, corpus, partial=True), audio=False)
    assert len(report.divisions) == report.leaks == 5
    for division in report.divisions:
        assert (division.unassigned, sum(division.utterances.values())) == (0, len(corpus))
        shared = found(division.pairs[0], "speakers")
        assert (shared.verdict, shared.shared, shared.of_first, shared.of_second) == ("leak", 10, 10, 10)
        assert found(division.pairs[0], "sentences").shared == 10


@pytest.mark.data
def test_a_random_split_of_crema_d_shares_all_actors(data_root: Callable[[str], Path]) -> None:
    with (data_root("raters") / "crema_d" / "SentenceFilenames.csv").open(encoding="utf-8") as file:
        names = [row["Filename"] for row in csv.DictReader(file)]
    corpus = table(
        file=[f"{name}.wav" for name in names],
        speaker=[name.split("_")[0] for name in names],
        text=[name.split("_")[1] for name in names],
    )
    rows = list(range(len(corpus)))
    random.Random(0).shuffle(rows)
    cut = round(0.8 * len(rows))
    report = audit(corpus, [of_lists("split", train=rows[:cut], test=rows[cut:])], audio=False)
    speakers, sentences = (found(report.divisions[0].pairs[0], kind) for kind in ("speakers", "sentences"))
    assert (speakers.verdict, speakers.shared, speakers.of_first, speakers.of_second) == ("leak", 91, 91, 91)
    assert (sentences.verdict, sentences.shared) == ("note", 12)


@pytest.mark.data
def test_ravdess_by_actor_shares_both_sentences(shared_data: Callable[[str], Path]) -> None:
    corpus = open_corpus(shared_data("ravdess"))
    speakers = corpus.table["speaker"].to_list()
    test = [row for row, speaker in enumerate(speakers) if speaker in ("01", "02", "03", "04")]
    rest = [row for row in range(len(corpus)) if row not in set(test)]
    report = audit(corpus, [of_lists("EmoBox fold", train=rest, test=test)], audio=False)
    assert report.ok
    sentences = found(report.divisions[0].pairs[0], "sentences")
    assert (sentences.verdict, sentences.shared, sentences.of_second, sentences.utterances_second) == (
        "note",
        2,
        2,
        len(test),
    )
    assert report.possible.sentence_disjoint == "train and test"


def test_tess_has_two_speakers_on_both_sides() -> None:
    """200 words, 7 emotions, 2 speakers, utterances dealt at random."""
    corpus = grid(2, 200, takes=7)
    rows = list(range(len(corpus)))
    random.Random(0).shuffle(rows)
    report = audit(corpus, [of_lists("split", train=rows[:2240], test=rows[2240:])], audio=False)
    speakers = found(report.divisions[0].pairs[0], "speakers")
    assert (speakers.verdict, speakers.shared, speakers.of_first, speakers.of_second) == ("leak", 2, 2, 2)
    assert report.possible.speaker_disjoint == "train and test"  # no third speaker for dev


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("name", "pairs"), [("emodb", 0), ("ravdess", 1), ("emogator", 0), ("stem_e2va", 0)])
def test_real_corpora_have_no_near_duplicates(shared_data: Callable[[str], Path], name: str, pairs: int) -> None:
    """Takes of one sentence by one actor are no copies; the one pair of RAVDESS is equal to the last sample."""
    duplicates = audit(open_corpus(shared_data(name))).duplicates
    assert duplicates is not None
    assert [found.exact for found in duplicates] == [True] * pairs
