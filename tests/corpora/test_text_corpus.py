"""Texts as samples and back, and a corpus that gives them."""

import doctest
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import affekt.corpora.text_corpus
from affekt.corpora import Corpus, TextCorpus, as_text, open_corpus
from affekt.corpora.text_corpus import samples_of, text_of
from affekt.errors import DataError


def corpus() -> Corpus:
    rows = {"file": ["a.wav", "b.wav"], "text": ["Where is it?", None], "emotion": ["joy", "fear"]}
    return Corpus(name="two", root=Path("nowhere"), table=pl.DataFrame(rows), scale=(1, 7))


def test_the_example_gives_what_it_says() -> None:
    assert doctest.testmod(affekt.corpora.text_corpus).failed == 0


@given(st.text())
def test_a_text_comes_back(text: str) -> None:
    samples = samples_of(text)
    assert samples.dtype == np.float32
    assert len(samples) >= 1
    assert 0.0 <= samples.min() <= samples.max() < 1.0
    assert text_of(samples) == text


@pytest.mark.parametrize(
    "samples",
    [np.zeros(100), np.array([0.1, -0.2]), np.array([]), np.array([200, 10]) / 256, np.ones((2, 2)) * 10 / 256],
    ids=["silence", "sound", "nothing", "no UTF-8", "two channels"],
)
def test_a_recording_is_no_text(samples: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"got samples that are no text.*as_text"):
        text_of(samples.astype(np.float32))


def test_a_corpus_is_read_instead_of_heard() -> None:
    found = as_text(corpus())
    assert as_text(found) is found
    assert found.digest == corpus().digest
    assert found.scale == (1.0, 7.0)
    assert text_of(found.load(0)) == "Where is it?" == found.text(0)
    assert found.seconds().tolist() == [0.0, 0.0]
    for other in (found.select([1, 0]), replace(found, classes=("fear", "joy"))):
        assert isinstance(other, TextCorpus)


def test_an_utterance_without_words_is_an_error() -> None:
    with pytest.raises(DataError, match="utterance 'b' of corpus 'two' has no text"):
        as_text(corpus()).load(1)
    with pytest.raises(DataError, match="has no row 2"):
        as_text(corpus()).load(2)


def test_it_is_one_on_disk_too(tmp_path: Path) -> None:
    folder = as_text(corpus()).write(tmp_path / "texts")
    assert 'medium = "text"' in (folder / "corpus.toml").read_text(encoding="utf-8")
    found = open_corpus(folder)
    assert isinstance(found, TextCorpus)
    assert found.text(0) == "Where is it?"
    assert type(open_corpus(corpus().write(tmp_path / "sounds"))) is Corpus
    (folder / "corpus.toml").write_text('medium = "film"\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"'medium' in .* is 'film'; sound or text was expected"):
        open_corpus(folder)
