"""What the raters of a corpus agreed on, how reliable they are, and what one of them would score against the others."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

import affekt
from affekt.corpora import Corpus, consensus, leave_one_out, rater_quality
from affekt.corpora.ballots import ATTRIBUTES, Ballots, ballots
from affekt.errors import DataError
from affekt.files import new_folder, write_json, write_text
from affekt.metrics import Interval, bootstrap, fleiss_kappa_interval, icc_interval, krippendorff_alpha_interval
from affekt.reports.rater_page import rater_markdown, rater_page
from affekt.types import PathLike

__all__ = ["OUTLIER_RULE", "describe_raters", "raters_with_report"]

OUTLIER_RULE = (
    "A rater with at least {min_ratings} ratings is listed who always gives the same answer, or whose kappa or "
    "correlation lies more than {cutoff:g} robust standard deviations below the median of these raters, or whose mean "
    "difference from the others lies that far on either side of it. A listing is a reason to look, not a judgement."
)
"""When a rater is called an outlier, for readers of a report."""


def raters_with_report(
    corpus: Corpus,
    out: PathLike,
    *,
    resamples: int = 1000,
    seed: int = 0,
    min_ratings: int = 20,
    cutoff: float = 3.0,
    show_ids: bool = False,
    command: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Describe the raters and write ``results.json``, ``results.md`` and ``report.html``.

    Args:
        corpus: a corpus with ratings.
        out: a new folder.
        resamples, seed, min_ratings, cutoff, show_ids: as :func:`describe_raters`.
        command: the words of the command that asked for it, kept with the results.

    Returns:
        What results.json holds.

    Raises:
        DataError: the corpus has no ratings, or ``out`` exists.
    """
    with new_folder(out) as folder:
        found = describe_raters(
            corpus, resamples=resamples, seed=seed, min_ratings=min_ratings, cutoff=cutoff, show_ids=show_ids
        )
        line = None if command is None else shlex.join(command)
        results = {"command": "corpus raters", "command_line": line, "affekt": affekt.__version__, **found}
        write_json(folder / "results.json", results)
        write_text(folder / "results.md", rater_markdown(results))
        write_text(folder / "report.html", rater_page(results))
    return results


def describe_raters(
    corpus: Corpus,
    *,
    resamples: int = 1000,
    seed: int = 0,
    min_ratings: int = 20,
    cutoff: float = 3.0,
    show_ids: bool = False,
) -> dict[str, Any]:
    """Measure agreement, raters and the score of one rater against the others.

    Args:
        corpus: a corpus with ratings.
        resamples: bootstrap resamples of every interval.
        seed: seed of the resampling.
        min_ratings: ratings below which nobody is called an outlier.
        cutoff: robust standard deviations from the median that make an outlier.
        show_ids: whether raters are named as in the ratings; otherwise they are numbered by how much they rated.

    Returns:
        Plain JSON values. A measure that the ratings do not give is null.

    Raises:
        DataError: the corpus has no ratings.
    """
    found = ballots(corpus)
    sizes = np.bincount(found.items, minlength=len(corpus))
    emotions = bool((found.choices >= 0).any())
    options = {"resamples": resamples, "seed": seed}
    raters = _raters(corpus, min_ratings, cutoff, show_ids)
    return {
        "corpus": {
            "name": corpus.name,
            "synthetic": corpus.synthetic,
            "utterances": len(corpus),
            "speakers": len(corpus.speakers),
            "digest": corpus.digest,
        },
        "classes": list(found.categories[: found.n_classes]),
        "outside": _outside(found),
        "ratings": {
            "ratings": int(found.items.size),
            "rated": int((sizes > 0).sum()),
            "raters": None if found.anonymous else len(found.rater_names),
            "per_utterance": _spread(sizes[sizes > 0]),
            "per_rater": None if found.anonymous else _spread(np.bincount(found.raters)),
        },
        "agreed": _agreed(corpus) if emotions else None,
        "confusion": _confusion(corpus) if emotions else None,
        "agreement": {
            "fleiss_kappa": _or_none(lambda: fleiss_kappa_interval(found.counts(), **options)),
            "attributes": {name: _attribute(found, a, corpus, options) for a, name in enumerate(ATTRIBUTES)},
        },
        "ceiling": _ceiling(corpus, options) if emotions else None,
        "raters": raters,
        "outliers": sum(bool(rater["reasons"]) for rater in raters),
        "outlier_rule": OUTLIER_RULE.format(min_ratings=min_ratings, cutoff=cutoff),
        "resamples": resamples,
        "seed": seed,
    }


def _outside(found: Ballots) -> dict[str, int]:
    """Ratings with an emotion that is no class."""
    counts = found.counts().sum(axis=0)
    return {name: int(counts[k]) for k, name in enumerate(found.categories) if k >= found.n_classes}


def _spread(counts: npt.NDArray[np.int64]) -> dict[str, float]:
    """Least, median, mean and most."""
    return {
        "least": int(counts.min()),
        "median": float(np.median(counts)),
        "mean": float(counts.mean()),
        "most": int(counts.max()),
    }


def _agreed(corpus: Corpus) -> dict[str, Any]:
    """Shares of the utterances with votes that the rules give an emotion, and which."""
    plurality, majority = consensus(corpus), consensus(corpus, rule="majority")
    voted = int((plurality.raters > 0).sum())
    several = plurality.raters >= 2
    unanimous = (plurality.share[several] >= 1.0).sum()
    emotions = [emotion for emotion in plurality.emotion if emotion is not None]
    return {
        "utterances": voted,
        "plurality": len(emotions) / voted,
        "majority": sum(emotion is not None for emotion in majority.emotion) / voted,
        "unanimous": float(unanimous / several.sum()) if several.any() else None,
        "no_agreement": int(plurality.no_agreement.sum()),
        "emotions": {name: emotions.count(name) for name in plurality.categories if name in emotions},
    }


