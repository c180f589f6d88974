from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affekt.corpora import Corpus, Split, by_speaker, leave_one_speaker_out, official, speaker_folds
from affekt.errors import ProtocolError

Maker = Callable[..., Corpus]
relaxed = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def sides(split: Split) -> tuple[set[str], set[str], set[str]]:
    return set(split.train.speakers), set(split.dev.speakers), set(split.test.speakers)


def require_partition(split: Split, corpus: Corpus) -> None:
    train, dev, test = sides(split)
    assert sorted([*train, *dev, *test]) == list(corpus.speakers)  # each on one side only
    ids = [*split.train.table["utterance"], *split.dev.table["utterance"], *split.test.table["utterance"]]
    assert sorted(ids) == sorted(corpus.table["utterance"])
    assert {side.classes for side in (split.train, split.dev, split.test)} == {corpus.classes}


@relaxed
@given(
    speakers=st.integers(3, 25),
    seed=st.integers(-5, 10**9),
    test=st.floats(0.01, 0.45),
    dev=st.floats(0.0, 0.45),
    sexes=st.sampled_from(["fm", "f", "", "fffm"]),
)
def test_by_speaker_is_a_partition(
    people: Maker, speakers: int, seed: int, test: float, dev: float, sexes: str
) -> None:
    corpus = people(speakers, sexes=sexes)
    try:
        split = by_speaker(corpus, test_fraction=test, dev_fraction=dev, seed=seed)
    except ProtocolError as error:
        assert "no speaker is left for train" in str(error)  # noqa: PT017
        assert max(1, round(test * speakers)) + max(dev > 0, round(dev * speakers)) >= speakers
        return
    require_partition(split, corpus)
    assert len(split.test.speakers) == max(1, round(test * speakers))
    assert len(split.dev.speakers) == (max(1, round(dev * speakers)) if dev > 0 else 0)
    again = by_speaker(corpus.select(range(len(corpus) - 1, -1, -1)), test_fraction=test, dev_fraction=dev, seed=seed)
    assert sides(again) == sides(split)


@relaxed
@given(speakers=st.integers(3, 12), seed=st.integers(0, 99), fraction=st.floats(0.05, 0.9))
def test_leave_one_speaker_out_tests_each_speaker_once(
    people: Maker, speakers: int, seed: int, fraction: float
) -> None:
    corpus = people(speakers)
    splits = list(leave_one_speaker_out(corpus, seed=seed, dev_fraction=fraction))
    assert [split.test.speakers for split in splits] == [(speaker,) for speaker in corpus.speakers]
    for split in splits:
        require_partition(split, corpus)
        assert len(split.dev.speakers) == min(max(1, round(fraction * (speakers - 1))), speakers - 2)
    again = leave_one_speaker_out(corpus, seed=seed, dev_fraction=fraction)
    assert [sides(split) for split in again] == [sides(split) for split in splits]


@relaxed
@given(speakers=st.integers(4, 20), folds=st.integers(2, 20), seed=st.integers(0, 99))
def test_folds_test_each_speaker_once(people: Maker, speakers: int, folds: int, seed: int) -> None:
    corpus = people(speakers)
    if folds > speakers:
        with pytest.raises(ProtocolError, match="are impossible"):
            speaker_folds(corpus, folds=folds, seed=seed)
        return
    splits = list(speaker_folds(corpus, folds=folds, seed=seed))
    assert len(splits) == folds
    for split in splits:
        require_partition(split, corpus)
        assert split.dev.speakers
    tested = [speaker for split in splits for speaker in split.test.speakers]
    assert sorted(tested) == list(corpus.speakers)
    sizes = [len(split.test.speakers) for split in splits]
    assert max(sizes) - min(sizes) <= 1


def test_sexes_are_drawn_in_proportion(people: Maker) -> None:
    corpus = people(20)
    for seed in range(20):
        split = by_speaker(corpus, test_fraction=0.2, dev_fraction=0.2, seed=seed)
        for side in (split.test, split.dev):
            assert Counter(side.table.unique("speaker")["sex"]) == {"f": 2, "m": 2}
    for split in speaker_folds(corpus, folds=5):
        assert Counter(split.test.table.unique("speaker")["sex"]) == {"f": 2, "m": 2}


def test_every_speaker_is_drawn_for_some_seed(people: Maker) -> None:
    corpus = people(10)
    drawn = {speaker for seed in range(60) for speaker in by_speaker(corpus, seed=seed).test.speakers}
    assert drawn == set(corpus.speakers)


def test_the_draw_is_pinned(people: Maker) -> None:
    # published results name a seed: the same seed must draw the same speakers for ever
    split = by_speaker(people(10), seed=0)
    assert (split.test.speakers, split.dev.speakers) == (("01", "08"), ("07", "10"))


