"""A corpus as a model takes it in: with the classes it learned, from the column it learned them from."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from affekt.corpora import Corpus, labelled_by
from affekt.corpora.preferences import with_preference_levels
from affekt.errors import DataError
from affekt.models import ModelConfig
from affekt.models.digest import file_digest

__all__ = ["as_labelled", "as_taken", "preferences_changed", "with_classes"]


def as_taken(corpus: Corpus, model: ModelConfig) -> Corpus:
    """The corpus as a model takes it in: see :func:`as_labelled`. Doing it twice changes nothing more."""
    return as_labelled(corpus, model)


def as_labelled(corpus: Corpus, model: ModelConfig) -> Corpus:
    """The corpus with classes from the column that a model learned from; what it says of emotions is replaced by them.

    Where that column is ``preference`` and the corpus has none, it is made from the file of preferences that the model
    was trained with. Doing it twice changes nothing more.

    Args:
        corpus: any utterances.
        model: what takes them in.

    Raises:
        DataError: the column is empty, or the file of preferences cannot be read.
    """
    if not model.classes:
        return corpus
    if model.label == "preference" and "preference" not in corpus.table.columns and (named := _preferences(model)):
        if not Path(named["path"]).is_file():
            raise DataError(
                f"the levels of this model come from the file of preferences {named['path']}, which is not there; the "
                "file it was trained with was expected; put it back, or fill a column preference of the corpus."
            )
        corpus = with_preference_levels(corpus, named["path"])
    return labelled_by(corpus, model.label, classes=model.classes, edges=model.edges)


def with_classes(corpus: Corpus, model: ModelConfig) -> Corpus:
    """The corpus labelled as a model was trained: its classes in its order, from the column it learned from.

    Raises:
        DataError: the corpus has an emotion that the model does not know, or none at all.
    """
    changed = replace(as_taken(corpus, model), classes=model.classes)
    changed.labels()
    return changed


def preferences_changed(model: ModelConfig) -> bool:
    """Whether the file of preferences that a model was trained with is there and holds something else by now."""
    named = _preferences(model)
    return bool(named) and Path(named["path"]).is_file() and file_digest(named["path"]) != named["sha256"]


def _preferences(model: ModelConfig) -> dict[str, str]:
    """Path and SHA-256 of the file of preferences, as the history has them; empty if there was none."""
    training: dict[str, Any] = next((entry for entry in model.history if entry.get("event") == "training"), {})
    found: dict[str, str] = training.get("files", {}).get("preferences", {})
    return found