def _confusion(corpus: Corpus) -> dict[str, Any]:
    """What raters said about utterances of which the others agreed; row = the others."""
    pairs = leave_one_out(corpus)
    size = len(pairs.categories)
    cells = np.bincount(pairs.others * size + pairs.own, minlength=size * size).reshape(size, size)
    return {"categories": list(pairs.categories), "counts": cells.tolist()}


def _attribute(found: Ballots, attribute: int, corpus: Corpus, options: Mapping[str, int]) -> dict[str, Any] | None:
    """Agreement on one attribute, and the CCC of one rater with the mean of the others."""
    given = ~np.isnan(found.grades[:, attribute])
    if not given.any():
        return None
    items, grades = found.items[given], found.grades[given, attribute]
    values, codes = np.unique(grades, return_inverse=True)
    flat = np.bincount(items * values.size + codes.reshape(-1), minlength=found.n_items * values.size)
    counts = flat.reshape(found.n_items, values.size)
    n = np.bincount(items, minlength=found.n_items)
    sums = np.bincount(items, weights=grades, minlength=found.n_items)
    several = n[items] >= 2
    # ratings of one rater about one utterance are rare enough to count as of two people here
    others = (sums[items] - grades)[several] / (n[items] - 1)[several]
    clusters, unit = _clusters(corpus, items[several])
    return {
        "ratings": int(given.sum()),
        "mean": float(grades.mean()),
        "deviation": float(grades.std()),
        "alpha_interval": _or_none(
            lambda: krippendorff_alpha_interval(counts, scale="interval", values=values, **options)
        ),
        "alpha_ordinal": _or_none(
            lambda: krippendorff_alpha_interval(counts, scale="ordinal", values=values, **options)
        ),
        "icc_1_1": _or_none(lambda: icc_interval(_matrix(items, grades), form="1,1", **options)),
        "icc_1_k": _or_none(lambda: icc_interval(_matrix(items, grades), form="1,k", **options)),
        "ceiling_ccc": _or_none(
            lambda: bootstrap("ccc", others, grades[several], clusters=clusters, cluster_unit=unit, **options)
        ),
    }


def _matrix(items: npt.NDArray[np.int64], grades: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Grades of each utterance side by side, NaN behind the last: the order of the raters does not matter here."""
    order = np.argsort(items, kind="stable")
    rows, first, sizes = np.unique(items[order], return_index=True, return_counts=True)
    table = np.full((rows.size, int(sizes.max())), np.nan)
    table[np.repeat(np.arange(rows.size), sizes), np.arange(order.size) - np.repeat(first, sizes)] = grades[order]
    return table


def _ceiling(corpus: Corpus, options: Mapping[str, int]) -> dict[str, Any] | None:
    """UAR and accuracy of single raters against the plurality of the others, on utterances of the classes."""
    pairs = leave_one_out(corpus)
    kept = pairs.others < pairs.n_classes
    if not kept.any():
        return None
    truth, said = pairs.others[kept], pairs.own[kept]
    clusters, unit = _clusters(corpus, pairs.utterances[kept])
    size = len(pairs.categories)

    def score(name: str) -> dict[str, Any] | None:
        return _or_none(
            lambda: bootstrap(
                name,  # type: ignore[arg-type]
                truth,
                said,
                n_classes=size,
                clusters=clusters,
                cluster_unit=unit,
                **options,
            )
        )

    present = np.unique(truth)
    return {
        "ratings": int(truth.size),
        "utterances": int(np.unique(pairs.utterances[kept]).size),
        "accuracy": score("accuracy"),
        "uar": score("uar"),
        "chance_uar": 1.0 / present.size,
        "recalls": {
            pairs.categories[k]: {
                "ratings": int((truth == k).sum()),
                "recall": float((said[truth == k] == k).mean()),
            }
            for k in present.tolist()
        },
    }


def _clusters(corpus: Corpus, items: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.str_], str]:
    """What is resampled for scores of raters: speakers; an utterance whose speaker is not known stands for itself."""
    unknown = corpus.table["speaker"].null_count()
    # an id of a speaker may be that of an utterance too
    names = corpus.table.select(
        pl.coalesce("speaker: " + pl.col("speaker"), "utterance: " + pl.col("utterance")).alias("name")
    )["name"]
    unit = "speaker" if unknown == 0 else "utterance" if unknown == len(corpus) else "speaker or utterance"
    return np.asarray(names.to_list(), np.str_)[items], unit


def _raters(corpus: Corpus, min_ratings: int, cutoff: float, show_ids: bool) -> list[dict[str, Any]]:
    """Raters by how much they rated, numbered; with their ids only if asked for."""
    listed = sorted(
        rater_quality(corpus, min_ratings=min_ratings, cutoff=cutoff), key=lambda one: (-one.ratings, one.rater)
    )
    rows = []
    for number, one in enumerate(listed, 1):
        row = {"number": number, **vars(one)}
        row |= {
            "correlations": dict(zip(ATTRIBUTES, one.correlations, strict=True)),
            "biases": dict(zip(ATTRIBUTES, one.biases, strict=True)),
            "constant": list(one.constant),
            "reasons": list(one.reasons),
        }
        if not show_ids:
            del row["rater"]
        rows.append(row)
    return rows


def _or_none(measure: Callable[[], Interval]) -> dict[str, Any] | None:
    """An interval as JSON; None where the ratings do not give the measure."""
    try:
        return asdict(measure())
    except DataError:
        return None
