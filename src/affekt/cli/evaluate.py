"""affekt evaluate."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from affekt.cli.output import Output, OutputOptions
from affekt.cli.wording import count, interval, table

if TYPE_CHECKING:
    from affekt.training import Evaluation

__all__ = ["evaluate"]


def evaluate(
    model: Path,
    corpus: str,
    /,
    *,
    split: Literal["train", "heldout", "dev", "test", "all"] | None = None,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Score a model on a corpus, with intervals from resampling speakers.

    A model that affekt trained recognises the recordings it was trained and tested on, whatever their files are
    called.

    Args:
        model: Model directory.
        corpus: A labelled corpus: a folder, a .csv or .parquet table, or the word builtin.
        split: Which side of the model's training to score: train (trained on), heldout (of the same speakers, not
            trained on), dev (speakers the best epoch was chosen on), test, or all of the corpus. If not given: test,
            or all when the corpus holds no test recording of this model.
        output: How to show the result.
    """
    from affekt.corpora import open_corpus
    from affekt.errors import DataError
    from affekt.models import EmotionModel
    from affekt.training import evaluate as evaluate_model
    from affekt.training import rows_of_side

    loaded, utterances = EmotionModel.from_pretrained(model), open_corpus(corpus)
    side = split or ("all" if loaded.erasure is None else "test")
    if side != "all":
        rows = rows_of_side(loaded, utterances, side)
        if len(rows):
            utterances = utterances.select(rows)
        elif split is None:
            side = "all"
        else:
            raise DataError(
                f"no recording of {corpus} was on the {side} side when {model} was trained; the corpus it was trained "
                "on was expected; choose another --split or --split all."
            )
    if split is None:
        output.note(
            "scoring the model's test recordings in this corpus (--split test)"
            if side == "test"
            else "the corpus holds no test recording of this model: scoring all of it (--split all)"
        )
    found = evaluate_model(loaded, utterances)
    output.show({"split": side, **found.to_json()}, _lines(side, found))
    return 0


def _lines(side: str, found: "Evaluation") -> list[str]:
    recalls = [
        [name, "-" if recall is None else f"{100 * recall:.1f} %", str(sum(row))]
        for (name, recall), row in zip(found.recalls.items(), found.confusion, strict=True)
    ]
    speakers = count(found.speakers, "speaker") if found.speakers else "unknown speakers"
    return [
        f"split       {side}",
        f"utterances  {found.utterances} of {speakers}",
        f"UAR         {interval(found.uar)}, chance {100 * found.chance_uar:.1f} %",
        f"accuracy    {interval(found.accuracy)}",
        f"macro F1    {interval(found.macro_f1)}",
        f"loss        {found.loss:.3f} nats",
        f"intervals   {100 * found.uar.level:.0f} %, resampled by {found.uar.unit}",
        "",
        *table(["emotion", "recall", "utterances"], recalls),
    ]
