"""What the last layer reads, and the stage that trains what lies below it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from affekt.corpora import Corpus
from affekt.encoders import HashedText
from affekt.errors import ConfigError
from affekt.losses import info_nce_bound
from affekt.models import EmotionModel
from affekt.recognition.alignment import align, last_layer, last_layer_dropout, layer_inputs, learns_below
from affekt.training import FeatureStore, TrainConfig, build_model, predict_rows, recipe


@pytest.fixture(scope="module")
def folder(encoder_folder: Callable[[str], Path]) -> str:
    return str(encoder_folder("whisper"))


def encoder_model(folder: str, corpus: Corpus, **options: object) -> EmotionModel:
    return build_model("encoder", corpus.classes, seed=0, options={"encoder": folder, "layer": 2, **options})


def test_the_last_layer_of_its_inputs_is_the_model(folder: str, tone_corpus: Corpus) -> None:
    rows = np.arange(0, 20)
    for model in (
        encoder_model(folder, tone_corpus),
        encoder_model(folder, tone_corpus, hidden=8),
        build_model("logmel-cnn", tone_corpus.classes, seed=0),
    ):
        store = FeatureStore(model, tone_corpus)
        read = layer_inputs(model, store, rows, batch_size=7)
        with torch.no_grad():
            logits = last_layer(model)(torch.from_numpy(read))
        assert logits.numpy() == pytest.approx(predict_rows(model, store, rows), abs=1e-4)


def test_what_is_learned_below(folder: str, tone_corpus: Corpus) -> None:
    linear, hidden = encoder_model(folder, tone_corpus), encoder_model(folder, tone_corpus, hidden=8)
    mixed = encoder_model(folder, tone_corpus, layer="all")
    assert (learns_below(linear), learns_below(linear, drawn=True)) == (False, False)
    assert (learns_below(hidden), learns_below(hidden, drawn=True)) == (True, True)
    assert (learns_below(mixed), learns_below(mixed, drawn=True)) == (True, False)
    assert last_layer_dropout(encoder_model(folder, tone_corpus, dropout=0.4)) == 0.4
    assert last_layer_dropout(build_model("emo18", tone_corpus.classes, seed=0)) == 0.0


def test_a_head_that_is_solved_has_no_last_layer_to_train(folder: str, tone_corpus: Corpus) -> None:
    ridge = build_model("ridge", tone_corpus.classes, seed=0, options={"encoder": folder})
    with pytest.raises(ConfigError, match="the family ridge does not end in a linear layer that is learned"):
        last_layer(ridge)


def test_stage_1_brings_features_and_their_texts_together(folder: str, tone_corpus: Corpus) -> None:
    corpus = replace(tone_corpus, table=tone_corpus.table)
    model = encoder_model(folder, corpus, hidden=16, dropout=0.0)
    store = FeatureStore(model, corpus)
    rows = np.arange(48)
    labels = corpus.labels()
    texts = HashedText(words=8, characters=32).encode([f"{corpus.emotions[row]} words" for row in rows])
    first = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    config: TrainConfig = recipe("encoder", batch_size=16, learning_rate=1e-2, label_smoothing=0.0)
    settings = {"config": config, "epochs": 30, "weight": 1.0, "temperature": 0.1, "seed": 3}
    history = align(model, store, labels, rows, texts, **settings)  # type: ignore[arg-type]
    assert history[-1]["info_nce"] < history[0]["info_nce"] - 0.2
    assert history[-1]["cross_entropy"] < history[0]["cross_entropy"]
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, first[name])}
    assert changed == {"network.head.1.weight", "network.head.1.bias"}  # not the last layer, not the encoder
    assert all(parameter.grad is None for parameter in model.parameters())
    # three classes told by the text: the vectors of one text are nearer to each other than they were
    read = torch.from_numpy(layer_inputs(model, store, rows))
    read = torch.nn.functional.normalize(read - read.mean(0), dim=1)
    centres = torch.stack([read[labels[rows] == k].mean(0) for k in range(3)])
    assert float(info_nce_bound(8.0 * torch.nn.functional.normalize(centres, dim=1) @ centres.T)) > 0.0
    again = encoder_model(folder, corpus, hidden=16, dropout=0.0)
    align(again, store, labels, rows, texts, **settings)  # type: ignore[arg-type]
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in model.state_dict().items())


def test_without_texts_it_is_the_classifier_alone(folder: str, tone_corpus: Corpus) -> None:
    model = encoder_model(folder, tone_corpus, hidden=4)
    config: TrainConfig = recipe("encoder")
    history = align(
        model,
        FeatureStore(model, tone_corpus),
        tone_corpus.labels(),
        np.arange(12),
        None,
        config=config,
        epochs=2,
        weight=0.5,
        temperature=0.1,
        seed=0,
    )
    assert [set(entry) for entry in history] == [{"cross_entropy"}] * 2
