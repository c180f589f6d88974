"""audit: two models and the recordings that should be forgotten in, evidence with its power and a verdict out."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from torch import Tensor

from affekt.corpora import Corpus
from affekt.errors import DataError
from affekt.metrics import collateral_damage, cross_entropy, phi
from affekt.metrics.deletion_rules import LEAST_REFERENCES, RECORD, Tier
from affekt.models import EmotionModel, tensor_digest
from affekt.training import FeatureStore, as_read, predict_rows, with_classes
from affekt.types import FloatArray, IntArray
from affekt.unlearning.audit_answers import Answers, SavedRows, Sets
from affekt.unlearning.audit_ensembles import EnsembleEvidence, ensemble_evidence
from affekt.unlearning.audit_items import Item
from affekt.unlearning.audit_judge import AuditReport, judge
from affekt.unlearning.audit_population import speaker_numbers
from affekt.unlearning.audit_probes import Probed, can_be_probed, probe_items, probed

__all__ = ["audit", "record_item", "saved_rows"]

_PUBLIC = 300
_NEAR = 150


def audit(
    before: EmotionModel,
    after: EmotionModel,
    forget_set: Corpus,
    others: Corpus | None = None,
    *,
    test: Corpus | None = None,
    near: Corpus | None = None,
    references: Sequence[EmotionModel] = (),
    heard: Sequence[EmotionModel] = (),
    unlearned: Sequence[EmotionModel] = (),
    scope: Literal["speaker", "utterances"] = "utterances",
    tier: Tier | None = None,
    target: float | None = None,
    seed: int = 0,
) -> AuditReport:
    """Audit a deletion.

    Args:
        before: the model that was trained on the forget set.
        after: the model that should have forgotten it.
        forget_set: exactly the recordings that should be forgotten and had been trained on.
        others: recordings no model was trained on, matched with the forget set.
        test: recordings of test speakers, for utility, drift and what the probes train on.
        near: recordings that stay, to look for damage near the forget set.
        references: models that never heard the forget set. Without any, the out-of-fold rows that erasure-ready
            training saved in the model before serve, if there are four repeats or more.
        heard: other models that were trained on the forget set, for online LiRA; four or more.
        unlearned: other models that were trained on the forget set and made to forget it, for what only many models
            can show (U-LiRA, KLOM, forgetting quality, certified epsilon); four or more, with eight references or more.
        scope: whether all of a speaker went or some utterances.
        tier: T0 without references, T1 with; None is the highest there is.
        target: mean loss the forget set should have come to, nats; decides at T0.
        seed: of the resampling.

    Returns:
        The report. Ids of people or recordings are nowhere in it.

    Raises:
        ConfigError: T1 with fewer than four references.
        DataError: classes differ, a reference was trained on the forget set, a model is there twice, or there are too
            few of a kind.
    """
    groups = {"reference": references, "model that heard them": heard, "unlearned model": unlearned}
    many = [(name, model) for name, models in groups.items() for model in models]
    for name, model in (("model after", after), *many):
        if model.classes != before.classes:
            raise DataError(
                f"the {name} has the classes {', '.join(model.classes)}; {', '.join(before.classes)} were expected, in "
                "this order; audit models of the same classes."
            )
    own = {tensor_digest(before), tensor_digest(after)}
    seen = [tensor_digest(model) for _, model in many]
    if own & set(seen) or len(set(seen)) < len(seen):
        raise DataError(
            "a reference model is one of the audited models, or a model is there twice; different models were "
            "expected, and references that never heard the recordings; leave it out."
        )
    if 0 < len(heard) < LEAST_REFERENCES or 0 < len(unlearned) < LEAST_REFERENCES:
        raise DataError(
            f"there are too few models (got {len(heard)} that heard the recordings and {len(unlearned)} unlearned "
            f"ones); {LEAST_REFERENCES} or more of a kind were expected, or none; give more."
        )
    if unlearned and len(references) < 2 * LEAST_REFERENCES:
        raise DataError(
            f"unlearned models have too few references to stand beside (got {len(references)}); {2 * LEAST_REFERENCES} "
            "or more models that never heard the recordings were expected, half of them for the null; give more."
        )
    reader = _Reader(before, tuple(references))
    read = as_read(forget_set, before)
    waveforms = [read.load(row, sample_rate=before.config.sample_rate) for row in range(len(read))]
    for name, model in many:
        if model.erasure is None or not any(model.erasure.commitments.values()):
            continue
        count = sum(model.erasure.side(waveform) == "train" for waveform in waveforms)
        if name == "reference" and count:
            raise DataError(
                f"a reference model was trained on {count} of the recordings; models that never heard them were "
                "expected; retrain it without them, or leave it out."
            )
        if name == "model that heard them" and count < len(waveforms):
            raise DataError(
                f"a model that should have heard the recordings was trained on {count} of {len(waveforms)}; models "
                "trained on all of them were expected; train it with them, or leave it out."
            )
    rows, composite, saved = (None, 1, None) if references else saved_rows(before, waveforms, scope)
    sets = Sets(
        forget=reader.answers(forget_set, after, rows=rows),
        others=None if others is None or not len(others) else reader.answers(others, after),
        test=None if test is None or not len(test) else reader.answers(test, after),
        composite=composite,
        saved=saved,
    )
    items = [record_item(after, waveforms)]
    missing = []
    public = test if test is not None and len(test) else others
    if tier != "T0" and sets.count >= LEAST_REFERENCES:
        if public is not None and len(public) and can_be_probed(after):
            items += _probes(reader, after, forget_set, public, others, seed=seed)
        else:
            why = "there were no recordings to train on" if can_be_probed(after) else "no gradient trains this model"
            missing.append(f"Relearning and what the features say: {why}.")
        if near is not None and len(near) and references:
            items += _collateral(reader, after, near, forget_set)
    if not references:
        missing.append("Anything beside whole models retrained without the recordings: none were given.")
    inside = np.stack([reader.logits(model, forget_set) for model in heard]) if heard else None
    if sets.count >= LEAST_REFERENCES and tier != "T0" and inside is None:
        missing.append("Attackers with models trained with the recordings (online LiRA): none were given.")
    if not unlearned:
        missing.append(
            "Attackers with many models trained with each recording and then made to forget it (U-LiRA); see tier T3."
        )
    missing.append(
        "Whether the model before, or a copy of it, is still somewhere: whoever has both models sees the difference."
    )
    report = judge(sets, tier=tier, target=target, trained=inside, probes=items, not_tested=missing, seed=seed)
    if unlearned and sets.forget.references is not None:
        report = replace(report, ensemble=_ensemble(reader, (after, *unlearned), forget_set, sets.forget, seed=seed))
    return replace(report, losses=_losses(sets))


def _ensemble(
    reader: "_Reader", unlearned: Sequence[EmotionModel], forget_set: Corpus, answers: Answers, *, seed: int
) -> EnsembleEvidence:
    """What only many models can show; half of the references are the null."""
    assert answers.references is not None
    tables = [reader.logits(model, forget_set) for model in unlearned], answers.references
    first, second = (np.stack([phi(logits, answers.labels) for logits in table]) for table in tables)
    return ensemble_evidence(first, second, seed=seed)


@dataclass
class _Reader:
    """Reads every corpus once for each front end."""

    before: EmotionModel
    references: tuple[EmotionModel, ...]
    stores: dict[tuple[int, str], FeatureStore] = field(default_factory=dict)
    corpora: list[Corpus] = field(default_factory=list)
    """Kept, so that no other corpus gets the same id."""

    def store(self, model: EmotionModel, corpus: Corpus) -> FeatureStore:
        """The features of a corpus for a model; models with the same front end share them."""
        key = (id(corpus), model.front_end_key())
        if key not in self.stores:
            self.corpora.append(corpus)
            self.stores[key] = FeatureStore(model, with_classes(corpus, model.config))
        return self.stores[key]

    def logits(self, model: EmotionModel, corpus: Corpus) -> FloatArray:
        """(N, C) float64."""
        return predict_rows(model, self.store(model, corpus), np.arange(len(corpus))).astype(np.float64)

    def features(self, model: EmotionModel, corpus: Corpus) -> list[Tensor]:
        """Front-end features of every recording."""
        store = self.store(model, corpus)
        return [store[row] for row in range(len(corpus))]

    def labels(self, corpus: Corpus) -> IntArray:
        """(N,)."""
        return with_classes(corpus, self.before.config).labels()

    def answers(self, corpus: Corpus, after: EmotionModel, *, rows: FloatArray | None = None) -> Answers:
        """What all models say; ``rows`` (K, N, C) stand in for references."""
        if self.references:
            rows = np.stack([self.logits(model, corpus) for model in self.references])
        return Answers(
            labels=self.labels(corpus),
            before=self.logits(self.before, corpus),
            after=self.logits(after, corpus),
            references=rows,
            speakers=speaker_numbers(corpus.table["speaker"].to_list()),
        )


def saved_rows(
    model: EmotionModel, waveforms: Sequence[FloatArray], scope: Literal["speaker", "utterances"]
) -> tuple[FloatArray | None, int, SavedRows | None]:
    """Out-of-fold logits (R, n, C) saved in a model, of how many models each row of them is made, and where from."""
    if model.erasure is None or model.erasure.statistics is None:
        return None, 1, None
    saved, rule = model.erasure.statistics, "across" if scope == "speaker" else "within"
    found = saved.teachers([model.erasure.commitment(waveform) for waveform in waveforms], rule)  # type: ignore[arg-type]
    if found is None or found.shape[1] < LEAST_REFERENCES or not bool(found.isfinite().all()):
        return None, 1, None
    folds = saved.fold_counts.get(rule, 0)  # type: ignore[call-overload]
    # a speaker is in one fold of speakers, so one model speaks for all of the speaker's recordings
    composite = 1 if scope == "speaker" else max(2, folds or len(saved.folds) or 5)
    rows = np.asarray(found.double().numpy().transpose(1, 0, 2))
    return rows, composite, SavedRows(rule, folds, len(rows))


def _losses(sets: Sets) -> dict[str, FloatArray]:
    """Losses for a picture: of the forget set before, after and in the references, and of recordings never heard."""
    forget, others = sets.forget, sets.others
    found: dict[str, FloatArray] = {
        name: cross_entropy(getattr(forget, name), forget.labels) for name in ("before", "after")
    }
    if forget.references is not None:
        found["references"] = np.mean([cross_entropy(one, forget.labels) for one in forget.references], axis=0)
    if others is not None:
        found["others"] = cross_entropy(others.after, others.labels)
    return found


def record_item(after: EmotionModel, waveforms: Sequence[FloatArray]) -> Item:
    """Whether the model after still says that it was trained on the recordings."""
    record = after.erasure
    if record is None or not any(record.commitments.values()):
        return Item(test=RECORD, tier="T0", estimate=None, note="the model after keeps no record of its recordings")
    rows = set() if record.statistics is None else set(record.statistics.names)
    named = [record.side(waveform) is not None or record.commitment(waveform) in rows for waveform in waveforms]
    return Item.judged(RECORD, "T0", float(sum(named)), criterion="0", unit="recordings it still names")


def _probes(
    reader: _Reader, after: EmotionModel, forget_set: Corpus, public: Corpus, others: Corpus | None, *, seed: int
) -> list[Item]:
    few = public.select(np.random.default_rng(seed).permutation(len(public))[:_PUBLIC])

    def probe(model: EmotionModel) -> Probed:
        model.eval()
        return probed(
            model,
            (reader.features(model, forget_set), reader.labels(forget_set)),
            (reader.features(model, few), reader.labels(few)),
            None if others is None or not len(others) else reader.features(model, others),
            seed=seed,
        )

    found = [probe(model) for model in (reader.before, after, *reader.references)]
    return probe_items(found[0], found[1], found[2:], recordings=len(forget_set))


def _sentences(corpus: Corpus) -> list[str | None]:
    """What is said in each recording, by name or in words, where the corpus knows."""
    for column in ("sentence", "text"):
        if column in corpus.table.columns:
            return [None if said is None else str(said) for said in corpus.table[column].to_list()]
    return [None] * len(corpus)


def _collateral(reader: _Reader, after: EmotionModel, near: Corpus, forget_set: Corpus) -> list[Item]:
    """Distance to the references on recordings that stay, by how near they are to the forget set."""
    said, spoken = (_sentences(corpus) for corpus in (near, forget_set))
    speakers, sentences = set(forget_set.table["speaker"].drop_nulls().to_list()), set(spoken) - {None}
    groups = np.array(
        [
            "same speaker" if speaker in speakers else "same sentence" if sentence in sentences else "rest"
            for speaker, sentence in zip(near.table["speaker"].to_list(), said, strict=True)
        ]
    )
    order = np.random.default_rng(0).permutation(len(near))
    kept = np.sort(np.concatenate([order[groups[order] == name][:_NEAR] for name in np.unique(groups)]))
    corpus, groups = near.select(kept), groups[kept]
    answers = reader.answers(corpus, after)
    if answers.references is None or len(answers.references) < 2:
        return []
    tables = [phi(logits, answers.labels) for logits in (answers.before, answers.after)]
    gold = np.stack([phi(logits, answers.labels) for logits in answers.references])
    first, second = (collateral_damage(table, gold, groups, clusters=answers.speakers) for table in tables)
    return [
        Item.shown(
            f"collateral damage: {name}",
            "T1",
            found.gap,
            before=first[name].gap.estimate,
            retrained=found.floor,
            unit="mean distance of phi to the references",
            power=f"references among themselves: {found.floor:.3f}; {found.utterances} recordings",
        )
        for name, found in second.items()
    ]
