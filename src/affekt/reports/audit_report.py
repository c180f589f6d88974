"""affekt corpus audit: results.json and a page, without the name of anybody or of any recording."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from affekt.corpora import AuditReport, Corpus
from affekt.files import new_folder, write_json, write_text
from affekt.reports.pages import render
from affekt.training import run_record
from affekt.training.shortcuts import SHORTCUTS, Shortcuts
from affekt.types import PathLike

__all__ = ["audit_page", "write_audit"]

_KINDS = {
    "speakers": "Speakers",
    "utterances": "Utterances on both sides",
    "segments": "Segments that overlap in time",
    "exact": "Recordings, every sample equal",
    "near": "Recordings, nearly equal",
    "recordings": "Files",
    "sentences": "Sentences",
}
_WORDS = {"leak": "leak", "note": "note", "none": "nothing shared", "unknown": "not known"}
_CLASSES = {"leak": "bad", "note": "open", "none": "good", "unknown": "open"}


def write_audit(
    out: PathLike,
    corpus: Corpus,
    report: AuditReport,
    baselines: Shortcuts | None = None,
    *,
    command: Sequence[str] | None = None,
    seconds: float = 0.0,
) -> dict[str, Any]:
    """Write ``results.json`` and ``report.html``.

    Args:
        out: A new folder.
        corpus: What was audited.
        report: What was found.
        baselines: Scores of the shortcut baselines, if they were asked for.
        command: The words of the command that asked for it, kept with the results.
        seconds: Wall time of the audit.

    Returns:
        What results.json holds: duplicates as row numbers, divisions by name, nobody's id.

    Raises:
        DataError: ``out`` exists.
    """
    results = run_record(
        "audit",
        command_line=None if command is None else shlex.join(command),
        corpus={
            "name": corpus.name,
            "synthetic": corpus.synthetic,
            "utterances": len(corpus),
            "speakers": len(corpus.speakers),
        },
        data_sha256=corpus.digest,
        audit=report.to_json(),
        shortcuts=None if baselines is None else baselines.to_json(),
        seconds=seconds,
    )
    with new_folder(out) as folder:
        write_json(folder / "results.json", results)
        write_text(folder / "report.html", audit_page(results))
    return results


def audit_page(results: Mapping[str, Any]) -> str:
    """The page of an audit.

    Args:
        results: What :func:`write_audit` puts into results.json.
    """
    found, corpus = results["audit"], results["corpus"]
    return render(
        "audit.html",
        name=corpus["name"],
        synthetic=corpus["synthetic"],
        mark="bad" if found["leaks"] else "good" if found["divisions"] else "none",
        lead=_lead(found),
        facts=_facts(found),
        divisions=[_division(division) for division in found["divisions"]],
        duplicates=_duplicates(found),
        baselines=_baselines(results["shortcuts"]),
        command=results["command_line"] or "",
        version=results["affekt"],
    )


def _lead(found: Mapping[str, Any]) -> list[str]:
    """The result in a few sentences."""
    divisions = found["divisions"]
    if not divisions:
        lines = ["The corpus names no split and none was given: this page says which splits are possible."]
    else:
        leaking = [d for d in divisions if any(o["verdict"] == "leak" for p in d["pairs"] for o in p["overlaps"])]
        lines = [f"Splits that leak: {len(leaking)} of {len(divisions)}."]
        kinds = {o["kind"] for d in leaking for p in d["pairs"] for o in p["overlaps"] if o["verdict"] == "leak"}
        if kinds:
            lines.append(
                "Shared between sides: " + "; ".join(_KINDS[kind].lower() for kind in _KINDS if kind in kinds) + "."
            )
    if found["duplicates"] is None:
        lines.append("The recordings were not read, so duplicates are not known.")
    else:
        lines.append(f"Pairs of utterances that are one recording: {len(found['duplicates'])}.")
    return lines


def _facts(found: Mapping[str, Any]) -> list[str]:
    """What the corpus holds and which splits it allows."""
    possible = found["possible"]
    lines = [
        f"{found['utterances']} utterances in {found['recordings']} files, {found['speakers']} speakers, "
        f"{found['sentences'] or 'no known'} sentences",
        f"without a common speaker there can be: {possible['speaker_disjoint']}",
        f"without a common sentence there can be: {possible['sentence_disjoint']}",
        f"without either: {possible['both']}",
    ]
    if found["without_speaker"]:
        lines.append(f"utterances whose speaker is not known: {found['without_speaker']}")
    if found["silent"]:
        lines.append(f"utterances too quiet to be compared: {found['silent']}")
    if possible["one_speaker_classes"]:
        lines.append(f"emotions of one speaker alone: {', '.join(possible['one_speaker_classes'])}")
    return lines


def _division(division: Mapping[str, Any]) -> dict[str, Any]:
    """The table of one split."""
    rows = []
    for pair in division["pairs"]:
        for overlap in pair["overlaps"]:
            known = overlap["verdict"] != "unknown"
            rows.append(
                {
                    "sides": f"{pair['first']}, {pair['second']}",
                    "kind": _KINDS[overlap["kind"]],
                    "verdict": _WORDS[overlap["verdict"]],
                    "mark": _CLASSES[overlap["verdict"]],
                    "shared": overlap["shared"] if known else "–",
                    "first": overlap["of_first"] if known else "–",
                    "second": overlap["of_second"] if known else "–",
                    "utterances": overlap["utterances_second"] if known else "–",
                }
            )
    sizes = ", ".join(f"{side} {number}" for side, number in division["utterances"].items())
    unassigned = f"; {division['unassigned']} on no side" if division["unassigned"] else ""
    within = {side: pairs for side, pairs in (division["within"] or {}).items() if pairs}
    warning = ", ".join(f"{side} {pairs}" for side, pairs in within.items())
    return {"name": division["name"], "sizes": sizes + unassigned, "rows": rows, "within": warning}


def _duplicates(found: Mapping[str, Any]) -> list[str]:
    """Numbers of duplicates; which ones they are is shown by the command alone."""
    if not found["duplicates"]:
        return []
    exact = sum(pair["exact"] for pair in found["duplicates"])
    lines = [f"{exact} pairs with every sample equal, {len(found['duplicates']) - exact} nearly equal"]
    if found["conflicting"]:
        lines.append(f"{found['conflicting']} pairs have two different emotions")
    if across := found["possible"]["duplicates_across_speakers"]:
        lines.append(f"{across} pairs stand under two speakers: they leak through a speaker-disjoint split")
    return lines


def _baselines(shortcuts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The table of the shortcut baselines."""
    if shortcuts is None:
        return None
    rows = []
    for baseline in shortcuts["baselines"]:
        score = baseline["uar"]
        rows.append(
            {
                "name": baseline["name"],
                "sees": SHORTCUTS[baseline["name"]],
                "uar": baseline["why_not"] if score is None else f"{score['estimate']:.3f}",
                "interval": "" if score is None else f"[{score['low']:.3f}, {score['high']:.3f}]",
                "top": "–" if score is None else f"{baseline['shuffled_top']:.3f}",
                "p": "–" if score is None else f"{baseline['p']:.3f}",
                "mark": "bad" if baseline["above_chance"] else "good" if score else "open",
                "verdict": "above chance" if baseline["above_chance"] else "not above chance" if score else "–",
            }
        )
    return {
        "rows": rows,
        "chance": f"{shortcuts['chance']:.3f}",
        "folds": shortcuts["folds"],
        "speakers": shortcuts["speakers"],
    }
