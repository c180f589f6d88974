"""affekt corpus show, check and import."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from affekt.cli.output import Flag, Output, OutputOptions
from affekt.cli.wording import count, table

if TYPE_CHECKING:
    from affekt.corpora import Corpus

__all__ = ["check", "import_corpus", "show"]


def show(
    corpus: str,
    /,
    *,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Show what a corpus holds; no recording is opened.

    Args:
        corpus: A corpus folder, a .csv or .parquet table, or the word builtin.
        output: How to show the result.
    """
    from affekt.corpora import open_corpus

    summary = _summary(open_corpus(corpus))
    lines = [
        f"name        {summary['name']}" + (" (synthetic)" if summary["synthetic"] else ""),
        f"source      {summary['source'] or '-'}",
        f"licence     {summary['licence'] or '-'}",
        f"utterances  {summary['utterances']}",
        f"speakers    {summary['speakers']}",
        f"languages   {_counts(summary['languages'])}",
        f"sexes       {_counts(summary['sexes'])}",
        f"ratings     {summary['ratings']}",
        f"digest      {summary['digest']}",
        "",
        *table(["emotion", "utterances"], [[name, str(count)] for name, count in summary["emotions"].items()]),
    ]
    if summary["unlabelled"]:
        lines.append(f"{count(summary['unlabelled'], 'utterance')} without an emotion")
    output.show(summary, lines)
    return 0


def check(
    corpus: str,
    /,
    *,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Read every recording and say what is wrong: missing, damaged, silent, clipped, duplicated, mislabelled.

    Exit code 1: something would stop training. Warnings alone do not fail.

    Args:
        corpus: A corpus folder, a .csv or .parquet table, or the word builtin.
        output: How to show the result.
    """
    from affekt.corpora import check as check_corpus
    from affekt.corpora import open_corpus

    with output.progress() as progress:
        report = check_corpus(
            open_corpus(corpus),
            progress=None if progress is None else lambda done, total: progress("checking", done, total),
        )
    findings = [
        {"severity": found.severity, "kind": found.kind, "utterance": found.utterance, "message": found.message}
        for found in report.findings
    ]
    value = {"utterances": report.utterances, "ok": not report.errors, "counts": report.counts(), "findings": findings}
    verdict = "nothing is wrong" if not findings else _counts(report.counts())
    lines = [f"{found['severity']}: {found['utterance']}: {found['message']}" for found in findings]
    output.show(value, [*lines, f"{count(report.utterances, 'utterance')} checked: {verdict}"])
    return 1 if report.errors else 0


def import_corpus(
    name: Literal["emodb", "ravdess", "emogator", "stem-e2va"],
    source: Path,
    /,
    *,
    out: Path,
    file_format: Literal["parquet", "csv"] = "parquet",
    copy_audio: Flag = False,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Bring a public corpus from its own layout into affekt's: corpus.toml and one table of utterances.

    Args:
        name: Which corpus it is.
        source: Folder with the recordings as they are distributed.
        out: Corpus folder to write; it must not exist yet.
        file_format: How to write the table.
        copy_audio: Copy the recordings too, so that the folder can be moved; otherwise they stay where they are.
        output: How to show the result.
    """
    from affekt.corpora import READERS

    corpus = READERS[name](source)
    corpus.write(out, file_format=file_format, copy_audio=copy_audio)
    summary = _summary(corpus)
    output.show(
        summary | {"corpus": str(out)},
        [f"{out}: {count(len(corpus), 'utterance')} of {count(len(corpus.speakers), 'speaker')}"],
    )
    return 0


def _summary(corpus: "Corpus") -> dict[str, Any]:
    """What a corpus holds, as plain JSON values."""
    emotions = corpus.emotions
    return {
        "name": corpus.name,
        "synthetic": corpus.synthetic,
        "source": corpus.source,
        "licence": corpus.licence,
        "utterances": len(corpus),
        "speakers": len(corpus.speakers),
        "emotions": {name: emotions.count(name) for name in corpus.classes},
        "unlabelled": emotions.count(None),
        "languages": _occurrences(corpus, "language"),
        "sexes": _occurrences(corpus, "sex"),
        "ratings": 0 if corpus.ratings is None else corpus.ratings.height,
        "digest": corpus.digest,
    }


def _occurrences(corpus: "Corpus", column: str) -> dict[str, int]:
    """How often each value of a column occurs, sorted by value; missing values are left out."""
    values = corpus.table[column].drop_nulls().to_list()
    return {value: values.count(value) for value in sorted(set(values))}


def _counts(counts: "dict[Any, int]") -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "-"
