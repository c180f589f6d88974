"""forget: one door to every method, which hands a method what it declared and nothing more."""

import copy
import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Literal

import torch
from torch import nn

from affekt.audio.batching import pad_batch
from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError, ProtocolError
from affekt.models import Drift, EmotionModel
from affekt.unlearning import (
    amun,
    bad_teacher,
    boundary_shrink,
    exact,
    finetune,
    fold_swap,
    forget_set_alone,
    gradient_ascent,
    head_newton,
    jit,
    kfac,
    l2ul,
    negmerge,
    out_of_fold,
    random_labels,
    random_labels_retained,
    retrain,
    salun,
    scrub,
    ssd,
)
from affekt.unlearning.descent import MethodLog
from affekt.unlearning.drift import drifted
from affekt.unlearning.erasing import SavedShare, erased_record, known_names, saved_share
from affekt.unlearning.material import ForgetSet, Material, Needs, Retained, teachers_loss

__all__ = ["DEFAULT_METHOD", "METHODS", "ForgetResult", "Scope", "forget", "method_config"]

Scope = Literal["speaker", "utterances"]

METHODS: dict[str, ModuleType] = {
    "amun": amun,
    "bad_teacher": bad_teacher,
    "boundary_shrink": boundary_shrink,
    "exact": exact,
    "finetune": finetune,
    "fold_swap": fold_swap,
    "forget_set_alone": forget_set_alone,
    "gradient_ascent": gradient_ascent,
    "head_newton": head_newton,
    "jit": jit,
    "kfac": kfac,
    "l2ul": l2ul,
    "negmerge": negmerge,
    "out_of_fold": out_of_fold,
    "random_labels": random_labels,
    "random_labels_retained": random_labels_retained,
    "retrain": retrain,
    "salun": salun,
    "scrub": scrub,
    "ssd": ssd,
}
"""Name -> module with ``NEEDS``, ``Config`` and ``unlearn(model, material, config, *, seed)``."""

_STARTS_ANEW = ("fold_swap", "retrain")
"""Methods after which the weights are those of a training."""
_EXACT = ("exact",)
"""Methods that move the weights to where training would put them."""

DEFAULT_METHOD = "amun"
"""What ``forget`` uses unless told otherwise: the forget-only method that did best while settings were chosen, on the
built-in corpus."""


@dataclass(frozen=True, kw_only=True)
class ForgetResult:
    """A model that has been made to forget, and how that went."""

    model: nn.Module
    """A copy; the model that was passed in is unchanged."""
    method: str
    config: dict[str, Any]
    needs: tuple[str, ...]
    """What the method declared, and all it was given."""
    scope: Scope
    utterances: int
    log: MethodLog
    seconds: float
    """Wall time of the method, attack, importance and the look-up of saved statistics included; reading the recordings
    is not."""


def method_config(method: str, **changes: Any) -> Any:
    """The settings of a method with some changed; ``attack`` may be a mapping.

    Raises:
        ConfigError: the method or a setting is unknown, or a value is out of range.
    """
    config = _module(method).Config()
    return _changed(config, changes, where=method)


