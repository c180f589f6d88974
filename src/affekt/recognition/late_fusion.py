"""Models over a corpus, fused: weights from development recordings, scores on recordings that no model has met.

Which recordings were for development and which for testing, the models' own records say
(:func:`affekt.training.exposure`). Both are taken strictly: a recording is for testing, or for development, only if it
was that for every model. A model that reads gets the transcripts of the same corpus; how many of the scored utterances
have words that it has learned from, said by others, is counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError, ProtocolError
from affekt.metrics import joint_balance, probabilities, uar
from affekt.models import EmotionModel, tensor_digest
from affekt.recognition.fusion import FusedHeads, best_weights, head_score, weighted_mean
from affekt.recognition.fusion_scores import FusionScore, FusionTruth
from affekt.training import Exposure, FeatureStore, Progress, exposure, predict_heads
from affekt.training.intake import as_labelled, as_read
from affekt.types import FloatArray, IntArray

__all__ = ["MOST", "Fusion", "FusionWeighting", "fuse_models"]

MOST: Final = 5
"""Models that can be fused: the number of their weights that are tried grows fast."""

_ORDERS: Final = frozenset({"ranker"})
"""Families whose classes are levels of one score; their probabilities are a reading of it, not an opinion."""


@dataclass(frozen=True, kw_only=True)
class FusionWeighting:
    """Weights of M models, and where they are from."""

    emotions: tuple[float, ...]
    """One a model, 0 to 1; they add up to 1."""
    intents: tuple[float, ...]
    """The same for intents; empty for models that tell none."""
    chosen_by: Literal["jrbm_weighted", "uar"]
    """What was highest on the development utterances: JRBM of weighted F1, or UAR of emotions."""
    score: float
    """How high it was there; optimistic."""
    corpus: str
    """Name of the corpus of the development utterances."""
    own: bool
    """Whether these are what the models chose their best epoch on."""
    utterances: int
    """Development utterances with all labels that are needed."""
    speakers: int
    """Of these."""
    left_out: int
    """Utterances of the corpus, where one was named, that a model has met otherwise or that lack a transcript."""


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """What was fused, with what weights, and how good it is."""

    names: tuple[str, ...]
    """Of the M models."""
    classes: tuple[str, ...]
    intents: tuple[str, ...]
    """Empty for models that tell none."""
    weights: FusionWeighting
    rows: IntArray
    """Rows of the corpus that were scored, (N,)."""
    shares: FusedHeads
    """Fused probabilities of these rows, (N, K) and (N, I)."""
    speakers: int
    """Of the scored utterances, as far as they are known."""
    models: tuple[FusionScore, ...]
    """Each model alone."""
    mean: FusionScore
    """The plain mean, which chooses nothing."""
    fusion: FusionScore
    """The weighted mean."""
    mean_less: tuple[FusionScore, ...]
    """The plain mean less each model."""
    fusion_less: tuple[FusionScore, ...]
    """The fusion less each model."""
    fusion_less_mean: FusionScore
    chance: Mapping[str, float | None]
    """By the names of a score: UAR of guessing, and JRBM of always naming the most frequent emotion and intent."""
    sides: tuple[Mapping[str, int], ...]
    """For each model, how many recordings of the corpus stood on which side of its training."""
    not_common: int
    """Recordings that were for testing in the training of some model but not of all; they are not scored."""
    learned_words: int
    """Scored utterances with the same words as some that a model that reads has learned from, said by others."""
    without_text: int
    """Utterances of the corpus that were left out because a model reads and they have no transcript."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, without the probabilities of single utterances."""
        weights = asdict(self.weights)
        named = {
            head: dict(zip(self.names, found, strict=True)) if (found := weights.pop(head)) else None
            for head in ("emotions", "intents")
        }
        alone = zip(self.names, self.models, strict=True)
        less = (("fusion", self.fusion_less), ("plain mean", self.mean_less))
        return {
            "classes": list(self.classes),
            "intents": list(self.intents),
            "weights": {**named, **weights},
            "utterances": len(self.rows),
            "speakers": self.speakers,
            "not_common": self.not_common,
            "learned_words": self.learned_words,
            "without_text": self.without_text,
            "chance": dict(self.chance),
            "scores": [
                *({"name": name, "kind": "model", **asdict(one)} for name, one in alone),
                {"name": "plain mean", "kind": "mean", **asdict(self.mean)},
                {"name": "fusion", "kind": "fusion", **asdict(self.fusion)},
            ],
            "differences": [
                *(
                    {"of": of, "less": name, **asdict(one)}
                    for of, found in less
                    for name, one in zip(self.names, found, strict=True)
                ),
                {"of": "fusion", "less": "plain mean", **asdict(self.fusion_less_mean)},
            ],
        }


