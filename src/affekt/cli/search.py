"""affekt search."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, validators

from affekt.cli.listing import Listing, ListingOptions, write_rows
from affekt.cli.output import Output, OutputOptions
from affekt.cli.wording import count, table

if TYPE_CHECKING:
    from affekt.corpora import Corpus

__all__ = ["search"]


def search(
    model: Path,
    query: str,
    corpus: str,
    /,
    *,
    top: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 10,
    listing: Listing = ListingOptions(),  # noqa: B008 (frozen)
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Find the recordings that sound like a sentence says, the nearest first.

    The model is one that affekt train --method rankclap made. Every query gets an order: whether the model understands
    its words is not known, and a score is not a probability.

    Args:
        model: Model directory of the family audio-text.
        query: What the voice should sound like, such as "a tired, slightly annoyed voice".
        corpus: Where to search: a corpus folder, a .csv or .parquet table, the word builtin, or a folder that is
            searched for recordings.
        top: How many recordings to show and to put on the page; --out gets all of them.
        listing.out: File to write all recordings and scores to, .csv or .jsonl; it must not exist.
        listing.page: HTML page with players to write, the nearest first; it must not exist.
        output: How to show the result.
    """
    from affekt.corpora import open_recordings
    from affekt.preference import search as search_corpus
    from affekt.training import FeatureStore

    listing.check()
    out, page = listing.out, listing.page
    searched = open_recordings(corpus)
    loaded = listing.load(model)
    store = FeatureStore(loaded, searched)
    with output.progress() as report:
        hits = search_corpus(
            loaded,
            query,
            searched,
            store=store,
            progress=None if report is None else lambda done: report("listening", done, len(searched)),
        )
    starts, ends = searched.table["start"].to_list(), searched.table["end"].to_list()
    rows: list[dict[str, Any]] = [
        {
            "rank": rank,
            "utterance": hit.utterance,
            "file": str(searched.path(hit.row)),
            "start": starts[hit.row] or 0.0,
            "end": ends[hit.row],
            "score": round(hit.score, 6),
        }
        for rank, hit in enumerate(hits, 1)
    ]
    if page is not None:  # first: it is refused where the recordings are too large for it
        _write_page(page, query, rows[:top], searched, model, embed=listing.embed)
    if out is not None:
        write_rows(out, rows)
    value = {"query": query, "model": str(model), "corpus": searched.name, "recordings": len(rows), "hits": rows[:top]}
    lines = table(
        ("utterance", "score", "file"), [(row["utterance"], f"{row['score']:.3f}", row["file"]) for row in rows[:top]]
    )
    written = [f"{what} {where}" for what, where in (("scores", out), ("page", page)) if where is not None]
    output.show(value, [*lines, f"{count(len(rows), 'recording')} searched", *written])
    return 0


def _write_page(
    page: Path, query: str, rows: list[dict[str, Any]], corpus: "Corpus", model: Path, *, embed: bool
) -> None:
    from affekt.reports.listening_page import ListeningRow, write_listening_page

    write_listening_page(
        page,
        title=f"Search: {query}",
        heading=f"Nearest to “{query}”",
        rows=[
            ListeningRow(
                path=row["file"], score=row["score"], note=row["utterance"], start=row["start"], end=row["end"]
            )
            for row in rows
        ],
        note=(
            f"The {count(len(rows), 'recording')} of {corpus.name} that the model {model.name} places nearest to the "
            "sentence. The score is a cosine, from -1 to 1; it is no probability, and every sentence has a nearest "
            "recording."
        ),
        embed=embed,
    )
