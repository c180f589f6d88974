"""Which method to try, and which next: decided by what training saved, in an order that is declared beforehand."""

from affekt.models import EmotionModel
from affekt.unlearning.erasing import known_names
from affekt.unlearning.harness import METHODS, Scope
from affekt.unlearning.material import ForgetSet

__all__ = ["candidates", "default_method"]


def default_method(model: EmotionModel, forget_set: ForgetSet, scope: Scope) -> str:
    """The first of :func:`candidates`."""
    return candidates(model, forget_set, scope)[0]


def candidates(model: EmotionModel, forget_set: ForgetSet, scope: Scope) -> tuple[str, ...]:
    """Forget-only methods for a request, the first to be tried first.

    - with the sums of a closed-form head: ``exact``, and nothing else is needed;
    - with out-of-fold outputs and curvature: ``out_of_fold``, then ``kfac``;
    - always: ``amun``, then ``gradient_ascent``;
    - last, when a kept fold model was trained on none of the recordings: ``fold_swap``, which is clean but was trained
      on fewer speakers.

    Args:
        model: with what training saved.
        forget_set: the request.
        scope: whether a whole speaker goes.
    """
    order: list[str] = []
    saved = None if model.erasure is None else model.erasure.statistics
    clean = None
    if saved is not None:
        names = known_names(model, forget_set)
        if getattr(saved, "sums", None) is not None:
            return ("exact",)
        if (
            saved.curvature is not None
            and saved.teachers(names, "across" if scope == "speaker" else "within") is not None
        ):
            order += ["out_of_fold", "kfac"]
        clean = saved.clean_fold(names)
    order += ["amun", "gradient_ascent"]
    if clean is not None and "fold_swap" in METHODS:
        order.append("fold_swap")
    return tuple(order)