def fuse_models(
    models: Sequence[EmotionModel],
    corpus: Corpus,
    *,
    names: Sequence[str] | None = None,
    weights_from: Corpus | None = None,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Fusion:
    """Fuse what models of the same classes say of the recordings of a corpus that were for testing in every training.

    A model of a family that reads gets the transcripts (the column text) of the same utterances. Where the models tell
    intents, each head has its own weights, those with the highest JRBM (weighted F1) on development utterances that
    have both labels; where they tell none, the weights have the highest UAR there. Of equal ones those nearest to the
    plain mean are taken.

    Args:
        models: two to :data:`MOST`, each with the record of its training.
        corpus: what the models were trained on, or a part of it.
        names: what to call the models; None numbers them.
        weights_from: utterances to find the weights on; those that a model learned from, held out or was tested on are
            left out. None takes the recordings of the corpus that every model chose its best epoch on.
        resamples: bootstrap resamples of speakers.
        seed: of the resampling.
        progress: called as the work goes on.

    Raises:
        ConfigError: there are too few or too many models, one of them twice, or one that cannot be fused.
        DataError: the models have other classes or intents than the first, or no record; the corpus has no transcripts
            for one that reads, no test or no development recordings in common, or labels that do not fit.
        ProtocolError: a speaker is among the development recordings and among those that are scored.
    """
    named = tuple(f"model {place}" for place in range(1, len(models) + 1)) if names is None else tuple(names)
    _require_fit(models, named)
    tell = progress or (lambda message, done, total: None)
    steps = 2 + 2 * len(models)
    tell("looking for recordings the models know", 0, steps)
    usable, without_text = _usable(models, corpus)
    known = [exposure(model, usable) for model in models]
    tested, met = _on_side(known, "test"), _on_side(known, "dev")
    for_test, for_dev = np.flatnonzero(tested.all(0)), np.flatnonzero(met.all(0))
    if not len(for_test):
        raise DataError(
            f"no recording of {corpus.name} was for testing in the training of every model "
            f"(got {_counted(named, tested)}); a corpus that all were trained on with the same test speakers was "
            "expected; train them on the same corpus with one --seed."
        )
    test = usable.select(for_test)
    if weights_from is None:
        if not len(for_dev):
            raise DataError(
                f"no recording of {corpus.name} was for development in the training of every model "
                f"(got {_counted(named, met)}); recordings to find the weights on were expected; name a corpus that "
                "holds some with --weights-from."
            )
        dev, left_out = usable.select(for_dev), 0
    else:
        dev, left_out = _unmet(models, weights_from)
    _require_strangers(dev, test)
    truth = {"dev": _truth(models[0], dev), "test": _truth(models[0], test)}
    said: dict[str, list[FusedHeads]] = {"dev": [], "test": []}
    for side, part in (("dev", dev), ("test", test)):
        for model in models:
            tell("predicting", 1 + len(said["dev"]) + len(said["test"]), steps)
            said[side].append(_said(model, part))
    weights = _chosen(said["dev"], truth["dev"], source=dev, own=weights_from is None, left_out=left_out)
    tell("scoring", steps - 1, steps)
    even = (1.0 / len(models),) * len(models)
    mean, fused = _mixed(said["test"], even, even), _mixed(said["test"], weights.emotions, weights.intents)
    drawn: dict[str, Any] = {"resamples": resamples, "seed": seed}
    labels = truth["test"]
    found = Fusion(
        names=named,
        classes=models[0].classes,
        intents=models[0].config.intents,
        weights=weights,
        rows=_rows_of(corpus, test),
        shares=fused,
        speakers=len(test.speakers),
        models=tuple(labels.score(one, **drawn) for one in said["test"]),
        mean=labels.score(mean, **drawn),
        fusion=labels.score(fused, **drawn),
        mean_less=tuple(labels.difference(mean, one, **drawn) for one in said["test"]),
        fusion_less=tuple(labels.difference(fused, one, **drawn) for one in said["test"]),
        fusion_less_mean=labels.difference(fused, mean, **drawn),
        chance=labels.chance(),
        sides=tuple(one.counts() for one in known),
        not_common=int((tested.any(0) & ~tested.all(0)).sum()),
        learned_words=sum(any(one.learned[row] for one in known) for row in for_test),
        without_text=without_text,
    )
    tell("done", steps, steps)
    return found


# what fits together


def _require_fit(models: Sequence[EmotionModel], names: tuple[str, ...]) -> None:
    """Refuse what cannot be fused, before anything is read."""
    if not 2 <= len(models) <= MOST:
        raise ConfigError(f"{len(models)} models cannot be fused; two to {MOST} were expected; name others.")
    if len(names) != len(models) or len(set(names)) < len(names):
        raise ConfigError(
            f"the models are called {', '.join(names)}; {len(models)} different names were expected; change them."
        )
    digests: dict[str, str] = {}
    for name, model in zip(names, models, strict=True):
        twin = digests.setdefault(tensor_digest(model), name)
        if twin != name:
            raise ConfigError(
                f"{twin} and {name} are the same model (their weights are equal); different models were expected; "
                "name another."
            )
    first = models[0].config
    for name, model in zip(names, models, strict=True):
        config = model.config
        if not config.classes or config.family in _ORDERS:
            does = "orders recordings by one score" if config.family in _ORDERS else "estimates attributes alone"
            raise ConfigError(
                f"{name} cannot be fused (it is of the family {config.family} and {does}); models that tell classes "
                "apart were expected; name another."
            )
        if (config.classes, config.label, config.edges) != (first.classes, first.label, first.edges):
            raise DataError(
                f"{name} has the classes {', '.join(config.classes)} of {config.label} and {names[0]} has "
                f"{', '.join(first.classes)} of {first.label}; the same classes in the same order were expected; fuse "
                "models that were trained on the same corpus."
            )
        if config.intents != first.intents:
            raise DataError(
                f"{name} tells the intents {', '.join(config.intents) or 'none'} and {names[0]} tells "
                f"{', '.join(first.intents) or 'none'}; the same ones in the same order were expected; train both "
                "with intents = true, or both without."
            )
        if model.erasure is None:
            raise DataError(
                f"{name} does not know which recordings it was trained on (it has no erasure record); models trained "
                "by affekt were expected; train it again."
            )


def _usable(models: Sequence[EmotionModel], corpus: Corpus) -> tuple[Corpus, int]:
    """The utterances that every model can take in, labelled as the models are, and how many lack a transcript."""
    for model in models:
        as_read(corpus, model)  # refuses what a model cannot take in at all
    config = models[0].config
    labelled = replace(as_labelled(corpus, config), classes=config.classes)
    if all(model.reads == "sound" for model in models):
        return labelled, 0
    written = labelled.table["text"].is_not_null().to_numpy()
    return labelled.select(written), int((~written).sum())


def _unmet(models: Sequence[EmotionModel], corpus: Corpus) -> tuple[Corpus, int]:
    """The utterances of another corpus that no model learned from, held out or was tested on, and how many others."""
    usable, _ = _usable(models, corpus)
    sides = [exposure(model, usable).sides for model in models]
    free = np.asarray([all(side in (None, "dev") for side in found) for found in zip(*sides, strict=True)], np.bool_)
    if not free.any():
        raise DataError(
            f"no recording of {corpus.name} can give weights (got {len(corpus)} that a model learned from, held out "
            "or was tested on); others were expected; name a corpus of other recordings."
        )
    return usable.select(free), len(corpus) - int(free.sum())


def _require_strangers(dev: Corpus, test: Corpus) -> None:
    """No speaker is on both sides. Equal ids in corpora that share neither name nor folder are different people."""
    both = sorted(set(dev.speakers) & set(test.speakers))
    if both and (dev.name == test.name or _folders(dev) & _folders(test)):
        some = ", ".join(both[:5]) + (" and others" if len(both) > 5 else "")
        raise ProtocolError(
            f"the development recordings are of speakers that are scored (got {some}); other speakers were expected; "
            "leave these out, or name another corpus with --weights-from."
        )


def _folders(corpus: Corpus) -> set[Path]:
    """The folders that hold its recordings, and its root."""
    return {corpus.root.resolve(), *(corpus.path(row).parent.resolve() for row in range(len(corpus)))}


def _truth(model: EmotionModel, corpus: Corpus) -> FusionTruth:
    """The labels, which must do for weights and scores."""
    config = model.config
    corpus.select(pl.col("emotion").is_not_null()).labels()  # refuses emotions that no model knows
    found = FusionTruth.of(corpus, classes=config.classes, intents=config.intents)
    usable = found.both
    if len(np.unique(found.emotions[usable])) < 2:
        wanted = "an emotion and an intent" if config.intents else "an emotion"
        raise DataError(
            f"{corpus.name} has too few labels among the recordings that are left (got {len(usable)} of {len(corpus)} "
            f"with {wanted}, all of one emotion or none); two or more emotions were expected; label more of them."
        )
    return found


# what the models say


def _said(model: EmotionModel, corpus: Corpus) -> FusedHeads:
    heads = predict_heads(model, FeatureStore(model, corpus), np.arange(len(corpus)))
    intents = probabilities(heads.intents) if model.config.intents else heads.intents
    return FusedHeads(probabilities(heads.logits), intents)


def _mixed(said: Sequence[FusedHeads], emotions: Sequence[float], intents: Sequence[float]) -> FusedHeads:
    """The weighted mean of each head; models that tell no intents have no weights for them."""
    told = weighted_mean([one.intents for one in said], intents) if said[0].intents.shape[1] else said[0].intents
    return FusedHeads(weighted_mean([one.emotions for one in said], emotions), told)


def _chosen(
    said: Sequence[FusedHeads], truth: FusionTruth, *, source: Corpus, own: bool, left_out: int
) -> FusionWeighting:
    """The weights with the highest score on development utterances."""
    rows = truth.both
    emotions, intents = truth.emotions[rows], truth.intents[rows]
    heard = [one.emotions[rows] for one in said]
    speakers = {truth.speakers[row] for row in rows} - {None}
    facts: dict[str, Any] = {
        "corpus": source.name,
        "own": own,
        "utterances": len(rows),
        "speakers": len(speakers),
        "left_out": left_out,
    }
    if not truth.sizes[1]:

        def share(found: FloatArray) -> float:
            return uar(emotions, found.argmax(1), n_classes=truth.sizes[0])

        weights = best_weights(heard, share)
        highest = share(weighted_mean(heard, weights))
        return FusionWeighting(emotions=weights, intents=(), chosen_by="uar", score=highest, **facts)
    told = [one.intents[rows] for one in said]
    first, second = head_score(emotions, average="weighted"), head_score(intents, average="weighted")
    weights, others = best_weights(heard, first), best_weights(told, second)
    highest = joint_balance(first(weighted_mean(heard, weights)), second(weighted_mean(told, others)))
    return FusionWeighting(emotions=weights, intents=others, chosen_by="jrbm_weighted", score=highest, **facts)


# where recordings stood


def _on_side(known: Sequence[Exposure], side: str) -> npt.NDArray[np.bool_]:
    """Whether each recording stood on a side of each model's training, (M, N)."""
    return np.array([[found == side for found in one.sides] for one in known])


def _counted(names: Sequence[str], found: npt.NDArray[np.bool_]) -> str:
    return ", ".join(f"{int(one.sum())} for {name}" for name, one in zip(names, found, strict=True))


def _rows_of(corpus: Corpus, part: Corpus) -> IntArray:
    """Rows of a corpus that a part of it is made of, in order."""
    place = {name: row for row, name in enumerate(corpus.table["utterance"])}
    return np.array([place[name] for name in part.table["utterance"]], np.int64)
