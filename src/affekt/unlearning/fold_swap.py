"""Fold swap: serve a saved model that was never trained on the recordings.

Not a paper: ours, from the practice of cross-validation; sharded training (SISA, arXiv 1912.03817) rests on the same
fact. Exact with respect to the training data: the fold model's training never read the recordings, nor chose anything
by them. What it costs is the other recordings of its fold, which it was not trained on either. A frozen pretrained
encoder stays as it is, and what that was trained on is outside this statement.

The losses and the curvature that training saved belong to the old weights and are dropped. The outputs of the fold
models are kept: they say what models that never heard a recording make of it, whichever model is served.
"""

from dataclasses import dataclass, replace

import torch

from affekt.errors import ConfigError
from affekt.models import EmotionModel, ErasureRecord
from affekt.models.saved_statistics import FoldModel
from affekt.unlearning.descent import MethodLog, state_of
from affekt.unlearning.material import LearnedPart, Material, Needs

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = None
NEEDS = frozenset({Needs.FORGET_SET, Needs.ERASURE_STATISTICS})


@dataclass(frozen=True, kw_only=True)
class Config:
    """``fold_swap`` has no settings."""


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Replace the weights, in place, by those of a fold model that was trained on none of the recordings.

    Raises:
        ConfigError: no such model was kept, or it does not fit.
    """
    fold = material.clean_fold
    if fold is None or not isinstance(model, EmotionModel):
        raise ConfigError(
            "fold_swap needs a kept fold model that was trained on none of these recordings (got none); recordings of "
            "one fold of speakers and a model trained with --erasure-ready were expected; choose out_of_fold or "
            "retrain."
        )
    part = LearnedPart(model)
    items = part.features(material.forget_set.waveforms)
    before = state_of(part, items, material.forget_set.labels)
    learned = set(model.state_dict()) - {name for name, p in model.named_parameters() if not p.requires_grad}
    if set(fold.state) != learned:
        raise ConfigError(
            f"the kept fold model has {len(fold.state)} tensors; the {len(learned)} that training changes were "
            "expected; train the model again with --erasure-ready."
        )
    model.load_state_dict(fold.state, strict=False)
    if model.erasure is not None:
        model.erasure = _record_of(model.erasure, fold)
    after = state_of(part, items, material.forget_set.labels)
    return MethodLog.between(
        before,
        after,
        stopped="exact: the weights are those of a fold model that was trained on none of the recordings",
        reached=True,
        steps=0,
        details={"exact": True, "rule": fold.rule, "never_heard": len(fold.never_heard)},
    )


def _record_of(record: ErasureRecord, fold: FoldModel) -> ErasureRecord:
    """The record as it would be had the fold model been the one that was trained.

    Its fold's recordings stand with those that were never trained on, so that their rows can still be deleted.
    """
    sides = {side: names - fold.never_heard for side, names in record.commitments.items()}
    sides["test"] = sides.get("test", frozenset()) | fold.never_heard
    statistics = record.statistics
    if statistics is not None:
        statistics = replace(statistics, curvature=None, sums=None)
    return replace(record, within=None, across=None, trained=None, commitments=sides, statistics=statistics)
