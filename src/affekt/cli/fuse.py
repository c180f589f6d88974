"""affekt fuse."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affekt.cli.output import Output, OutputOptions
from affekt.cli.wording import count, table

__all__ = ["fuse"]

_MEASURES = {
    "emotion_uar": ("emotions, UAR, %", 100.0, 1),
    "intent_uar": ("intents, UAR, %", 100.0, 1),
    "jrbm_weighted": ("JRBM, weighted", 1.0, 3),
    "jrbm_micro": ("JRBM, micro", 1.0, 3),
}
"""Name of a score -> heading, factor and decimals."""


def fuse(
    model: Path,
    other: Path,
    corpus: str,
    /,
    *,
    also: tuple[Path, ...] = (),
    weights_from: str | None = None,
    out: Path | None = None,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Fuse models of the same classes, such as one that hears and one that reads, and score what they say together.

    What is said is a weighted mean of the models' probabilities, with a weight for emotions and one for intents where
    the models tell intents. The weights are found on the recordings that every model chose its best epoch on (highest
    JRBM, or UAR of emotions where the models tell no intents), and everything is scored on recordings that were for
    testing in the training of every model: each model alone, the plain mean, the fusion. So train the models on the
    same corpus with the same seed. A model of the family text reads the column text of the corpus.

    Args:
        model: Model directory.
        other: Directory of another model of the same classes and intents.
        corpus: The corpus that the models were trained on: a folder, a .csv or .parquet table, or the word builtin or
            builtin-intents.
        also: Directory of a further model; may be given several times.
        weights_from: A labelled corpus of other speakers to find the weights on, instead of the models' own
            development recordings. What a model learned from, held out or was tested on is left out of it.
        out: New folder for report.html, report.json (weights, scores, digests) and predictions.csv (what the fusion
            says of every scored recording).
        output: How to show the result.
    """
    from affekt.corpora import open_corpus
    from affekt.files import check_new_folder
    from affekt.reports import fuse_with_report

    if out is not None:
        check_new_folder(out)
    with output.progress() as progress:
        report = fuse_with_report(
            (model, other, *also),
            open_corpus(corpus),
            out,
            weights_from=None if weights_from is None else open_corpus(weights_from),
            command=["affekt", *sys.argv[1:]],
            progress=progress,
        )
    content = report.content
    if content["not_common"]:
        output.note(
            f"{count(content['not_common'], 'recording')} not scored: for testing in the training of some model but "
            "not of all"
        )
    if content["learned_words"]:
        output.note(
            f"{content['learned_words']} of {count(content['utterances'], 'scored utterance')} with words that a model "
            "has also learned from, said by others"
        )
    if content["without_text"]:
        output.note(f"{count(content['without_text'], 'recording')} left out: no transcript")
    output.show(content, _lines(content, out))
    return 0


def _lines(content: Mapping[str, Any], out: Path | None) -> list[str]:
    speakers = count(content["speakers"], "speaker") if content["speakers"] else "unknown speakers"
    weights = content["weights"]
    lines = [f"utterances  {content['utterances']} of {speakers}, for testing in the training of every model"]
    for head in ("emotions", "intents"):
        if weights[head] is not None:
            shares = ", ".join(f"{name} {share:.1f}" for name, share in weights[head].items())
            lines.append(f"{head:<11} {shares}")
    by = "UAR" if weights["chosen_by"] == "uar" else "JRBM"
    left = f", {weights['left_out']} left out" if weights["left_out"] else ""
    lines.append(
        f"weights     from {count(weights['utterances'], 'utterance')} of {count(weights['speakers'], 'speaker')} in "
        f"{weights['corpus']}{left}; {by} there {weights['score']:.3f}"
    )
    unit = content["scores"][0]["emotion_uar"]
    lines.append(f"intervals   {100 * unit['level']:.0f} %, resampled by {unit['unit']}")
    names = [name for name in _MEASURES if content["chance"][name] is not None]
    heads = [_MEASURES[name][0] for name in names]
    rows = [[one["name"], *(_span(one[name], name) for name in names)] for one in content["scores"]]
    rows.append(["guessing", *(_number(content["chance"][name], name) for name in names)])
    lines += ["", *table(["", *heads], rows)]
    rows = [
        [f"{one['of']} less {one['less']}", *(_span(one[name], name, sign="+") for name in names)]
        for one in content["differences"]
    ]
    lines += ["", *table(["difference", *heads], rows)]
    if out is not None:
        lines += ["", f"report      {out / 'report.html'}", f"predictions {out / 'predictions.csv'}"]
    return lines


def _number(value: float, name: str, *, sign: str = "") -> str:
    _, factor, digits = _MEASURES[name]
    return f"{factor * value:{sign}.{digits}f}"


def _span(score: Mapping[str, Any], name: str, *, sign: str = "") -> str:
    estimate, low, high = (_number(score[end], name, sign=sign) for end in ("estimate", "low", "high"))
    return f"{estimate} [{low}, {high}]"
