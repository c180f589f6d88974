"""affekt evaluate."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from affekt.cli.output import Output, OutputOptions
from affekt.cli.wording import count, interval, split_commas, table

if TYPE_CHECKING:
    from affekt.metrics import Interval
    from affekt.training import Evaluation
    from affekt.training.intent_scores import IntentEvaluation

__all__ = ["evaluate"]

_SHOWN = 12
"""Groups that are shown as text."""


def evaluate(
    model: Path,
    corpus: str,
    /,
    *,
    split: Literal["train", "heldout", "dev", "test", "all"] | None = None,
    map: str | None = None,
    against: tuple[Path, ...] = (),
    group: str | None = None,
    temperature_from: str | None = None,
    out: Path | None = None,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Score a model on a corpus, with intervals from resampling speakers.

    A model that affekt trained recognises the recordings it was trained and tested on, whatever their files are
    called, and says so when it is scored on them.

    Args:
        model: Model directory.
        corpus: A labelled corpus: a folder, a .csv or .parquet table, or the word builtin.
        split: Which side of the model's training to score: train (trained on), heldout (of the same speakers, not
            trained on), dev (speakers the best epoch was chosen on), test, or all of the corpus. If not given: test,
            or all when the corpus holds no test recording of this model.
        map: Emotions of the corpus in the model's words, separated by commas: happiness=joy renames, calm= leaves
            out, = alone leaves out recordings without an emotion. Every emotion that the model does not know must be
            named.
        against: A model directory to compare with, on the same recordings; may be given several times.
        group: Columns of the corpus to score by, separated by commas, such as sex,language. With --out, if not given:
            those of speaker, sex and language that the corpus has.
        temperature_from: A labelled corpus whose recordings set the temperature that mends the model's confidence;
            only recordings that are not scored are used. With --out, if not given: recordings of the corpus that the
            best epoch was chosen on.
        out: New folder for report.html and report.json.
        output: How to show the result.
    """
    from affekt.corpora import open_corpus
    from affekt.reports import evaluate_with_report

    renamed, left_out = _mapping(map)
    work = output.progress() if out is not None or against else nullcontext(None)
    with work as progress:
        report = evaluate_with_report(
            model,
            open_corpus(corpus),
            out,
            split=split,
            mapping=renamed,
            drop=left_out,
            against=against,
            groups=None if group is None else split_commas(group, "column"),
            temperature_from=None if temperature_from is None else open_corpus(temperature_from),
            command=["affekt", *sys.argv[1:]],
            progress=progress,
        )
    content = report.content
    if split is None:
        output.note(
            "scoring the model's test recordings in this corpus (--split test)"
            if content["split"] == "test"
            else "the corpus holds no test recording of this model: scoring all of it (--split all)"
        )
    for sentence in content["warnings"]:
        output.note(f"attention: {sentence}")
    output.show(content, _lines(report.evaluation, content, out))
    return 0


def _mapping(text: str | None) -> tuple[dict[str, str], tuple[str, ...]]:
    """``"happiness=joy,calm="`` -> what is renamed, and what is left out."""
    from affekt.errors import ConfigError

    renamed: dict[str, str] = {}
    left_out: list[str] = []
    for entry in () if text is None else split_commas(text, "emotion"):
        name, sign, target = (word.strip() for word in entry.partition("="))
        if not sign or (not name and target) or "=" in target:
            raise ConfigError(
                f"'{entry}' in --map maps nothing; happiness=joy (rename), calm= (leave out) or = (leave out what has "
                "no emotion) was expected; correct it."
            )
        if name in renamed or name in left_out:
            raise ConfigError(f"'{name}' is in --map twice; each emotion was expected once; remove one of them.")
        if target:
            renamed[name] = target
        else:
            left_out.append(name)
    return renamed, tuple(left_out)


def _lines(found: "Evaluation", content: dict[str, Any], out: Path | None) -> list[str]:
    label = content["model"]["label"]
    speakers = count(found.speakers, "speaker") if found.speakers else "unknown speakers"
    lines = [f"ATTENTION   {sentence}" for sentence in content["warnings"]]
    lines += [f"split       {content['split']}", f"utterances  {found.utterances} of {speakers}"]
    if found.unlabelled:
        what = {"emotion": "an emotion", "intent": "an intent"}.get(label, f"a level of {label}")
        lines.append(f"            {found.unlabelled} of them without {what}")
    if content["mapping"] is not None:
        mapping = content["mapping"]
        for name, target in mapping["renamed"].items():
            lines.append(f"mapped      {name} to {target} ({mapping['utterances_renamed'][name]} in the corpus)")
        for name, number in mapping["dropped"].items():
            lines.append(f"left out    {name or 'without an emotion'} ({number} in the corpus)")
    some = found.uar
    if found.uar is not None and found.accuracy is not None and found.macro_f1 is not None:
        lines += [
            f"UAR         {interval(found.uar)}, chance {100 * (found.chance_uar or 0.0):.1f} %",
            f"accuracy    {interval(found.accuracy)}",
            f"macro F1    {interval(found.macro_f1)}",
            f"loss        {found.loss:.3f} nats",
        ]
    if found.calibration is not None:
        lines.append(
            f"ECE         {interval(found.calibration.ece)}, mean confidence {_percent(found.calibration.confidence)}"
        )
    if content["temperature"] is not None:
        fitted = content["temperature"]
        after = fitted["calibration"]["ece"]
        lines.append(
            f"temperature {fitted['value']:.2f} from {fitted['utterances']} recordings of {fitted['from']}: "
            f"ECE {_percent(after['estimate'])} [{100 * after['low']:.1f}, {100 * after['high']:.1f}]"
        )
    if found.multi_label is not None:
        several = found.multi_label
        lines.append(f"multi-label macro F1 {interval(several.macro_f1)}, micro F1 {interval(several.micro_f1)}")
    if found.raters is not None:
        lines.append(
            f"raters      named the table's emotion {interval(found.raters.majority)}, any rater's "
            f"{interval(found.raters.anyone)} (chance {_percent(found.raters.chance_anyone)})"
        )
    if found.intents is not None:
        lines.append(
            f"intent      UAR {interval(found.intents.uar)}, chance {100 * found.intents.chance_uar:.1f} %, on "
            f"{found.intents.utterances} utterances"
        )
        some = some or found.intents.uar
    lines += _joint_lines(found)
    for name, one in found.attributes.items():
        if one is None:
            lines.append(f"{name:<11} not rated in this corpus")
            continue
        some = some or one.mae
        ccc = "undefined" if one.ccc is None else _number(one.ccc)
        lines.append(
            f"{name:<11} CCC {ccc}, mean absolute error {one.mae.estimate:.3f} on {one.scale[0]:g} to {one.scale[1]:g}"
        )
    if some is not None:
        lines.append(f"intervals   {100 * some.level:.0f} %, resampled by {some.unit}")
    if found.confusion:
        lines += ["", *_class_lines(label, found)]
    if found.intents is not None:
        lines += ["", *_class_lines("intent", found.intents)]
    for column, groups in content.get("groups", {}).items():
        lines += ["", *_group_lines(column, groups)]
    if content["against"]:
        lines += ["", *_against_lines(content["against"])]
    if out is not None:
        lines += ["", f"report      {out / 'report.html'}"]
    return lines