def test_named_speakers(people: Maker) -> None:
    corpus = people(6)
    split = by_speaker(corpus, test_speakers=["02"], dev_speakers=["05", "06"])
    assert sides(split) == ({"01", "03", "04"}, {"05", "06"}, {"02"})
    assert by_speaker(corpus, test_speakers=["02"], dev_speakers=[]).dev.speakers == ()
    assert "03" in by_speaker(corpus, dev_speakers=["03"]).dev.speakers
    with pytest.raises(ProtocolError, match="unknown speaker '2' among 6; did you mean '02'"):
        by_speaker(corpus, test_speakers=["2"])
    with pytest.raises(ProtocolError, match="speaker 02 is named for test and dev"):
        by_speaker(corpus, test_speakers=["02"], dev_speakers=["02"])
    with pytest.raises(ProtocolError, match="no speaker is left for train"):
        by_speaker(corpus, test_speakers=corpus.speakers, dev_speakers=[])


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_fractions_are_checked(people: Maker, fraction: float) -> None:
    with pytest.raises(ProtocolError, match="test_fraction is"):
        by_speaker(people(5), test_fraction=fraction)
    with pytest.raises(ProtocolError, match="dev_fraction is"):
        leave_one_speaker_out(people(5), dev_fraction=fraction)


def test_a_split_that_leaks_names_the_speakers(people: Maker) -> None:
    corpus = people(4)
    one, two, three = (corpus.with_speakers(speaker) for speaker in ("01", "02", "03"))
    assert Split(train=one, dev=two, test=three).test.speakers == ("03",)
    both = corpus.with_speakers("01", "02", "03")
    with pytest.raises(ProtocolError, match=r"speakers 01, 02 are in train and test; .*by_speaker"):
        Split(train=both, dev=corpus.with_speakers("04"), test=corpus.with_speakers("01", "02"))
    with pytest.raises(ProtocolError, match="speaker 02 is in train and dev"):
        Split(train=both, dev=two, test=corpus.with_speakers("04"))
    with pytest.raises(ProtocolError, match="speaker 03 is in dev and test"):
        Split(train=one, dev=three, test=three)


def test_an_utterance_on_two_sides() -> None:
    def corpus(speaker: str, utterance: str) -> Corpus:
        table = pl.DataFrame({"file": ["a.wav"], "utterance": [utterance], "speaker": [speaker]})
        return Corpus(name="x", root=Path(), table=table)

    with pytest.raises(ProtocolError, match="utterance u is in train and test"):
        Split(train=corpus("1", "u"), dev=corpus("2", "v"), test=corpus("3", "u"))


def test_empty_sides(people: Maker) -> None:
    corpus = people(3)
    one, two, none = corpus.with_speakers("01"), corpus.with_speakers("02"), corpus.select([])
    assert len(Split(train=one, dev=none, test=two).dev) == 0
    with pytest.raises(ProtocolError, match="the test side of the split is empty"):
        Split(train=one, dev=two, test=none)
    with pytest.raises(ProtocolError, match="the train side of the split is empty"):
        Split(train=none, dev=two, test=one)


def test_rows_without_a_speaker(people: Maker) -> None:
    corpus = people(3, speaker=["1", "1", "2", "2", "3", None], sexes="fm")
    for attempt in (by_speaker, leave_one_speaker_out, speaker_folds):
        with pytest.raises(ProtocolError, match=r"1 of 6 utterances .* fill the column 'speaker'"):
            attempt(corpus)
    labelled = people(2, speaker=["1", None, "2", "2"], split=["train", "train", "test", "test"])
    with pytest.raises(ProtocolError, match="1 of 2 utterances"):
        official(labelled)


def test_too_few_speakers(people: Maker) -> None:
    with pytest.raises(ProtocolError, match="2 speakers are too few"):
        leave_one_speaker_out(people(2))
    with pytest.raises(ProtocolError, match="3 speakers are too few"):
        speaker_folds(people(3), folds=2)
    with pytest.raises(ProtocolError, match="no speaker is left for train"):
        by_speaker(people(2))


def test_official(people: Maker) -> None:
    split = official(people(3, split=["train"] * 2 + ["dev"] * 2 + ["test"] * 2))
    assert sides(split) == ({"01"}, {"02"}, {"03"})
    assert official(people(2, split=["train"] * 2 + ["test"] * 2)).dev.speakers == ()


@pytest.mark.parametrize(
    ("column", "match"),
    [
        (["train", "dev", "dev", "dev", "test", "test"], "speaker 01 is in train and dev"),
        ([None] * 6, "names no split"),
        (["train", "train", "dev", None, "test", "test"], r"'02/3' \(row 4\) has the split ''"),
        (["train", "train", "valid", "valid", "test", "test"], "has the split 'valid'; train, dev or test"),
    ],
)
def test_official_refuses(people: Maker, column: list[str | None], match: str) -> None:
    with pytest.raises(ProtocolError, match=match):
        official(people(3, split=column))
