"""forget_with_report: a model and a request in; a model that has forgotten, and a report that can say no, out."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from affekt.corpora import Corpus
from affekt.encoders import chosen_cache
from affekt.errors import ConfigError, DataError
from affekt.files import check_new_folder, new_folder, write_json, write_text
from affekt.metrics.deletion_rules import MINIMUM_COUNT, RULES, SUCCESS, TESTS, VERDICTS, Tier
from affekt.models import EmotionModel, tensor_digest
from affekt.reports.audit_model_report import read_references
from affekt.reports.evidence import REFERENCE, RETRAINED, Evidence, gather
from affekt.reports.forget_page import forget_page
from affekt.reports.request import Request, Rest, read_request, read_training, rest_of, retained_data
from affekt.training import Progress, run_record
from affekt.types import PathLike
from affekt.unlearning import DEFAULT_METHOD, METHODS, ForgetResult, Needs, Retained, forget, method_config
from affekt.unlearning.audit_items import deciding
from affekt.unlearning.auto import candidates
from affekt.unlearning.drift import spent
from affekt.unlearning.erasing import erased_record
from affekt.unlearning.harness import expected_loss

__all__ = ["ForgetReport", "forget_with_report"]


@dataclass(frozen=True, kw_only=True)
class ForgetReport:
    """What a deletion did, and where the report about it is."""

    verdict: str
    """One of ``affekt.reports.VERDICTS``."""
    content: dict[str, Any]
    """The content of report.json."""
    report_path: Path
    """The HTML report."""

    @property
    def succeeded(self) -> bool:
        """Whether the new model may replace the old one."""
        return self.verdict in SUCCESS

    @property
    def summary(self) -> list[str]:
        """Lines of plain text: the verdict, what was forgotten, what it cost, what the tests said, what was tried."""
        return [
            f"{self.verdict}: {VERDICTS[self.verdict]}",
            _forgotten_line(self.content),
            _quality_line(self.content),
            _tests_line(self.content),
            *_attempts_line(self.content),
            *_drift_line(self.content),
        ]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return self.content


AUTO: Final = "auto"
"""The word for letting affekt choose the method."""


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    """One method tried."""

    name: str
    result: ForgetResult
    evidence: Evidence
    target: float | None

    @property
    def verdict(self) -> str:
        """That of its audit."""
        return self.evidence.report.verdict

    @property
    def failed(self) -> list[str]:
        """The tests it failed."""
        return [item.test for item in self.evidence.report.items if item.passed is False]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "method": self.name,
            "tier": self.evidence.report.tier,
            "verdict": self.verdict,
            "stopped": self.result.log.stopped,
            "seconds": self.result.seconds,
            "failed_tests": self.failed,
        }


def forget_with_report(
    model: PathLike,
    corpus: Corpus,
    out: PathLike,
    *,
    speaker: str | None = None,
    utterances: Sequence[str] | None = None,
    method: str = AUTO,
    settings: dict[str, Any] | None = None,
    seed: int = 0,
    retrained: PathLike | None = None,
    progress: Progress | None = None,
) -> ForgetReport:
    """Make a model forget a person or some recordings; write the new model with a report about it.

    A forget-only method sees the requested recordings and nothing else. The rest of the corpus, where there is any, is
    opened after the model has been changed, and only to measure.

    Args:
        model: a model directory.
        corpus: holds the requested recordings; what else it holds allows more tests.
        out: a new folder: the model, ``run.json``, ``report.html`` and ``report.json``.
        speaker: forget all of one speaker ...
        utterances: ... or these utterances.
        method: a key of ``affekt.unlearning.METHODS``; or ``auto``, which tries the forget-only methods that what
            training saved allows, in the order of :func:`affekt.unlearning.auto.candidates`, until the audit of one
            does not fail, and lists every attempt in the report.
        settings: settings of the method that differ from its defaults; ``attack`` may be a mapping.
        seed: everything random flows from it.
        retrained: directory of a model trained without the requested recordings, or a folder of such directories, to
            stand beside; four or more make it an audit of tier T1.
        progress: called as the work goes on.

    Raises:
        ConfigError: not exactly one of speaker and utterances is given, or the method or a setting is unknown.
        DataError: ``out`` exists, the request cannot be found or read, or it would leave nothing.
        CheckpointError: a model directory is damaged.
    """
    started = time.perf_counter()
    out = check_new_folder(out)
    if method == AUTO:
        if settings:
            raise ConfigError("settings are for one method (got the method auto); name a method or leave them out.")
    else:
        method_config(method, **(settings or {}))
    tell = progress or (lambda message, done, total: None)
    tell("reading the request", 0, 4)
    before = EmotionModel.from_pretrained(model)
    if not before.classes:
        raise ConfigError(
            "a model of attributes alone cannot be made to forget (it has no emotions); a model of emotions was "
            "expected; train one with emotions = true."
        )
    request, others = read_request(before, corpus, speaker=speaker, utterances=utterances)
    references = () if retrained is None else _references(retrained, before, request)
    training = read_training(model)

    tried: list[_Attempt] = []
    names: tuple[str, ...] = () if method == AUTO else (method,)
    if request.trained:
        forget_set = request.forget_set(before)
        if method == AUTO:
            names = candidates(before, forget_set, request.scope)
        rest: Rest | None = None
        for name in names:
            retained: Retained | None = None
            if Needs.RETAINED_DATA in METHODS[name].NEEDS:
                tell("reading the data that stay", 1, 4)
                rest = rest or rest_of(before, others)
                retained = retained_data(before, request, rest, training)
            tell(f"forgetting with {name}", 1, 4)
            config = method_config(name, **(settings or {}))
            result = forget(
                before, forget_set, method=name, config=config, scope=request.scope, retained=retained, seed=seed
            )
            if not isinstance(result.model, EmotionModel):
                raise TypeError(f"{name} gave no EmotionModel")
            target = expected_loss(before, request.scope, result.log.loss_before, forget_set=forget_set)
            tell("measuring", 2, 4)
            rest = rest or rest_of(before, others)
            models = {"before": before, "after": result.model}
            models |= {RETRAINED if not n else f"{REFERENCE} {n}": one for n, one in enumerate(references)}
            evidence = gather(models, request, rest, method=name, target=target, seed=seed)
            tried.append(_Attempt(name=name, result=result, evidence=evidence, target=target))
            if tried[-1].verdict in SUCCESS:
                break
    # when every attempt failed, the one that failed fewest tests; the first of these
    chosen = min(tried, key=lambda one: (one.verdict not in SUCCESS, len(one.failed)), default=None)
    name = chosen.name if chosen is not None else (DEFAULT_METHOD if method == AUTO else method)
    evidence_found = None if chosen is None else chosen.evidence
    target_found = None if chosen is None else chosen.target
    found = "NOT_APPLICABLE" if chosen is None else chosen.verdict
    after = before
    if chosen is not None and isinstance(chosen.result.model, EmotionModel):
        after = chosen.result.model
    config = method_config(name, **(settings or {}))
    before_digest = tensor_digest(before)
    if after.erasure is not None:
        # also what was only held out, or served to choose or to test: nothing may say any more that it was there
        erasure = after.erasure
        if (untrained := request.untrained(before)) is not None:
            erasure = erased_record(erasure, before, untrained, None)
        erasure = erasure.without(list(request.waveforms))
        if after is before:
            after = EmotionModel.from_pretrained(model)
        after.erasure = erasure
    if evidence_found is None:
        items = [replace(item, note="there was nothing to forget") for item in deciding([], "T0")]
    else:
        items = list(evidence_found.report.items)
    report = None if evidence_found is None else evidence_found.report
    tier: Tier = "T0" if report is None else report.tier
    tell("writing the report", 3, 4)
    content: dict[str, Any] = {
        "format": "affekt-forget-report",
        "format_version": 2,
        "rules": RULES,
        "verdict": found,
        "verdict_in_words": VERDICTS[found],
        "tier": tier,
        "references": 0 if report is None else report.references,
        "reference_kind": "" if report is None else report.reference_kind,
        "saved_rows": None if report is None or report.saved is None else report.saved._asdict(),
        "request": _request_json(request),
        "method": _method_json(name, asdict(config), None if chosen is None else chosen.result, seed=seed),
        "attempts": [attempt.to_json() for attempt in tried],
        "model": {
            "family": before.config.family,
            "classes": list(before.classes),
            "weights_before_sha256": before_digest,
            "weights_after_sha256": tensor_digest(after),
            "parameters": sum(parameter.numel() for parameter in before.parameters()),
            "deletions_before": sum(entry.get("event") == "deletion" for entry in before.config.history),
            "training": _training_json(before),
        },
        "drift": _drift_json(after),
        "target_loss": target_found,
        "chance": 1.0 / len(before.classes),
        "tests": [item.to_json() for item in items if item.test in TESTS[tier]],
        "shown": [item.to_json() for item in items if item.test not in TESTS[tier]],
        "scores": None if evidence_found is None else evidence_found.scores,
        "not_tested": ["Everything: there was nothing to forget."]
        if evidence_found is None
        else evidence_found.not_tested,
        "seconds": time.perf_counter() - started,
    }
    record = run_record(
        "forget",
        method=name,
        config=asdict(config),
        scope=request.scope,
        seed=seed,
        model_sha256=content["model"]["weights_after_sha256"],
        verdict=found,
        seconds=content["seconds"],
        **({} if training is None else {"training": training.to_json()}),
    )
    content["environment"] = {key: record[key] for key in ("affekt", "code_sha256", "python", "platform", "packages")}
    page = forget_page(content, evidence_found)
    with new_folder(out) as folder:
        after.write_into(folder)
        write_json(folder / "run.json", record)
        write_json(folder / "report.json", content)
        write_text(folder / "report.html", page)
    if (cache := chosen_cache()) is not None:  # features on disk are the recordings in another form
        cache.discard(request.waveforms)
    tell("done", 4, 4)
    return ForgetReport(verdict=found, content=content, report_path=out / "report.html")


def _references(path: PathLike, model: EmotionModel, request: Request) -> tuple[EmotionModel, ...]:
    """The retrained models.

    Raises:
        DataError: one has other classes, or was itself trained on requested recordings, or is there twice.
    """
    references = read_references(path)
    for reference in references:
        if reference.classes != model.classes:
            raise DataError(
                f"the retrained model has the classes {', '.join(reference.classes)}; {', '.join(model.classes)} were "
                "expected, in this order; retrain with the same classes."
            )
        if reference.erasure is not None:
            heard = sum(reference.erasure.side(waveform) == "train" for waveform in request.waveforms)
            if heard:
                raise DataError(
                    f"the retrained model was itself trained on {heard} of the requested recordings; a model that "
                    "never heard them was expected; retrain without them."
                )
    if len({tensor_digest(reference) for reference in references}) < len(references):
        raise DataError(
            "a retrained model is there twice; different models were expected; train each with another seed."
        )
    return references


def _request_json(request: Request) -> dict[str, Any]:
    """Counts of what was asked for; small counts of classes are withheld."""
    sides = {side: request.sides.count(side) for side in ("train", "heldout", "dev", "test", "unknown")}
    emotions = request.corpus.select(request.trained).emotions
    counts = {str(name): emotions.count(name) for name in sorted({str(emotion) for emotion in emotions})}
    enough = bool(counts) and min(counts.values()) >= MINIMUM_COUNT
    return {
        "scope": request.scope,
        "recordings": len(request.sides),
        "seconds": round(request.seconds, 1),
        "sides": sides,
        "known_from_record": request.recorded,
        "emotions": counts if enough else None,
    }


def _method_json(method: str, settings: Mapping[str, Any], result: ForgetResult | None, *, seed: int) -> dict[str, Any]:
    """The method and how it went; no list with an entry for each recording may get in here."""
    module = METHODS[method]
    content: dict[str, Any] = {
        "name": method,
        "settings": dict(settings),
        "needs": sorted(need.value for need in module.NEEDS),
        "paper": module.PAPER,
        "seed": seed,
        "run": None,
    }
    if result is not None:
        log = result.log
        details = {
            name: float(value)
            for name, value in (log.details or {}).items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        content["run"] = {
            "stopped": log.stopped,
            "reached": log.reached,
            "steps": log.steps,
            "loss_before": log.loss_before,
            "loss_after": log.loss_after,
            "seconds": result.seconds,
            "details": details,
        }
    return content


def _training_json(model: EmotionModel) -> dict[str, Any] | None:
    """What the model's history says of its training."""
    names = ("corpus", "synthetic", "licence", "utterances", "speakers", "seed")
    entry = next((entry for entry in model.config.history if entry.get("event") == "training"), None)
    return None if entry is None else {name: entry.get(name) for name in names}