def forget(
    model: nn.Module,
    forget_set: ForgetSet | Corpus,
    *,
    method: str = DEFAULT_METHOD,
    config: Any = None,
    scope: Scope = "utterances",
    target_loss: float | None = None,
    retained: Retained | Callable[[], Retained] | None = None,
    seed: int = 0,
    cache: dict[str, object] | None = None,
) -> ForgetResult:
    """Make a copy of a model that has forgotten some recordings.

    Args:
        model: an :class:`~affekt.models.EmotionModel`, or any module from waveforms (B, T) and lengths (B,) to logits
            (B, K).
        forget_set: the recordings to forget and their labels; a corpus of exactly these will do for an EmotionModel.
        method: a key of :data:`METHODS`.
        config: the method's settings; None is its defaults.
        scope: whether some utterances of people who stay are forgotten, or all of a speaker: it decides which saved
            loss the calibrated stop aims at (held-out utterances of training speakers, or held-out speakers).
        target_loss: mean cross-entropy in nats to aim at instead of the saved one (by the stop rule ``calibrated``,
            which is then the default).
        retained: the data that stay, for methods that declare them; no other method ever sees this argument.
        seed: everything random flows from it.
        cache: adversarial copies to share between methods; pass one dictionary a model and forget set.

    Raises:
        ConfigError: the method or its settings are unknown, or the calibrated stop has no target.
        DataError: the forget set is empty or unlabelled, or a recording is silent or cannot be read.
        ProtocolError: the method needs retained data and has none.
    """
    module = _module(method)
    default = config is None
    config = module.Config() if default else config
    if not isinstance(config, module.Config):
        raise ConfigError(
            f"the settings are a {type(config).__name__}; {method}.Config was expected; use method_config({method!r})."
        )
    if isinstance(forget_set, Corpus):
        if not isinstance(model, EmotionModel):
            raise ConfigError(
                "a corpus can only be forgotten by an EmotionModel, which knows its classes; pass a ForgetSet."
            )
        forget_set = ForgetSet.of(forget_set, model)
    n_classes = _check(model, forget_set)
    needs: frozenset[Needs] = module.NEEDS
    if Needs.RETAINED_DATA in needs and retained is None:
        raise ProtocolError(
            f"{method} needs the retained data, which were not given; pass retained=, or choose a forget-only method: "
            f"{', '.join(forget_only_methods())}."
        )
    target_gap = None
    if Needs.SAVED_STATISTICS in needs and isinstance(model, EmotionModel):
        target_gap = saved_gap(model, scope) if target_loss is None else None
        target_loss = saved_target(model, scope) if target_loss is None else target_loss
    if default and getattr(config, "stop", None) == "gap" and target_gap is None and target_loss is not None:
        config = replace(config, stop="calibrated")  # only an absolute target is known
    preparing = time.perf_counter()
    statistics = saved_share(model, forget_set, scope) if isinstance(model, EmotionModel) else SavedShare()
    preparing = time.perf_counter() - preparing
    given = statistics if Needs.ERASURE_STATISTICS in needs else SavedShare()
    supplier = None
    if Needs.RETAINED_DATA in needs and retained is not None:
        supplier = retained if callable(retained) else lambda: retained
    material = Material(
        forget_set=forget_set,
        n_classes=n_classes,
        target_loss=target_loss if Needs.SAVED_STATISTICS in needs else None,
        target_gap=target_gap,
        teachers=given.teachers,
        curvature=given.curvature,
        share=given.share,
        trained=given.inside,
        clean_fold=given.clean_fold,
        sums=given.sums,
        items=given.items,
        supplier=supplier,
        cache={} if cache is None else cache,
    )
    changed = copy.deepcopy(model).eval()
    started = time.perf_counter()
    log: MethodLog = module.unlearn(changed, material, config, seed=seed)
    seconds = time.perf_counter() - started + (preparing if Needs.ERASURE_STATISTICS in needs else 0.0)
    if isinstance(changed, EmotionModel):
        _note(changed, forget_set, original=model, share=statistics, method=method, scope=scope, log=log)
    return ForgetResult(
        model=changed.eval(),
        method=method,
        config=dataclasses.asdict(config),
        needs=tuple(sorted(need.value for need in needs)),
        scope=scope,
        utterances=len(forget_set),
        log=log,
        seconds=seconds,
    )


def forget_only_methods() -> tuple[str, ...]:
    """Names of the methods that never need retained data."""
    return tuple(name for name, module in METHODS.items() if Needs.RETAINED_DATA not in module.NEEDS)


def saved_target(model: EmotionModel, scope: Scope) -> float | None:
    """The held-out loss that training saved for a scope; None if it saved none."""
    if model.erasure is None:
        return None
    held_out = model.erasure.across if scope == "speaker" else model.erasure.within
    return None if held_out is None else held_out.loss


def saved_gap(model: EmotionModel, scope: Scope) -> float | None:
    """The held-out loss of a scope minus the loss on the training set; None if training saved neither."""
    target = saved_target(model, scope)
    if target is None or model.erasure is None or model.erasure.trained is None:
        return None
    return target - model.erasure.trained.loss


