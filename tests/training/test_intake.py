"""A corpus as a model takes it in."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from affekt.corpora import Corpus, as_text
from affekt.corpora.text_corpus import text_of
from affekt.errors import DataError
from affekt.models import ModelConfig
from affekt.training import FeatureStore, as_labelled, as_read, build_model, with_classes
from affekt.training.intake import preferences_changed


def test_the_classes_are_the_models(tone_corpus: Corpus) -> None:
    order = ("sadness", "joy", "anger")
    found = as_labelled(tone_corpus, ModelConfig(family="logmel-cnn", classes=order))
    assert found.classes == order
    assert found.table.equals(tone_corpus.table)
    attributes = ModelConfig(family="logmel-cnn", classes=(), attributes=("arousal",))
    assert as_labelled(tone_corpus, attributes) is tone_corpus
    with pytest.raises(DataError, match="unknown emotion 'sadness'"):
        with_classes(tone_corpus, ModelConfig(family="logmel-cnn", classes=("anger", "joy")))


def test_levels_come_from_the_file_of_the_model(tone_corpus: Corpus, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    names = tone_corpus.table["utterance"].to_list()
    file.write_text(f"better,worse\n{names[2]},{names[0]}\n{names[2]},{names[1]}\n", encoding="utf-8")
    named = {"path": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    model = ModelConfig(
        family="ranker",
        classes=("lower", "higher"),
        label="preference",
        history=({"event": "training", "files": {"preferences": named}},),
    )
    whole = as_labelled(tone_corpus, model)
    assert whole.emotions[:4] == ["lower", "lower", "higher", None]
    assert with_classes(whole.select([2, 0]), model).labels().tolist() == [1, 0]
    assert with_classes(tone_corpus.select([2, 0]), model).labels().tolist() == [1, 0]  # a part has the same levels
    assert not preferences_changed(model)
    file.write_text(f"better,worse\n{names[0]},{names[2]}\n", encoding="utf-8")
    assert preferences_changed(model)
    assert as_labelled(whole, model).emotions == whole.emotions  # a column counts more than the file
    file.unlink()
    assert not preferences_changed(model)
    with pytest.raises(DataError, match=r"pairs.csv, which is not there; the file it was trained with was expected"):
        as_labelled(tone_corpus, model)
    with pytest.raises(DataError, match="no value in its column preference"):
        as_labelled(tone_corpus, replace(model, history=()))


@pytest.mark.parametrize("family", ["text", "logmel-cnn"])
def test_words_are_read_and_recordings_heard(tone_corpus: Corpus, family: str) -> None:
    model = build_model(family, tone_corpus.classes, seed=0)
    told = replace(tone_corpus, table=tone_corpus.table.with_columns(text=pl.lit("so it is")))
    found = as_read(told, model)
    assert as_read(found, model) is found
    store = FeatureStore(model, told)
    if family == "text":
        assert text_of(found.load(3)) == text_of(store.waveform(3)) == "so it is"
        with pytest.raises(DataError, match="'tones' has no text, and a model of the family text reads words"):
            FeatureStore(model, tone_corpus)
        assert len(as_read(tone_corpus.select([]), model)) == 0
    else:
        assert found is told
        assert np.array_equal(store.waveform(3), told.load(3))
        with pytest.raises(DataError, match=r"is one to read .* and a model of the family logmel-cnn hears"):
            as_read(as_text(told), model)