def _forgotten_line(content: Mapping[str, Any]) -> str:
    request, method = content["request"], content["method"]
    trained = request["sides"]["train"]
    if not trained:
        return f"None of the {request['recordings']} requested recordings was trained on; the weights are unchanged."
    return (
        f"Forgotten: {trained} of {request['recordings']} requested recordings ({request['seconds']:.0f} s of speech "
        f"in all) with {method['name']} in {method['run']['seconds']:.1f} s."
    )


def _quality_line(content: Mapping[str, Any]) -> str:
    scores = content["scores"]
    if scores is None:
        return "Nothing was measured, because nothing was changed."
    words = [
        f"forgotten recordings recognised {scores['before']['forget_accuracy']['estimate']:.0%} before, "
        f"{scores['after']['forget_accuracy']['estimate']:.0%} after"
    ]
    if scores["after"]["test"] is not None:
        change = scores["difference"]["test_uar"]
        words.append(
            f"UAR on test speakers {scores['before']['test']['uar']['estimate']:.3f} before, "
            f"{scores['after']['test']['uar']['estimate']:.3f} after (change {change['estimate']:+.3f}, 95 % interval "
            f"{change['low']:+.3f} to {change['high']:+.3f}; chance {content['chance']:.3f})"
        )
    text = "; ".join(words) + "."
    return text[0].upper() + text[1:]


