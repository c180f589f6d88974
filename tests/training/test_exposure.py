"""What a model knows of a corpus: its own recordings by their samples, and nobody else's."""

import copy
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from affekt.corpora import Corpus, Split, as_text
from affekt.corpora.text_corpus import samples_of
from affekt.errors import DataError
from affekt.models import EmotionModel, ErasureRecord, ModelConfig
from affekt.training import exposure, rows_of_side


@pytest.fixture
def knowing(trained: EmotionModel, tone_split: Split) -> EmotionModel:
    """A model whose record holds half of s1's recordings as learned from, s5 as dev and s6 as test."""
    record = ErasureRecord()
    corpus = tone_split.train

    def names(rows: list[int], of: Corpus) -> frozenset[str]:
        return frozenset(record.commitment(of.load(row)) for row in rows)

    speakers = corpus.table["speaker"].to_list()
    first = [row for row, speaker in enumerate(speakers) if speaker == "s1"]
    commitments = {
        "train": names(first[:6], corpus),
        "heldout": names(first[6:8], corpus),
        "dev": names(list(range(len(tone_split.dev))), tone_split.dev),
        "test": names(list(range(len(tone_split.test))), tone_split.test),
    }
    trained.erasure = ErasureRecord(key=record.key, commitments=commitments)
    return trained


def test_counts_by_side_and_by_speaker(knowing: EmotionModel, tone_corpus: Corpus) -> None:
    found = exposure(knowing, tone_corpus)
    assert found.recorded
    assert found.counts() == {"train": 6, "heldout": 2, "dev": 12, "test": 12, "unknown": 40}
    assert np.array_equal(found.rows("test"), rows_of_side(knowing, tone_corpus, "test"))
    assert set(tone_corpus.table["speaker"][found.rows("test")].to_list()) == {"s6"}
    everything = np.arange(len(tone_corpus))
    # six more recordings of s1: two held out, four that the model has never met
    assert found.heard(everything) == 6
    assert found.heard(found.rows("test")) == 0
    assert found.counts(found.rows("dev")) == {"train": 0, "heldout": 0, "dev": 12, "test": 0, "unknown": 0}


def test_without_a_record_nothing_is_known(knowing: EmotionModel, tone_corpus: Corpus) -> None:
    strange = copy.deepcopy(knowing)
    strange.erasure = None
    found = exposure(strange, tone_corpus)
    assert not found.recorded
    assert found.counts()["unknown"] == len(tone_corpus)
    assert found.heard(range(len(tone_corpus))) == 0
    with pytest.raises(DataError, match="no erasure record"):
        rows_of_side(strange, tone_corpus, "test")


# the same words on several sides


def reader(sides: dict[str, list[str]]) -> EmotionModel:
    """A model that reads, whose record holds these texts."""
    record = ErasureRecord()
    commitments = {
        side: frozenset(record.commitment(samples_of(text)) for text in texts) for side, texts in sides.items()
    }
    config = ModelConfig(family="text", classes=("joy", "sadness"), options={"words": 16, "characters": 16})
    return EmotionModel(config, erasure=ErasureRecord(key=record.key, commitments=commitments))


def said(*rows: tuple[str | None, str]) -> Corpus:
    table = pl.DataFrame(
        {
            "file": [f"{row}.txt" for row in range(len(rows))],
            "speaker": [speaker for speaker, _ in rows],
            "text": [text for _, text in rows],
        }
    )
    return as_text(Corpus(name="said", root=Path(), table=table))


def test_words_that_others_said_are_on_the_side_of_who_said_them() -> None:
    model = reader(
        {"train": ["yes", "no", "go on"], "heldout": ["well"], "dev": ["yes", "maybe"], "test": ["yes", "why"]}
    )
    corpus = said(
        *(("a", "yes"), ("a", "no"), ("a", "well"), ("a", "go on")),
        *(("b", "yes"), ("b", "maybe")),
        *(("c", "yes"), ("c", "why"), ("c", "never said")),
    )
    found = exposure(model, corpus)
    assert found.sides == ("train", "train", "heldout", "train", "dev", "dev", "test", "test", None)
    assert found.learned == (True, True, False, True, True, False, True, False, False)
    assert found.heard(found.rows("test")) == 0


def test_where_the_words_alone_decide_learning_counts_first() -> None:
    model = reader({"train": ["yes", "no"], "test": ["yes", "why"]})
    # nobody knows who said it; somebody said nothing but it; somebody is on no side as a whole
    corpus = said((None, "yes"), ("a", "yes"), ("b", "yes"), ("b", "no"), ("b", "why"))
    assert exposure(model, corpus).sides == ("train", "train", "train", "train", "test")


def test_a_recording_on_two_sides_was_learned_from_whoever_speaks(knowing: EmotionModel, tone_corpus: Corpus) -> None:
    """Equal samples are a copy, not a coincidence."""
    record = knowing.erasure
    assert record is not None
    rows = [row for row, speaker in enumerate(tone_corpus.table["speaker"]) if speaker == "s6"]
    copy_of = record.commitment(tone_corpus.load(rows[0]))
    commitments = {**record.commitments, "train": record.commitments["train"] | {copy_of}}
    knowing.erasure = ErasureRecord(key=record.key, commitments=commitments)
    sides = exposure(knowing, tone_corpus).sides
    assert [sides[row] for row in rows] == ["train"] + ["test"] * 11
