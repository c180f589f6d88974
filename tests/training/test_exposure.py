"""What a model knows of a corpus: its own recordings by their samples, and nobody else's."""

import copy

import numpy as np
import pytest

from affekt.corpora import Corpus, Split
from affekt.errors import DataError
from affekt.models import EmotionModel, ErasureRecord
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
