"""affekt audit: two model directories and a corpus in; evidence, a verdict and a page out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError
from affekt.files import check_new_folder, new_folder, write_json, write_text
from affekt.metrics import cross_entropy
from affekt.metrics.deletion_rules import Tier
from affekt.models import EmotionModel, tensor_digest
from affekt.reports.audit_model_page import HEADLINES, audit_model_page
from affekt.reports.evidence import non_members
from affekt.reports.forget_appendix import saved_words
from affekt.reports.request import Request, read_request, rest_of
from affekt.training import FeatureStore, Progress, predict_rows, run_record, with_classes
from affekt.types import PathLike
from affekt.unlearning.audit import audit
from affekt.unlearning.audit_judge import AuditReport
from affekt.unlearning.harness import expected_loss

__all__ = ["ModelAudit", "audit_with_report", "read_references"]


@dataclass(frozen=True, kw_only=True)
class ModelAudit:
    """What an audit of a deletion found, and where the page is."""

    report: AuditReport
    content: dict[str, Any]
    """The content of audit.json."""
    page: Path | None
    """The HTML page, if a folder was asked for."""

    @property
    def succeeded(self) -> bool:
        """Whether the model after may replace the model before."""
        return self.report.succeeded

    @property
    def summary(self) -> list[str]:
        """The verdict, the tests that decided, and what was open."""
        lines = [f"{self.report.verdict}: {HEADLINES[self.report.verdict]}."]
        made = [item for item in self.report.items if item.criterion]
        for words, state in (("failed", False), ("passed", True), ("open", None)):
            names = [item.test for item in made if item.passed is state]
            lines += [f"{words}: {'; '.join(names)}"] if names else []
        kind = {"models": "reference models", "out-of-fold": "rows of out-of-fold answers"}.get(
            self.report.reference_kind, "references"
        )
        lines.append(f"tier {self.report.tier}, {self.report.references} {kind}, {self.report.recordings} recordings")
        if self.report.saved is not None:
            lines[-1] += f" ({saved_words(self.report.saved._asdict())})"
        return lines

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return self.content


def audit_with_report(
    before: PathLike,
    after: PathLike,
    corpus: Corpus,
    *,
    speaker: str | None = None,
    utterances: Sequence[str] | None = None,
    references: PathLike | None = None,
    heard: PathLike | None = None,
    unlearned: PathLike | None = None,
    tier: Tier | None = None,
    out: PathLike | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> ModelAudit:
    """Audit whether a model has forgotten a person or some recordings.

    Args:
        before: the model directory before the deletion.
        after: the model directory after it.
        corpus: holds the recordings; what else it holds allows more tests.
        speaker: all of one speaker should be forgotten ...
        utterances: ... or these utterances.
        references: a folder with directories of models that never heard the recordings.
        heard: a folder with directories of other models that were trained on the recordings, for online LiRA.
        unlearned: a folder with directories of other models that were trained on the recordings and made to forget
            them, for what only many models can show.
        tier: T0 or T1; None is the highest there is.
        out: a new folder for ``audit.json`` and ``report.html``.
        seed: of the resampling.
        progress: called as the work goes on.

    Raises:
        ConfigError: not exactly one of speaker and utterances is given, or T1 without references.
        DataError: ``out`` exists, the request cannot be found or read, or a reference does not fit.
        CheckpointError: a model directory is damaged.
    """
    started = time.perf_counter()
    folder = None if out is None else check_new_folder(out)
    if tier not in (None, "T0", "T1"):
        raise ConfigError(f"unknown tier {tier!r}; T0 or T1 was expected; the other tiers are for benchmarks.")
    tell = progress or (lambda message, done, total: None)
    tell("reading the models", 0, 3)
    first, second = EmotionModel.from_pretrained(before), EmotionModel.from_pretrained(after)
    others, inside, forgot = (() if path is None else read_references(path) for path in (references, heard, unlearned))
    request, remaining = read_request(first, corpus, speaker=speaker, utterances=utterances)
    tell("reading the corpus", 1, 3)
    if request.trained:
        forget_set = request.corpus.select(request.trained)
        rest = rest_of(first, remaining)
        tell("auditing", 2, 3)
        test = rest.corpus.select(rest.rows("test"))
        report = audit(
            first,
            second,
            forget_set,
            non_members(request, rest, forget_set, seed=seed),
            test=test,
            near=rest.corpus.select(rest.rows("train")),
            references=others,
            heard=inside,
            unlearned=forgot,
            scope=request.scope,
            tier=tier,
            target=_target(first, forget_set, request),
            seed=seed,
        )
    else:
        report = AuditReport(
            verdict="NOT_APPLICABLE", tier="T0", items=(), references=0, reference_kind="", recordings=0
        )
    content = run_record(
        "audit",
        format="affekt-audit-report",
        format_version=2,
        **report.to_json(),
        request={
            "scope": request.scope,
            "recordings": len(request.sides),
            "trained": len(request.trained),
            "seconds": round(request.seconds, 1),
            "known_from_record": request.recorded,
        },
        model={
            "family": first.config.family,
            "classes": list(first.classes),
            "before_sha256": tensor_digest(first),
            "after_sha256": tensor_digest(second),
            "references_sha256": [tensor_digest(model) for model in others],
            "heard_sha256": [tensor_digest(model) for model in inside],
            "unlearned_sha256": [tensor_digest(model) for model in forgot],
            "synthetic": any(bool(entry.get("synthetic")) for entry in first.config.history),
        },
        seed=seed,
        seconds=time.perf_counter() - started,
    )
    if folder is not None:
        page = audit_model_page(content, report.losses)
        with new_folder(folder) as place:
            write_json(place / "audit.json", content)
            write_text(place / "report.html", page)
    tell("done", 3, 3)
    return ModelAudit(report=report, content=content, page=None if folder is None else folder / "report.html")


def read_references(path: PathLike) -> tuple[EmotionModel, ...]:
    """The models in a folder: a model directory, or a folder of them.

    Raises:
        DataError: there is no model.
        CheckpointError: one is damaged.
    """
    folder = Path(path)
    found = [folder] if (folder / "config.json").is_file() else []
    if folder.is_dir():
        found += sorted(child for child in folder.iterdir() if (child / "config.json").is_file())
    if not found:
        what = f"{folder} holds no model directory" if folder.is_dir() else f"there is no model directory {folder}"
        raise DataError(
            f"{what}; a model that never heard the recordings, or a folder of such models, was expected; check the "
            "path, or leave it out."
        )
    return tuple(EmotionModel.from_pretrained(one) for one in found)


def _target(model: EmotionModel, forget_set: Corpus, request: Request) -> float | None:
    """The loss that the forget set should have come to."""
    labelled = with_classes(forget_set, model.config)
    logits = predict_rows(model, FeatureStore(model, labelled), np.arange(len(labelled)))
    return expected_loss(model, request.scope, float(cross_entropy(logits, labelled.labels()).mean()))