def _tests_line(content: Mapping[str, Any]) -> str:
    words = {True: "passed", False: "failed", None: "open"}
    made = [test for test in content["tests"] if test["estimate"] is not None]
    told = "; ".join(f"{test['test']}: {words[test['passed']]}" for test in made) or "none could be made"
    count = len(content["tests"]) - len(made)
    return f"Tests (tier {content['tier']}): {told}" + (f"; {count} not made." if count else ".")


def _attempts_line(content: Mapping[str, Any]) -> list[str]:
    attempts = content["attempts"]
    if len(attempts) < 2:
        return []
    tried = "; ".join(f"{one['method']}: {one['verdict']}" for one in attempts)
    kept = content["method"]["name"]
    return [f"Methods tried, in their declared order: {tried}. {kept} was kept for its tests, which is a selection."]


def _drift_json(model: EmotionModel) -> dict[str, Any] | None:
    """How far approximate deletions have carried the model, and why it should be trained anew if it should."""
    if model.erasure is None:
        return None
    left = len(model.erasure.commitments.get("train", frozenset()))
    return asdict(model.erasure.drift) | {"retrain_recommended": spent(model.erasure.drift, left=left)}


def _drift_line(content: Mapping[str, Any]) -> list[str]:
    reasons = (content["drift"] or {}).get("retrain_recommended", [])
    return [f"Retrain recommended: {'; '.join(reasons)}."] if reasons else []
