"""affekt rank."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from affekt.cli.listing import Listing, ListingOptions, write_rows
from affekt.cli.output import Output, OutputOptions
from affekt.cli.wording import count, table

if TYPE_CHECKING:
    from affekt.models import EmotionModel
    from affekt.preference import Ranked

__all__ = ["rank"]

_SHOWN = 20
"""Recordings that are listed on the terminal where --top does not say how many."""


def rank(
    model: Path,
    recordings: str,
    /,
    *,
    top: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    listing: Listing = ListingOptions(),  # noqa: B008 (frozen)
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Put recordings in order, the highest score first: the most intense, aroused, or whatever the model learned.

    The model is one that affekt train --model ranker --method ranklist made. Scores have no unit: their order means
    something, their differences do not.

    Args:
        model: Model directory of the family ranker.
        recordings: What to put in order: a corpus folder, a .csv or .parquet table, the word builtin, or a folder that
            is searched for recordings.
        top: How many recordings to show and to put on the page; if not given, the page gets all. --out always does.
        listing.out: File to write the whole order to, .csv or .jsonl; it must not exist.
        listing.page: HTML page with players to write, the highest score first; it must not exist.
        output: How to show the result.
    """
    from affekt.preference import rank as put_in_order

    listing.check()
    out, page = listing.out, listing.page
    loaded = listing.load(model)
    with output.progress() as progress:
        found = put_in_order(loaded, recordings, progress=progress)
    shown = found[: top or len(found)]
    if page is not None:  # first: it is refused where the recordings are too large for it
        _write_page(page, shown, loaded, name=model.resolve().name, total=len(found), embed=listing.embed)
    if out is not None:
        write_rows(out, [asdict(row) for row in found])
    listed = found[: top or _SHOWN]
    lines = table(
        ("rank", "score", "utterance", "file"),
        [(str(row.rank), f"{row.score:.3f}", row.utterance, row.file) for row in listed],
    )
    lines.append(f"{count(len(found), 'recording')} in order of {_subject(loaded)}")
    lines += [f"{what:<6} {where}" for what, where in (("order", out), ("page", page)) if where is not None]
    by = loaded.config.label
    output.show({"model": str(model), "by": by, "recordings": [asdict(row) for row in shown]}, lines)
    return 0


def _subject(model: "EmotionModel") -> str:
    """What the model puts recordings in order of, in words."""
    config = model.config
    if config.label == "emotion":
        return f"emotion, from {config.classes[0]} up to {config.classes[-1]}"
    return config.label


def _write_page(
    page: Path, found: "Sequence[Ranked]", model: "EmotionModel", *, name: str, total: int, embed: bool
) -> None:
    from affekt.reports.listening_page import ListeningRow, write_listening_page

    subject = _subject(model)
    corpora = sorted({str(event["corpus"]) for event in model.config.history if event.get("event") == "training"})
    trained = f", trained on {' and '.join(corpora)}" if corpora else ""
    part = "" if len(found) == total else f" The {len(found)} highest of {total} are shown."
    write_listening_page(
        page,
        title=f"Order of {subject}",
        heading=f"{count(total, 'recording')} in order of {subject}",
        rows=[
            ListeningRow(path=row.file, score=row.score, note=row.text or "", start=row.start, end=row.end)
            for row in found
        ],
        note=(
            f"Scored by the model {name}{trained}.{part} A higher score comes first; scores have no unit, and how far "
            "apart two of them are says nothing."
        ),
        embed=embed,
    )
