"""affekt corpus show, check, import, export and split."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from affekt.cli.output import Flag, Output, OutputOptions
from affekt.cli.wording import count, table

if TYPE_CHECKING:
    from affekt.corpora import Corpus

__all__ = ["Exportable", "Importable", "check", "export_corpus", "import_corpus", "show", "split"]

Importable = Literal[
    "audformat",
    "crema-d",
    "dailydialog",
    "emobox",
    "emodb",
    "emogator",
    "huggingface",
    "iemocap",
    "lhotse",
    "msp-improv",
    "msp-podcast",
    "nkululeko",
    "ravdess",
    "speechbrain",
    "stem-e2va",
]
"""Public corpora and formats, written out so that help imports neither; a test holds it to READERS and FORMATS."""

Exportable = Literal["audformat", "emobox", "huggingface", "lhotse", "nkululeko", "speechbrain"]
"""Formats; a test holds it to FORMATS."""


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
    name: Importable,
    source: Path,
    /,
    *,
    out: Path,
    file_format: Literal["parquet", "csv"] = "parquet",
    copy_audio: Flag = False,
    audio_root: Path | None = None,
    speaker_pattern: str | None = None,
    tables: str | None = None,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Bring a public corpus in its own layout, or a corpus in another tool's format, into affekt's.

    Args:
        name: Which public corpus or which format it is.
        source: Folder with the public corpus as it is distributed; folder or file of the format.
        out: Corpus folder to write; it must not exist yet.
        file_format: How to write the table.
        copy_audio: Copy the recordings too, so that the folder can be moved; otherwise they stay where they are.
            Needed for data sets that hold the recordings themselves.
        audio_root: Folder that the paths in a format start from, if it is not the folder of the source.
        speaker_pattern: Regular expression whose first group, found in the ids of utterances, is the speaker; for
            sources that name no speaker.
        tables: Tables of an audformat database to read, separated by commas; all if not given.
        output: How to show the result.
    """
    import tempfile

    from affekt.cli.wording import split_commas
    from affekt.corpora import READERS
    from affekt.corpora.formats import FORMATS, speakers_from_ids
    from affekt.errors import ConfigError
    from affekt.files import check_new_folder

    check_new_folder(out)
    if name in READERS and audio_root is not None:
        raise ConfigError(f"--audio-root is for formats (got {name}, a public corpus); leave it out.")
    if name != "audformat" and tables is not None:
        raise ConfigError(f"--tables is for audformat (got {name}); leave it out.")
    with tempfile.TemporaryDirectory(prefix="affekt-") as unpacked:
        options: dict[str, Any] = {} if name in READERS else {"audio_root": audio_root}
        if tables is not None:
            options["tables"] = split_commas(tables, "table")
        if name == "huggingface" and copy_audio:
            options["audio_folder"] = Path(unpacked) / "audio"
        corpus = READERS[name](source) if name in READERS else FORMATS[name].read(source, **options)
        if speaker_pattern is not None:
            corpus = speakers_from_ids(corpus, speaker_pattern)
        corpus.write(out, file_format=file_format, copy_audio=copy_audio)
    summary = _summary(corpus)
    output.show(
        summary | {"corpus": str(out)},
        [f"{out}: {count(len(corpus), 'utterance')} of {count(len(corpus.speakers), 'speaker')}"],
    )
    return 0


def export_corpus(
    corpus: str,
    name: Exportable,
    /,
    *,
    out: Path,
    copy_audio: Flag = False,
    file_format: Literal["parquet", "jsonl", "csv"] | None = None,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Write a corpus in another tool's format, and say what that format cannot hold.

    Args:
        corpus: A corpus folder, a .csv or .parquet table, or the word builtin.
        name: Which format.
        out: Folder to write; it must not exist yet.
        copy_audio: Copy the recordings too, so that the folder can be moved; otherwise they stay where they are.
            Segments are cut into files where the format has none.
        file_format: Kind of the tables, where the format has several: audformat parquet or csv, huggingface parquet,
            jsonl or csv; parquet if not given.
        output: How to show the result.
    """
    from affekt.corpora import open_corpus
    from affekt.corpora.formats import FORMATS
    from affekt.errors import ConfigError

    known = FORMATS[name]
    if file_format is not None and file_format not in known.file_formats:
        kinds = " or ".join(known.file_formats) or "none"
        raise ConfigError(f"{name} has no file format {file_format}; {kinds} was expected; leave --file-format out.")
    options = {} if file_format is None else {"file_format": file_format}
    done = known.write(open_corpus(corpus), out, copy_audio=copy_audio, **options)
    output.show(
        {"folder": str(out), "format": name, "utterances": done.utterances, "notes": list(done.notes)},
        [f"{out}: {count(done.utterances, 'utterance')} as {name}", *(f"note: {note}" for note in done.notes)],
    )
    return 0


def split(
    corpus: str,
    /,
    *,
    out: Path,
    folds: int | None = None,
    test_speakers: str | None = None,
    dev_speakers: str | None = None,
    seed: int = 0,
    file_format: Literal["parquet", "csv"] = "parquet",
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Write a corpus with the sides of a split that shares no speaker, in the column split or in fold_1, fold_2 ...

    Args:
        corpus: A corpus folder, a .csv or .parquet table, or the word builtin.
        out: Corpus folder to write; it must not exist yet. The recordings stay where they are.
        folds: Deal the speakers into this many folds, each of which is tested once, and write a column for each.
        test_speakers: Speakers of the test side, separated by commas; a fifth is drawn if not given.
        dev_speakers: Speakers of the dev side, separated by commas; some of the others are drawn if not given.
        seed: Another seed draws other speakers.
        file_format: How to write the table.
        output: How to show the result.
    """
    from dataclasses import replace

    import polars as pl

    from affekt.cli.wording import split_commas
    from affekt.corpora import by_speaker, open_corpus, speaker_folds
    from affekt.errors import ConfigError

    if folds is not None and (test_speakers is not None or dev_speakers is not None):
        raise ConfigError("--folds draws all speakers; named speakers were not expected; leave one of them out.")
    opened = open_corpus(corpus)
    if folds is not None:
        splits = {f"fold_{k}": one for k, one in enumerate(speaker_folds(opened, folds=folds, seed=seed), 1)}
    else:
        one = by_speaker(
            opened,
            test_speakers=None if test_speakers is None else split_commas(test_speakers, "speaker"),
            dev_speakers=None if dev_speakers is None else split_commas(dev_speakers, "speaker"),
            seed=seed,
        )
        splits = {"split": one}
    columns: list[pl.Series] = []
    shown: list[dict[str, Any]] = []
    for column, made in splits.items():
        sides = {"train": made.train, "dev": made.dev, "test": made.test}
        side_of = {speaker: side for side, part in sides.items() for speaker in part.speakers}
        columns.append(pl.Series(column, [side_of[speaker] for speaker in opened.table["speaker"]]))
        for side, part in sides.items():
            shown.append({"column": column, "side": side, "utterances": len(part), "speakers": list(part.speakers)})
    replace(opened, table=opened.table.with_columns(columns)).write(out, file_format=file_format)
    rows = [[row["column"], row["side"], str(row["utterances"]), str(len(row["speakers"]))] for row in shown]
    lines = table(["column", "side", "utterances", "speakers"], rows)
    output.show({"corpus": str(out), "sides": shown}, [*lines, f"written to {out}"])
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
