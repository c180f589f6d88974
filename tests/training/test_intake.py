"""A corpus as a model takes it in."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from affekt.corpora import Corpus
from affekt.errors import DataError
from affekt.models import ModelConfig
from affekt.training import as_taken, with_classes
from affekt.training.intake import preferences_changed


def test_the_classes_are_the_models(tone_corpus: Corpus) -> None:
    order = ("sadness", "joy", "anger")
    found = as_taken(tone_corpus, ModelConfig(family="logmel-cnn", classes=order))
    assert found.classes == order
    assert found.table.equals(tone_corpus.table)
    attributes = ModelConfig(family="logmel-cnn", classes=(), attributes=("arousal",))
    assert as_taken(tone_corpus, attributes) is tone_corpus
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
    whole = as_taken(tone_corpus, model)
    assert whole.emotions[:4] == ["lower", "lower", "higher", None]
    assert with_classes(whole.select([2, 0]), model).labels().tolist() == [1, 0]
    assert with_classes(tone_corpus.select([2, 0]), model).labels().tolist() == [1, 0]  # a part has the same levels
    assert not preferences_changed(model)
    file.write_text(f"better,worse\n{names[0]},{names[2]}\n", encoding="utf-8")
    assert preferences_changed(model)
    assert as_taken(whole, model).emotions == whole.emotions  # a column counts more than the file
    file.unlink()
    assert not preferences_changed(model)
    with pytest.raises(DataError, match=r"pairs.csv, which is not there; the file it was trained with was expected"):
        as_taken(tone_corpus, model)
    with pytest.raises(DataError, match="no value in its column preference"):
        as_taken(tone_corpus, replace(model, history=()))