def expected_loss(
    model: EmotionModel, scope: Scope, loss_before: float, *, forget_set: ForgetSet | None = None
) -> float | None:
    """What the loss of a forget set should be had the model never heard it, in nats; None if nothing was saved.

    The mean loss of models that never heard these recordings, if erasure-ready training saved what they say; else the
    loss before plus the saved gap between held-out and training recordings (not less than the loss before), which keeps
    what is particular to these recordings; or the saved loss of held-out recordings where no gap is known.
    """
    if forget_set is not None and model.erasure is not None and model.erasure.statistics is not None:
        names = known_names(model, forget_set)
        logits = model.erasure.statistics.teachers(names, "across" if scope == "speaker" else "within")
        if logits is not None:
            return teachers_loss(logits, forget_set.labels)
    gap = saved_gap(model, scope)
    return saved_target(model, scope) if gap is None else loss_before + max(0.0, gap)


def _module(method: str) -> ModuleType:
    if method not in METHODS:
        raise ConfigError(f"unknown method {method!r}; one of {', '.join(METHODS)} was expected; choose one of these.")
    return METHODS[method]


def _changed(config: Any, changes: dict[str, Any], *, where: str) -> Any:
    import difflib

    known = {field.name: field for field in dataclasses.fields(config)}
    for name in changes:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise ConfigError(f"unknown setting {name!r} of {where}; did you mean {near!r}?")
    values = {
        name: _changed(getattr(config, name), value, where=f"{where}.{name}")
        if dataclasses.is_dataclass(getattr(config, name)) and isinstance(value, dict)
        else value
        for name, value in changes.items()
    }
    try:
        return replace(config, **values)
    except TypeError as error:
        raise ConfigError(f"a setting of {where} has a value of the wrong type ({error}); correct it.") from None


def _check(model: nn.Module, forget_set: ForgetSet) -> int:
    """Number of classes, after trying the model on the first recording."""
    for number, waveform in enumerate(forget_set.waveforms):
        samples = torch.as_tensor(waveform)
        if not len(samples) or not bool((samples != 0).any()):
            raise DataError(
                f"recording {number + 1} of the forget set is silent or empty; speech was expected; leave it out."
            )
        if not bool(torch.isfinite(samples).all()):
            raise DataError(
                f"recording {number + 1} of the forget set holds NaN or infinite samples; finite ones were expected; "
                "leave it out."
            )
    waveforms, lengths = pad_batch([forget_set.waveforms[0]])
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    with torch.no_grad():
        n_classes = int(model(waveforms.to(device), lengths.to(device)).shape[1])
    model.train(was_training)
    low, high = int(forget_set.labels.min()), int(forget_set.labels.max())
    if low < 0 or high >= n_classes:
        wrong = low if low < 0 else high
        raise DataError(f"a label of the forget set is {wrong}; 0 to {n_classes - 1} was expected; check the labels.")
    return n_classes


def _note(
    model: EmotionModel,
    forget_set: ForgetSet,
    *,
    original: nn.Module,
    share: SavedShare,
    method: str,
    scope: Scope,
    log: MethodLog,
) -> None:
    """Write the deletion into the model's history and take the recordings out of its erasure record."""
    if model.erasure is not None and isinstance(original, EmotionModel):
        trained = model.erasure.commitments.get("train", frozenset())
        recordings = len(set(known_names(original, forget_set)) & trained)
        drift = model.erasure.drift
        if method in _STARTS_ANEW:
            drift = Drift()
        elif method not in _EXACT:
            drift = drifted(drift, original, model, recordings=recordings, curvature=share.curvature)
        model.erasure = replace(erased_record(model.erasure, original, forget_set, share), drift=drift)
    entry = {
        "event": "deletion",
        "method": method,
        "scope": scope,
        "utterances": len(forget_set),
        "stopped": log.stopped,
    }
    model.config = replace(model.config, history=(*model.config.history, entry))
