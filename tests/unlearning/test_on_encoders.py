"""Methods beside a pretrained encoder: what is frozen stays, what is learned changes, and the log tells the truth."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affekt.corpora import Split
from affekt.models import EmotionModel
from affekt.training import ErasureConfig, FeatureStore, TrainReport, recipe, train_split
from affekt.unlearning import ForgetSet, Retained, forget, method_config
from affekt.unlearning.material import LearnedPart

SETTINGS: dict[str, dict[str, Any]] = {
    "bad_teacher": {"max_steps": 3, "stop": "steps"},
    "fold_swap": {},
    "jit": {"max_steps": 3, "stop": "steps", "copies": 2},
    "negmerge": {"max_steps": 3, "stop": "steps", "copies": 2, "tuning_steps": 2},
    "salun": {"max_steps": 3, "stop": "steps"},
    "scrub": {"max_steps": 3, "stop": "steps"},
    "ssd": {"target": "published", "alpha": 1.5},
}


@pytest.fixture(scope="module", params=["head", "last", "lora"])
def report(request: pytest.FixtureRequest, tone_split: Split, encoder_folder: Callable[[str], Path]) -> TrainReport:
    options = {"encoder": str(encoder_folder("whisper")), "train": request.param, "train_layers": 1, "lora_rank": 2}
    config = recipe("encoder", epochs=1, batch_size=16, heldout_fraction=0.15)
    erasure = ErasureConfig(folds=2)
    return train_split(tone_split, family="encoder", config=config, options=options, seed=1, erasure=erasure)


@pytest.mark.parametrize("name", SETTINGS)
def test_frozen_weights_stay_and_others_change(name: str, report: TrainReport, tone_split: Split) -> None:
    model = copy.deepcopy(report.model)
    speakers = tone_split.train.table["speaker"].to_list()
    mine = [row for row in report.fit.trained_rows if speakers[row] == "s1"]
    forget_set = ForgetSet.of(tone_split.train.select(mine), model)
    retained = Retained(
        train=FeatureStore(report.model, tone_split.train),
        rows=np.array([row for row in range(len(speakers)) if row not in set(mine)]),
        dev=FeatureStore(report.model, tone_split.dev),
        config=recipe("encoder", epochs=1, batch_size=16, heldout_fraction=0.15),
        seed=1,
    )
    config = method_config(name, **SETTINGS[name])
    result = forget(model, forget_set, method=name, config=config, retained=retained, scope="speaker")
    changed = result.model
    assert isinstance(changed, EmotionModel)
    frozen = {key for key, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen
    assert {key for key, parameter in changed.named_parameters() if not parameter.requires_grad} == frozen
    before = model.state_dict()
    moved = {key for key, value in changed.state_dict().items() if not torch.equal(value, before[key])}
    assert moved
    assert not moved & frozen
    part = LearnedPart(changed)
    logits = part.all_logits(part.features(forget_set.waveforms)).double()
    loss = float(torch.nn.functional.cross_entropy(logits, forget_set.labels))
    assert loss == pytest.approx(result.log.loss_after, abs=1e-5)
