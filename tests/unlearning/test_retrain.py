"""Retraining is training: without the forget set, or with it and the same start, exactly the original."""

import numpy as np
import pytest
import torch

from affekt.corpora import Split
from affekt.errors import ProtocolError
from affekt.models import EmotionModel, tensor_digest
from affekt.training import TrainConfig, build_model, fit, is_held_out
from affekt.unlearning import ForgetSet, Retained, forget, method_config
from affekt.unlearning.material import LearnedPart


def test_with_everything_retained_and_the_same_start_it_is_the_original(
    trained: EmotionModel, forget_set: ForgetSet, retained: Retained
) -> None:
    everything = Retained(
        train=retained.train,
        rows=np.arange(len(retained.train)),
        dev=retained.dev,
        config=retained.config,
        seed=retained.seed,
    )
    config = method_config("retrain", same_start=True)
    result = forget(trained, forget_set, method="retrain", config=config, retained=everything)
    assert tensor_digest(result.model) == tensor_digest(trained)
    assert result.log.loss_after == result.log.loss_before


def test_it_is_training_on_the_rest(
    trained: EmotionModel, forget_set: ForgetSet, retained: Retained, tone_split: Split, tone_recipe: TrainConfig
) -> None:
    config = method_config("retrain", same_start=True)
    result = forget(trained, forget_set, method="retrain", config=config, retained=retained)
    fresh = build_model("logmel-cnn", trained.classes, seed=1)
    fitted = fit(fresh, tone_split.train.select(retained.rows), tone_split.dev, config=tone_recipe, seed=1)
    assert tensor_digest(result.model) == tensor_digest(fresh)
    assert result.log.steps == fitted.epochs
    assert result.log.stopped == f"trained for {fitted.epochs} epochs"


def test_a_new_start_holds_out_the_same_utterances(
    trained: EmotionModel, forget_set: ForgetSet, retained: Retained, tone_split: Split, tone_recipe: TrainConfig
) -> None:
    result = forget(trained, forget_set, method="retrain", retained=retained, seed=4)
    names = tone_split.train.table["utterance"].to_list()
    seeds = [
        {row for row in retained.rows.tolist() if is_held_out(names[row], seed=seed, fraction=0.15)}
        for seed in (1, 1_000_007)
    ]
    assert seeds[0] != seeds[1]
    fresh = build_model("logmel-cnn", trained.classes, seed=1_000_007)
    fitted = fit(
        fresh,
        tone_split.train,
        tone_split.dev,
        config=tone_recipe,
        seed=1_000_007,
        heldout_seed=1,
        rows=retained.rows,
    )
    assert set(fitted.heldout_rows) == seeds[0]
    assert tensor_digest(result.model) == tensor_digest(fresh)


def test_what_is_saved_afterwards_is_of_the_new_weights(
    ready: EmotionModel, forget_set: ForgetSet, retained: Retained
) -> None:
    """Not the old means less the forget set, and no curvature of weights that are gone."""
    model = forget(ready, forget_set, method="retrain", retained=retained).model
    assert isinstance(model, EmotionModel)
    assert model.erasure is not None
    assert model.erasure.trained is not None
    names = retained.train.corpus.table["utterance"].to_list()
    rows = [int(row) for row in retained.rows if not is_held_out(names[row], seed=1, fraction=0.15)]
    logits = LearnedPart(model).all_logits([retained.train[row] for row in rows]).double()
    labels = torch.as_tensor(np.asarray(retained.train.corpus.labels())[rows])
    assert model.erasure.trained.utterances == len(rows)
    assert model.erasure.trained.loss == pytest.approx(
        float(torch.nn.functional.cross_entropy(logits, labels)), abs=1e-5
    )
    assert sum(one.utterances for one in model.erasure.trained.by_class.values()) == len(rows)
    assert model.erasure.statistics is not None
    assert model.erasure.statistics.curvature is None
    gone = {model.erasure.commitment(waveform) for waveform in forget_set.waveforms}
    assert not gone & set(model.erasure.statistics.names)
    assert not gone & set().union(*model.erasure.commitments.values())


def test_other_modules_cannot_be_retrained(toy: object, retained: Retained, forget_set: ForgetSet) -> None:
    with pytest.raises(ProtocolError, match=r"only an EmotionModel can be retrained \(got Linear\)"):
        forget(toy.model, toy.canaries, method="retrain", retained=retained)  # type: ignore[attr-defined]
