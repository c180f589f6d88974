"""affekt corpus audit."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from affekt.cli.output import Flag, Output, OutputOptions
from affekt.cli.wording import count, interval, table

if TYPE_CHECKING:
    from affekt.corpora import AuditReport, Corpus
    from affekt.training.shortcuts import Shortcuts

__all__ = ["audit"]


def audit(
    corpus: str,
    /,
    *,
    splits: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    partial: Flag = False,
    no_audio: Flag = False,
    shortcuts: Flag = False,
    out: Path | None = None,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Look for leaks between the sides of splits: speakers, recordings, overlapping segments, near-duplicate audio.

    Without a split it says which duplicates there are and which splits are possible. Exit code 1: something leaks.

    Args:
        corpus: A corpus folder, a .csv or .parquet table, or the word builtin.
        splits: Files that name a side (column split) or a fold (column fold) of each utterance or file; also EmoBox
            and SpeechBrain lists with train, dev or test in their names. The corpus's own columns if not given.
        partial: Leave out rows of these files about utterances that the corpus does not have.
        no_audio: Read no recording: look at the table alone.
        shortcuts: Also score what a model reaches on new speakers from text, length, level, silence, speaker or file
            format alone.
        out: Folder for results.json and report.html, which name nobody.
        output: How to show the result.
    """
    from affekt.corpora import audit as audit_corpus
    from affekt.corpora import listen, open_corpus, read_sides
    from affekt.files import check_new_folder

    started = time.perf_counter()
    if out is not None:
        check_new_folder(out)
    opened = open_corpus(corpus)
    sides = read_sides(splits, opened, partial=partial) if splits else None
    baselines = None
    with output.progress() as progress:
        if shortcuts:
            opened.labels()  # what is not labelled is refused before anything long begins
        # without sounds there is nothing to compare; the table is audited at once, so that bad splits fail early
        report = audit_corpus(opened, sides, audio=False)
        sounds = None
        if not no_audio:
            told = None if progress is None else lambda done, total: progress("listening", done, total)
            sounds = listen(opened, progress=told)
            report = audit_corpus(opened, sides, sounds=sounds, progress=progress)
        if shortcuts:
            from affekt.training.shortcuts import shortcuts as score_shortcuts

            baselines = score_shortcuts(opened, sounds=sounds, audio=False, progress=progress)
    if out is not None:
        from affekt.reports import write_audit

        words = ["affekt", *sys.argv[1:]]
        write_audit(out, opened, report, baselines, command=words, seconds=time.perf_counter() - started)
    utterances = opened.table["utterance"].to_list()
    if report.duplicates:
        output.note("duplicates are named so that you can act on them; leave the names out of what you give away")
    value: dict[str, Any] = report.to_json(utterances)
    value["shortcuts"] = None if baselines is None else baselines.to_json()
    output.show(value, [*_lines(report, utterances), *_shortcut_lines(baselines), "", _verdict(opened, report)])
    return 0 if report.ok else 1


def _lines(report: "AuditReport", utterances: Sequence[str]) -> list[str]:
    """What was found, without the verdict."""
    possible = report.possible
    lines = [
        f"utterances        {report.utterances}",
        f"speakers          {report.speakers}"
        + (f" ({report.without_speaker} utterances without one)" if report.without_speaker else ""),
        f"sentences         {report.sentences or '-'}",
        f"files             {report.recordings}",
        f"speaker-disjoint  {possible.speaker_disjoint}",
        f"sentence-disjoint {possible.sentence_disjoint}",
        f"both              {possible.both}",
    ]
    if report.silent:
        lines.append(f"not compared      {count(report.silent, 'silent utterance')}")
    if possible.one_speaker_classes:
        lines.append(f"of one speaker    {', '.join(possible.one_speaker_classes)}")
    for found in report.duplicates or ():
        how = "is the same as" if found.exact else f"is nearly the same as ({100 * found.correlation:.0f} %)"
        lines.append(f"duplicate: {utterances[found.second]} {how} {utterances[found.first]}")
    rows = [
        [
            f"{division.name}: {pair.first}, {pair.second}",
            found.kind,
            found.verdict,
            *(
                "-" if found.verdict == "unknown" else str(number)
                for number in (found.shared, found.of_first, found.of_second, found.utterances_second)
            ),
        ]
        for division in report.divisions
        for pair in division.pairs
        for found in pair.overlaps
        if found.verdict != "none"
    ]
    if rows:
        head = ["sides", "share", "verdict", "on both", "of first", "of second", "utterances of second"]
        lines += ["", *table(head, rows)]
    return lines


def _shortcut_lines(baselines: "Shortcuts | None") -> list[str]:
    """A row a baseline."""
    if baselines is None:
        return []
    rows = [
        [
            found.name,
            found.why_not if found.uar is None else interval(found.uar),
            "-" if found.p is None else f"{found.p:.3f}",
            "above chance" if found.above_chance else "",
        ]
        for found in baselines.baselines
    ]
    title = f"shortcut baselines, {count(baselines.folds, 'speaker fold')}, chance {100 * baselines.chance:.1f} %"
    return ["", title, *table(["from", "UAR", "p", ""], rows)]


def _verdict(corpus: "Corpus", report: "AuditReport") -> str:
    """The last line."""
    what = f"{count(len(corpus), 'utterance')} audited"
    if report.duplicates is None:
        what += " without listening"
    if not report.divisions:
        pairs = "" if report.duplicates is None else f", {count(len(report.duplicates), 'pair')} of duplicates"
        return f"{what}: no split to audit{pairs}"
    bad = sum(any(pair.leaks for pair in division.pairs) for division in report.divisions)
    return f"{what}: splits that leak: {bad} of {len(report.divisions)}"
