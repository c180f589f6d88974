"""forget_with_report: a model and a request in; a model that has forgotten, and a report that can say no, out."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from affekt.corpora import Corpus
from affekt.encoders import chosen_cache
from affekt.errors import DataError
from affekt.files import check_new_folder, new_folder, write_json, write_text
from affekt.models import EmotionModel, tensor_digest
from affekt.reports.evidence import Evidence, gather
from affekt.reports.forget_page import forget_page
from affekt.reports.request import Request, Rest, read_request, read_training, rest_of, retained_data
from affekt.reports.verdict import MINIMUM_COUNT, SUCCESS, TESTS, VERDICTS, untested, verdict
from affekt.training import Progress, run_record
from affekt.types import PathLike
from affekt.unlearning import DEFAULT_METHOD, METHODS, ForgetResult, Needs, Retained, forget, method_config
from affekt.unlearning.erasing import erased_record
from affekt.unlearning.harness import expected_loss

__all__ = ["ForgetReport", "forget_with_report"]


@dataclass(frozen=True, kw_only=True)
class ForgetReport:
    """What a deletion did, and where the report about it is."""

    verdict: str
    """One of ``affekt.reports.verdict.VERDICTS``."""
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
        """Four lines of plain text: the verdict, what was forgotten, what it cost, what the tests said."""
        return [
            f"{self.verdict}: {VERDICTS[self.verdict]}",
            _forgotten_line(self.content),
            _quality_line(self.content),
            _tests_line(self.content),
        ]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return self.content


def forget_with_report(
    model: PathLike,
    corpus: Corpus,
    out: PathLike,
    *,
    speaker: str | None = None,
    utterances: Sequence[str] | None = None,
    method: str = DEFAULT_METHOD,
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
        method: a key of ``affekt.unlearning.METHODS``.
        settings: settings of the method that differ from its defaults; ``attack`` may be a mapping.
        seed: everything random flows from it.
        retrained: directory of a model trained without the requested recordings, to stand beside.
        progress: called as the work goes on.

    Raises:
        ConfigError: not exactly one of speaker and utterances is given, or the method or a setting is unknown.
        DataError: ``out`` exists, the request cannot be found or read, or it would leave nothing.
        CheckpointError: a model directory is damaged.
    """
    started = time.perf_counter()
    out = check_new_folder(out)
    config = method_config(method, **(settings or {}))
    tell = progress or (lambda message, done, total: None)
    tell("reading the request", 0, 4)
    before = EmotionModel.from_pretrained(model)
    request, others = read_request(before, corpus, speaker=speaker, utterances=utterances)
    reference = None if retrained is None else _reference(retrained, before, request)
    training = read_training(model)

    result: ForgetResult | None = None
    evidence: Evidence | None = None
    after = before
    target: float | None = None
    if request.trained:
        rest: Rest | None = None
        retained: Retained | None = None
        if Needs.RETAINED_DATA in METHODS[method].NEEDS:
            tell("reading the data that stay", 1, 4)
            rest = rest_of(before, others)
            retained = retained_data(before, request, rest, training)
        tell(f"forgetting with {method}", 1, 4)
        forget_set = request.forget_set(before)
        result = forget(
            before, forget_set, method=method, config=config, scope=request.scope, retained=retained, seed=seed
        )
        if not isinstance(result.model, EmotionModel):
            raise TypeError(f"{method} gave no EmotionModel")
        after = result.model
        target = expected_loss(before, request.scope, result.log.loss_before)
        tell("measuring", 2, 4)
        rest = rest or rest_of(before, others)
        models = {"before": before, "after": after} | ({} if reference is None else {"retrained": reference})
        evidence = gather(models, request, rest, target=target, seed=seed)
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
    tests = evidence.tests if evidence else [untested(test, "there was nothing to forget") for test in TESTS]
    found = verdict(tests, method=method, trained=len(request.trained))
    tell("writing the report", 3, 4)
    content: dict[str, Any] = {
        "format": "affekt-forget-report",
        "format_version": 1,
        "verdict": found,
        "verdict_in_words": VERDICTS[found],
        "request": _request_json(request),
        "method": _method_json(method, asdict(config), result, seed=seed),
        "model": {
            "family": before.config.family,
            "classes": list(before.classes),
            "weights_before_sha256": before_digest,
            "weights_after_sha256": tensor_digest(after),
            "parameters": sum(parameter.numel() for parameter in before.parameters()),
            "deletions_before": sum(entry.get("event") == "deletion" for entry in before.config.history),
            "training": _training_json(before),
        },
        "target_loss": target,
        "chance": 1.0 / len(before.classes),
        "tests": tests,
        "scores": evidence.scores if evidence else None,
        "not_tested": evidence.not_tested if evidence else ["Everything: there was nothing to forget."],
        "seconds": time.perf_counter() - started,
    }
    record = run_record(
        "forget",
        method=method,
        config=asdict(config),
        scope=request.scope,
        seed=seed,
        model_sha256=content["model"]["weights_after_sha256"],
        verdict=found,
        seconds=content["seconds"],
        **({} if training is None else {"training": training.to_json()}),
    )
    content["environment"] = {key: record[key] for key in ("affekt", "code_sha256", "python", "platform", "packages")}
    page = forget_page(content, evidence)
    with new_folder(out) as folder:
        after.write_into(folder)
        write_json(folder / "run.json", record)
        write_json(folder / "report.json", content)
        write_text(folder / "report.html", page)
    if (cache := chosen_cache()) is not None:  # features on disk are the recordings in another form
        cache.discard(request.waveforms)
    tell("done", 4, 4)
    return ForgetReport(verdict=found, content=content, report_path=out / "report.html")


def _reference(path: PathLike, model: EmotionModel, request: Request) -> EmotionModel:
    """The retrained model.

    Raises:
        DataError: it has other classes, or was itself trained on requested recordings.
    """
    reference = EmotionModel.from_pretrained(path)
    if reference.classes != model.classes:
        raise DataError(
            f"the retrained model has the classes {', '.join(reference.classes)}; {', '.join(model.classes)} were "
            "expected, in this order; retrain with the same classes."
        )
    if reference.erasure is not None:
        heard = sum(reference.erasure.side(waveform) == "train" for waveform in request.waveforms)
        if heard:
            raise DataError(
                f"the retrained model was itself trained on {heard} of the requested recordings; a model that never "
                "heard them was expected; retrain without them."
            )
    return reference


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
    words = {True: "passed", False: "failed", None: "not tested"}
    return "Tests: " + "; ".join(f"{test['test']}: {words[test['passed']]}" for test in content["tests"]) + "."
