"""Exact deletion: what is left is what training without the recordings gives, sums and normaliser included."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affekt.corpora import Split
from affekt.errors import CheckpointError, ConfigError
from affekt.models import EmotionModel, HeadSums, RidgeNetwork
from affekt.training import ErasureConfig, FeatureStore, FitResult, TrainReport, fit, recipe, train_split
from affekt.training.solved_head import head_sums
from affekt.unlearning import ForgetSet, forget

VARIANTS: dict[str, dict[str, Any]] = {
    "ridge": {},
    "ridge, classes as they come": {"balanced": False, "penalty": 1e-3},
    "lda": {"head": "lda", "shrinkage": 0.02},
    "lda of means": {"head": "lda", "pooling": "mean", "balanced": False},
}


@pytest.fixture(scope="module", params=[*VARIANTS, "encoder"])
def report(request: pytest.FixtureRequest, tone_split: Split, encoder_folder: Any) -> TrainReport:
    name = str(request.param)
    options = VARIANTS.get(name) or {}
    if name == "encoder":
        options = {"encoder": str(encoder_folder("whisper")), "layer": 1}
    return train_split(tone_split, family="ridge", options=options, seed=1, erasure=ErasureConfig())


def network(model: torch.nn.Module) -> RidgeNetwork:
    assert isinstance(model, EmotionModel)
    assert isinstance(model.network, RidgeNetwork)
    return model.network


def sums(model: torch.nn.Module) -> HeadSums:
    assert isinstance(model, EmotionModel)
    assert model.erasure is not None
    assert model.erasure.statistics is not None
    assert model.erasure.statistics.sums is not None
    return model.erasure.statistics.sums


def retrained(report: TrainReport, split: Split, gone: list[int]) -> FitResult:
    rows = np.array([row for row in range(len(split.train)) if row not in set(gone)])
    fresh = report.model.fresh(77)
    return fit(fresh, split.train, split.dev, config=recipe("ridge"), seed=5, heldout_seed=1, rows=rows)


def distance(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


def check(model: torch.nn.Module, wanted: EmotionModel, split: Split) -> None:
    """Weights, normaliser and logits are those of the other model."""
    for name in ("head.weight", "head.bias", "mean", "deviation"):
        assert distance(network(model).state_dict()[name], network(wanted).state_dict()[name]) <= 1e-8, name
    store = FeatureStore(wanted, split.test)
    features, lengths = store.batch(range(len(store)))
    with torch.no_grad():
        logits, expected = (network(one).classify(features.double(), lengths) for one in (model, wanted))
    assert logits.dtype == torch.float64
    assert distance(logits, expected) <= 1e-8


def rows_of(report: TrainReport, split: Split, speaker: str) -> list[int]:
    speakers = split.train.table["speaker"].to_list()
    return [row for row in report.fit.trained_rows if speakers[row] == speaker]


@pytest.mark.parametrize("what", ["utterances", "speaker"])
def test_it_is_what_training_without_them_gives(what: str, report: TrainReport, tone_split: Split) -> None:
    gone = rows_of(report, tone_split, "s1") if what == "speaker" else list(report.fit.trained_rows[2:30:7])
    forget_set = ForgetSet.of(tone_split.train.select(gone), report.model)
    result = forget(report.model, forget_set, method="exact", scope=what)  # type: ignore[arg-type]
    wanted = retrained(report, tone_split, gone)
    check(result.model, wanted.model, tone_split)
    before = network(report.model).state_dict()
    assert distance(before["head.weight"], network(result.model).state_dict()["head.weight"]) > 1e-3
    assert distance(before["mean"], network(result.model).state_dict()["mean"]) > 1e-5
    # the sums hold nothing of them any more
    rows = np.array(wanted.trained_rows)
    rest = head_sums(wanted.model, FeatureStore(wanted.model, tone_split.train), tone_split.train.labels(), rows)
    assert torch.equal(sums(result.model).counts, rest.counts)
    assert distance(sums(result.model).vectors, rest.vectors) <= 1e-10
    assert distance(sums(result.model).moments, rest.moments) <= 1e-10
    assert result.log.stopped == f"solved again from {len(rows)} recordings"


def test_one_request_after_the_other_from_disk(report: TrainReport, tone_split: Split, tmp_path: Path) -> None:
    model: EmotionModel = report.model
    requests = [rows_of(report, tone_split, name)[:most] for name, most in (("s2", 99), ("s3", 4), ("s4", 2))]
    gone: list[int] = []
    for number, rows in enumerate(requests):
        forget_set = ForgetSet.of(tone_split.train.select(rows), model)
        result = forget(model, forget_set, method="exact")
        assert isinstance(result.model, EmotionModel)
        model = EmotionModel.from_pretrained(result.model.save_pretrained(tmp_path / str(number)))
        gone += rows
    check(model, retrained(report, tone_split, gone).model, tone_split)
    assert sums(model).count == len(report.fit.trained_rows) - len(set(gone))


def test_a_class_that_is_gone_is_never_predicted(report: TrainReport, tone_split: Split) -> None:
    labels = tone_split.train.labels()
    gone = [row for row in report.fit.trained_rows if labels[row] == 2]
    result = forget(report.model, ForgetSet.of(tone_split.train.select(gone), report.model), method="exact")
    check(result.model, retrained(report, tone_split, gone).model, tone_split)
    assert result.log.accuracy_after == 0.0
    with torch.no_grad():
        logits = network(result.model).head(1000.0 * torch.randn(100, network(result.model).head.in_features).double())
    assert not (logits.argmax(1) == 2).any()
    assert all(torch.isfinite(value).all() for value in result.model.state_dict().values())


def test_recordings_that_were_not_trained_on_change_nothing(report: TrainReport, tone_split: Split) -> None:
    result = forget(report.model, ForgetSet.of(tone_split.test, report.model), method="exact")
    check(result.model, report.model, tone_split)
    assert torch.equal(sums(result.model).moments, sums(report.model).moments)


def test_other_methods_clean_the_sums_too(report: TrainReport, tone_split: Split) -> None:
    gone = rows_of(report, tone_split, "s1")
    result = forget(report.model, ForgetSet.of(tone_split.train.select(gone), report.model), method="gradient_ascent")
    assert sums(result.model).count == len(report.fit.trained_rows) - len(gone)


def test_a_wrong_label_is_noticed_when_it_leaves_too_few(report: TrainReport, tone_split: Split) -> None:
    labels = tone_split.train.labels()
    gone = list(report.fit.trained_rows)
    rows = ForgetSet.of(tone_split.train.select(gone), report.model)
    wrong = ForgetSet(rows.waveforms, torch.full_like(rows.labels, int(labels[gone[0]])))
    with pytest.raises(CheckpointError, match="with the labels they were trained with, were expected"):
        forget(report.model, wrong, method="exact")


def test_models_it_cannot_do_are_refused(
    ready: EmotionModel, forget_set: ForgetSet, tone_split: Split, toy: Any
) -> None:
    with pytest.raises(ConfigError, match=r"exact needs a head that is solved from sums \(got logmel-cnn\)"):
        forget(ready, forget_set, method="exact")
    with pytest.raises(ConfigError, match=r"\(got Linear\); a model of the family ridge was expected"):
        forget(toy.model, toy.canaries, method="exact")
    plain = train_split(tone_split, family="ridge", seed=1).model
    with pytest.raises(ConfigError, match="exact needs the sums that erasure-ready training saves"):
        forget(plain, forget_set, method="exact")
