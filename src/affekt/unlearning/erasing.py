"""What was saved about the recordings of a forget set: looked up for the methods, and deleted afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from affekt.models import EmotionModel, ErasureRecord, HeadSums, MeanLoss, RidgeNetwork
from affekt.models.curvature import Curvature, collect_curvature
from affekt.models.saved_statistics import FoldModel
from affekt.training import pad_features
from affekt.unlearning.material import ForgetSet, LearnedPart

__all__ = ["SavedShare", "erased_record", "known_names", "saved_share"]


@dataclass(frozen=True, kw_only=True)
class SavedShare:
    """What erasure-ready training saved that concerns a forget set."""

    teachers: Tensor | None = None
    """Logits (N, R, K) of models that never heard the recordings."""
    curvature: Curvature | None = None
    """The saved curvature without the forget set."""
    clean_fold: FoldModel | None = None
    """A fold model that was trained on none of them."""
    share: Curvature | None = None
    """What the forget set contributes to the saved curvature."""
    sums: HeadSums | None = None
    """The saved sums of a head in closed form without the forget set."""
    sums_share: HeadSums | None = None
    """What the forget set contributes to them."""
    inside: tuple[int, ...] = ()
    """Positions in the forget set of the recordings that were trained on."""
    items: tuple[Tensor, ...] | None = None
    """Front-end features of the forget set, if looking these up took them."""


def saved_share(model: EmotionModel, forget_set: ForgetSet, scope: Literal["speaker", "utterances"]) -> SavedShare:
    """Look up what was saved about the recordings of a forget set; everything is None where nothing was."""
    if model.erasure is None or model.erasure.statistics is None:
        return SavedShare()
    saved = model.erasure.statistics
    names = [model.erasure.commitment(waveform) for waveform in forget_set.waveforms]
    teachers = saved.teachers(names, "across" if scope == "speaker" else "within")
    trained = model.erasure.commitments.get("train", frozenset())
    inside = [row for row, name in enumerate(names) if name in trained]
    found = SavedShare(teachers=teachers, clean_fold=saved.clean_fold(names), inside=tuple(inside))
    if saved.sums is not None:
        own = _sums_of(model, forget_set, inside) if inside else None
        found = replace(found, sums=saved.sums if own is None else saved.sums.without(own), sums_share=own)
    if saved.curvature is None:
        return found
    was_training = model.training
    items = tuple(LearnedPart(model.eval()).features(forget_set.waveforms))
    model.train(was_training)
    share = _curvature_of(model, [items[row] for row in inside]) if inside else None
    curvature = saved.curvature if share is None else saved.curvature.without(share)
    return replace(found, curvature=curvature, share=share, items=items)


def erased_record(
    record: ErasureRecord, original: EmotionModel, forget_set: ForgetSet, share: SavedShare | None
) -> ErasureRecord:
    """The record without a forget set: its commitments, rows and shares of every saved sum and mean.

    Args:
        record: of the changed model.
        original: the model the means were measured with.
        forget_set: what was forgotten.
        share: what was saved about it; None: nothing.
    """
    names = [record.commitment(waveform) for waveform in forget_set.waveforms]
    part = LearnedPart(original)
    was_training = original.training
    original.eval()
    items = part.features(forget_set.waveforms) if share is None or share.items is None else share.items
    logits = part.all_logits(items).double()
    original.train(was_training)
    losses = torch.nn.functional.cross_entropy(logits, forget_set.labels, reduction="none")
    hits = logits.argmax(1) == forget_set.labels

    def less(mean: MeanLoss | None, side: str) -> MeanLoss | None:
        rows = [row for row, name in enumerate(names) if name in record.commitments.get(side, frozenset())]
        if mean is None or not rows:
            return mean
        by_class = {}
        for name, one in mean.by_class.items():
            inside = [row for row in rows if original.classes[int(forget_set.labels[row])] == name]
            if (left := _less(one, losses[inside], hits[inside])) is not None:
                by_class[name] = left
        whole = _less(mean, losses[rows], hits[rows])
        return None if whole is None else replace(whole, by_class=by_class)

    trained, within, across = (less(getattr(record, name), side) for name, side in _MEANS)
    erased = record.without(list(forget_set.waveforms))
    statistics = record.statistics
    if statistics is not None:
        share = share or SavedShare()
        statistics = statistics.without(names, share.share, sums=share.sums_share)
    return replace(erased, trained=trained, within=within, across=across, statistics=statistics)


_MEANS = (("trained", "train"), ("within", "heldout"), ("across", "dev"))
"""Each saved mean and the side it was measured on."""


def _less(mean: MeanLoss, losses: Tensor, hits: Tensor) -> MeanLoss | None:
    """A mean without some of its recordings; None if none is left."""
    left = mean.utterances - len(losses)
    if left <= 0:
        return None
    return MeanLoss(
        loss=max(0.0, (mean.loss * mean.utterances - float(losses.sum())) / left),
        accuracy=min(1.0, max(0.0, (mean.accuracy * mean.utterances - float(hits.sum())) / left)),
        utterances=left,
    )


def known_names(model: EmotionModel, forget_set: ForgetSet) -> list[str]:
    """Commitments of the recordings under the model's key; none for a model without a record."""
    record = model.erasure
    return [] if record is None else [record.commitment(waveform) for waveform in forget_set.waveforms]


def _sums_of(model: EmotionModel, forget_set: ForgetSet, rows: Sequence[int]) -> HeadSums | None:
    """What some recordings contribute to the sums of a head; features one clip at a time, as training makes them."""
    if not isinstance(model.network, RidgeNetwork):
        return None
    part = LearnedPart(model)
    items = part.features([forget_set.waveforms[row] for row in rows])
    with torch.no_grad():
        vectors = model.network.vectors(*pad_features(items, device=part.device))
    return model.network.sums(vectors, forget_set.labels[list(rows)])


def _curvature_of(model: EmotionModel, items: Sequence[Tensor], *, batch_size: int = 16) -> Curvature:
    was_training = model.training
    model.eval()
    items = sorted(items, key=lambda item: -len(item))
    device = LearnedPart(model).device
    batches = (
        pad_features(items[start : start + batch_size], device=device) for start in range(0, len(items), batch_size)
    )
    found = collect_curvature(model, model.classify, batches)
    model.train(was_training)
    return found
