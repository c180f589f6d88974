"""The model cut in two, and what a method is handed."""

from typing import Any

import numpy as np
import pytest
import torch

from affekt.audio.batching import pad_batch
from affekt.corpora import Corpus
from affekt.errors import DataError, ProtocolError
from affekt.models import EmotionModel
from affekt.unlearning import ForgetSet, Material, Retained
from affekt.unlearning.material import LearnedPart


def test_a_corpus_is_read_in_its_order_and_the_models_classes(trained: EmotionModel, tone_corpus: Corpus) -> None:
    some = tone_corpus.select([7, 2, 40])
    turned = Corpus(name="t", root=some.root, table=some.table, classes=("sadness", "joy", "anger"))
    found = ForgetSet.of(turned, trained)
    assert len(found) == 3
    assert [trained.classes[k] for k in found.labels.tolist()] == some.emotions
    assert all(np.array_equal(w, some.load(i)) for i, w in enumerate(found.waveforms))
    strange = Corpus(name="t", root=some.root, table=some.table.with_columns(emotion=some.table["speaker"]))
    with pytest.raises(DataError, match="unknown emotion"):
        ForgetSet.of(strange, trained)


def test_two_halves_are_the_whole(trained: EmotionModel, forget_set: ForgetSet) -> None:
    part = LearnedPart(trained)
    items = part.features(forget_set.waveforms)
    waveforms, lengths = pad_batch(list(forget_set.waveforms))
    with torch.no_grad():
        whole = trained(waveforms, lengths)
        assert torch.allclose(part.logits(items), whole, atol=1e-5)
    for size in (1, 3, 64):
        assert torch.allclose(part.all_logits(items, batch_size=size), whole, atol=1e-5)
    assert part.logits(items).requires_grad
    assert not part.all_logits(items).requires_grad


def test_any_module_hears_the_waveform(toy: Any) -> None:
    part = LearnedPart(toy.model)
    clips = [np.full(4, 0.1, np.float32), np.full(9, 0.2, np.float32)]
    items = part.features(clips)
    assert [item.tolist() for item in items] == [clip.tolist() for clip in clips]
    with torch.no_grad():
        assert torch.allclose(part.logits(items), toy.model(*pad_batch(clips)))


def test_retained_data_are_there_only_when_they_were_handed_over(forget_set: ForgetSet, retained: Retained) -> None:
    assert Material(forget_set=forget_set, n_classes=3, supplier=lambda: retained).retained is retained
    with pytest.raises(ProtocolError, match="asked for retained data, which it was not given"):
        _ = Material(forget_set=forget_set, n_classes=3).retained
    assert "supplier" not in repr(Material(forget_set=forget_set, n_classes=3))
