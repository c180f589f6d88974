"""affekt corpus raters and consensus."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from affekt.cli.output import Flag, Output, OutputOptions
from affekt.cli.wording import count, table

__all__ = ["consensus", "raters"]


def raters(
    corpus: str,
    /,
    *,
    out: Path | None = None,
    ids: Annotated[Flag, Parameter(name="--ids")] = False,
    min_ratings: int = 20,
    resamples: int = 1000,
    seed: int = 0,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Say what the raters of a corpus agreed on, who stands apart, and what one rater would score as a model.

    Args:
        corpus: A corpus folder with a ratings table.
        out: New folder for results.json, results.md and report.html.
        ids: Name raters as the ratings do; otherwise they are numbered.
        min_ratings: Ratings below which nobody is said to stand apart.
        resamples: Bootstrap resamples of every interval.
        seed: Seed of the resampling.
        output: How to show the result.
    """
    from affekt.corpora import open_corpus
    from affekt.files import check_new_folder
    from affekt.reports.rater_page import rater_markdown
    from affekt.reports.rater_report import describe_raters, raters_with_report

    if out is not None:
        check_new_folder(out)
    opened = open_corpus(corpus)
    if out is None:
        found = describe_raters(opened, resamples=resamples, seed=seed, min_ratings=min_ratings, show_ids=ids)
    else:
        words = ["affekt", "corpus", "raters", corpus]
        words += ["--ids"] if ids else []
        words += [] if min_ratings == 20 else ["--min-ratings", str(min_ratings)]
        words += [] if resamples == 1000 else ["--resamples", str(resamples)]
        words += [] if seed == 0 else ["--seed", str(seed)]
        found = raters_with_report(
            opened,
            out,
            resamples=resamples,
            seed=seed,
            min_ratings=min_ratings,
            show_ids=ids,
            command=[*words, "--out", str(out)],
        )
    from affekt import __version__

    lines = rater_markdown({"affekt": __version__, **found, "command_line": None}).splitlines()
    apart = [rater for rater in found["raters"] if rater["reasons"]]
    lines += [
        f"rater {rater['number']}{' (' + rater['rater'] + ')' if ids else ''}: {'; '.join(rater['reasons'])}"
        for rater in apart
    ]
    output.show(found, [*lines, *([] if out is None else ["", f"{out / 'report.html'}"])])
    return 0


def consensus(
    corpus: str,
    /,
    *,
    out: Path,
    rule: Literal["plurality", "majority", "dawid-skene"] = "plurality",
    ties: Literal["none", "first", "secondary"] = "none",
    attributes: Literal["mean", "weighted"] = "mean",
    outside: Literal["category", "drop"] = "category",
    min_votes: int = 1,
    keep: Literal["all", "labelled"] = "all",
    file_format: Literal["parquet", "csv"] = "parquet",
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Write a corpus whose emotions and attributes follow from its ratings.

    Args:
        corpus: A corpus folder with a ratings table.
        out: New corpus folder; the recordings stay where they are.
        rule: How votes become one emotion.
        ties: What a tie of a plurality becomes.
        attributes: Plain means, or means weighted by how well each rater agrees with all (Grimm and Kroschel).
        outside: Whether an emotion that is none of the classes can win, or votes for it are dropped.
        min_votes: Votes below which there is no agreement.
        keep: All utterances, or only those that got one of the classes, which can be trained on.
        file_format: How to write the tables.
        output: How to show the result.
    """
    from affekt.corpora import consensus as find_consensus
    from affekt.corpora import open_corpus, with_consensus
    from affekt.errors import DataError
    from affekt.files import check_new_folder

    check_new_folder(out)
    opened = open_corpus(corpus)
    found = find_consensus(opened, rule=rule, ties=ties, outside=outside, min_votes=min_votes)
    made = with_consensus(opened, rule=rule, ties=ties, outside=outside, min_votes=min_votes, attributes=attributes)
    emotions = made.emotions
    inside = [emotion in made.classes for emotion in emotions]
    if keep == "labelled":
        import numpy as np

        if not any(inside):
            raise DataError(
                f"no utterance of corpus '{opened.name}' got an emotion; agreement on some was expected; use another "
                "rule or keep all."
            )
        made = made.select(np.asarray(inside))
    made.write(out, file_format=file_format)
    changed = sum(
        before is not None and after is not None and before != after
        for before, after in zip(opened.emotions, emotions, strict=True)
    )
    value: dict[str, Any] = {
        "corpus": str(out),
        "rule": rule,
        "utterances": len(made),
        "emotions": {name: emotions.count(name) for name in found.categories},
        "no_agreement": int(found.no_agreement.sum()),
        "unrated": int((found.raters == 0).sum()),
        "outside_classes": sum(emotion is not None for emotion in emotions) - sum(inside),
        "dropped_ratings": found.dropped,
        "changed": changed,
        "digest": made.digest,
    }
    rows = [[name, str(number)] for name, number in value["emotions"].items()]
    lines = [
        *table(["emotion", "utterances"], rows),
        f"no agreement on {count(value['no_agreement'], 'utterance')}; {value['unrated']} without a vote; "
        f"{value['outside_classes']} with an emotion that is no class",
        f"{changed} got another emotion than before; {count(found.dropped, 'rating')} dropped",
        f"{out}: {count(len(made), 'utterance')}",
    ]
    output.show(value, lines)
    return 0