def _joint_lines(found: "Evaluation") -> list[str]:
    """Emotion and intent together; none where no utterance has both."""
    both = found.joint
    if both is None:
        return []
    lines = [
        f"joint       JRBM weighted {_number(both.jrbm_weighted)}, micro {_number(both.jrbm_micro)}, always the most "
        f"frequent {both.chance_weighted:.3f}, {both.chance_micro:.3f}"
    ]
    if found.intents is None or both.utterances < max(found.utterances - found.unlabelled, found.intents.utterances):
        lines.append(
            f"            on {both.utterances} utterances with both; UAR there: emotion {interval(both.emotion_uar)}, "
            f"intent {interval(both.intent_uar)}"
        )
    return lines


def _number(score: "Interval") -> str:
    """A score and its interval, from 0 to 1."""
    return f"{score.estimate:.3f} [{score.low:.3f}, {score.high:.3f}]"


def _class_lines(noun: str, found: "Evaluation | IntentEvaluation") -> list[str]:
    """A table of what a model tells: emotions, intents, levels."""
    rows = [
        [name, _percent(found.recalls[name]), _percent(found.precisions[name]), _percent(found.f1[name]), str(sum(row))]
        for name, row in zip(found.recalls, found.confusion, strict=True)
    ]
    return table([noun, "recall", "precision", "F1", "utterances"], rows)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _span(score: dict[str, Any] | None, scale: float = 100.0, digits: int = 1) -> str:
    if score is None:
        return "-"
    estimate, low, high = (f"{scale * score[name]:.{digits}f}" for name in ("estimate", "low", "high"))
    return f"{estimate} [{low}, {high}]"


def _group_lines(column: str, groups: dict[str, Any]) -> list[str]:
    """A table of groups, and the gap."""
    of = (100.0, 1) if groups["statistic"] == "uar" else (1.0, 3)
    head = "UAR, %" if groups["statistic"] == "uar" else "CCC"
    rows = [
        [name, _span(one["score"], *of), str(one["utterances"]), str(one["speakers"] or "-")]
        for name, one in groups["groups"].items()
    ]
    if len(rows) > _SHOWN:  # the rest is in the report and in the JSON
        rows = [*rows[: _SHOWN // 2], ["...", "", "", ""], *rows[-_SHOWN // 2 :]]
    lines = table([column, head, "utterances", "speakers"], rows)
    gap = groups["gap"]
    if gap is not None:
        words = f"gap: {gap['high']} above {gap['low']} by {_span(gap['gap'], *of)}, by chance up to "
        words += f"{of[0] * gap['chance_gap']:.{of[1]}f}"
        if gap["p_speakers"] is not None:
            words += f"; p by speakers {gap['p_speakers']:.3f}"
        lines.append(words)
    return lines


def _against_lines(against: list[dict[str, Any]]) -> list[str]:
    """A table of other models."""
    rows = []
    for entry in against:
        of = (100.0, 1) if entry["statistic"] == "uar" else (1.0, 3)
        rows.append(
            [
                entry["name"],
                _span(entry["score"], *of),
                _span(entry["difference"], *of),
                f"{entry['permutation']['p']:.4f}",
                f"{entry['p_holm']:.4f}",
            ]
        )
    name = "UAR, %" if against[0]["statistic"] == "uar" else "CCC"
    unit = against[0]["permutation"]["unit"]
    return [
        *table(["other model", name, "this minus it", "p", "p (Holm)"], rows),
        f"p from swapping the models by {unit}",
        *_against_intent_lines(against),
    ]


def _against_intent_lines(against: list[dict[str, Any]]) -> list[str]:
    """A table of other models' intents; none where they tell none."""
    rows = []
    for entry in against:
        if "intents" in entry:
            told, both = entry["intents"], entry.get("joint", {})
            rows.append(
                [
                    entry["name"],
                    _span(told["uar"]),
                    _span(told["difference"]),
                    _span(both.get("jrbm_weighted"), 1.0, 3),
                    _span(both.get("difference_weighted"), 1.0, 3),
                ]
            )
    head = ["other model", "intents, UAR, %", "this minus it", "JRBM, weighted", "this minus it"]
    return ["", *table(head, rows)] if rows else []
