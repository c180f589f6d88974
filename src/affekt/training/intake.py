"""A corpus as a model takes it in: with the classes it learned, from the column it learned them from; heard or read."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from affekt.corpora import Corpus, TextCorpus, as_text, labelled_by
from affekt.corpora.preferences import with_preference_levels
from affekt.errors import DataError
from affekt.models import EmotionModel, ModelConfig
from affekt.models.digest import file_digest

__all__ = ["as_labelled", "as_read", "preferences_changed", "with_classes"]


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


def as_read(corpus: Corpus, model: EmotionModel) -> Corpus:
    """The utterances as a model takes them in: their words (the column text) for one that reads, else as they are.

    Whatever hands what a corpus loads to a model, or to its record, goes through this; doing it twice changes nothing.

    Raises:
        DataError: the model reads and no utterance has a text, or it hears and there is only text.
    """
    if model.reads == "text":
        if len(corpus) and corpus.table["text"].is_null().all():
            raise DataError(
                f"corpus '{corpus.name}' has no text, and a model of the family {model.config.family} reads words; "
                "those of every utterance were expected in the column text; fill it, or take a family that hears."
            )
        return as_text(corpus)
    if isinstance(corpus, TextCorpus):
        raise DataError(
            f"corpus '{corpus.name}' is one to read (medium = \"text\"), and a model of the family "
            f"{model.config.family} hears; one with recordings was expected; take the family text."
        )
    return corpus


def with_classes(corpus: Corpus, model: ModelConfig) -> Corpus:
    """The corpus labelled as a model was trained: its classes in its order, from the column it learned from.

    Raises:
        DataError: the corpus has an emotion that the model does not know, or none at all.
    """
    changed = replace(as_labelled(corpus, model), classes=model.classes)
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
