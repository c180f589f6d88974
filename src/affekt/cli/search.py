"""affekt search."""

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, validators

from affekt.cli.output import Flag, Output, OutputOptions
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
    out: Path | None = None,
    page: Path | None = None,
    embed: Flag = False,
    device: str = "auto",
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
        out: File to write all recordings and scores to, .csv or .jsonl; it must not exist.
        page: HTML page with players to write, the nearest first; it must not exist.
        embed: Put the recordings into the page, so that it can be given away alone; else it points at them.
        device: Where torch computes, such as cpu or cuda; auto is cuda where there is one, else cpu.
        output: How to show the result.
    """
    from affekt.errors import ConfigError
    from affekt.files import check_new_file
    from affekt.models import EmotionModel
    from affekt.prediction.torch_scorer import TorchScorer
    from affekt.preference import search as search_corpus
    from affekt.training import FeatureStore

    if out is not None and out.suffix.lower() not in (".csv", ".jsonl"):
        raise ConfigError(f"the name {out} tells no format; a suffix of .csv or .jsonl was expected; change the name.")
    if embed and page is None:
        raise ConfigError("--embed is about the page and no --page is given; both were expected; say --page FILE too.")
    for file in (out, page):
        if file is not None:
            check_new_file(file)
    searched = _opened(corpus)
    loaded = TorchScorer(EmotionModel.from_pretrained(model), device=device).model
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
    if out is not None:
        _write(out, rows)
    if page is not None:
        _write_page(page, query, rows[:top], searched, model, embed=embed)
    value = {"query": query, "model": str(model), "corpus": searched.name, "recordings": len(rows), "hits": rows[:top]}
    lines = table(
        ("utterance", "score", "file"), [(row["utterance"], f"{row['score']:.3f}", row["file"]) for row in rows[:top]]
    )
    written = [f"{what} {where}" for what, where in (("scores", out), ("page", page)) if where is not None]
    output.show(value, [*lines, f"{count(len(rows), 'recording')} searched", *written])
    return 0


def _opened(source: str) -> "Corpus":
    """A corpus, or the recordings of a folder as one."""
    import polars as pl

    from affekt.corpora import Corpus, open_corpus
    from affekt.prediction import find_recordings

    path = Path(source)
    tables = ("utterances.csv", "utterances.parquet", "corpus.toml")
    if not path.is_dir() or any((path / name).is_file() for name in tables):
        return open_corpus(source)
    files = [Path(recording.file) for recording in find_recordings([path])]
    names = [file.relative_to(path).as_posix() for file in files]
    return Corpus(name=path.resolve().name, root=path, table=pl.DataFrame({"file": names, "utterance": names}))


def _write(out: Path, rows: list[dict[str, Any]]) -> None:
    from affekt.files import new_file

    with new_file(out) as part, part.open("w", encoding="utf-8", newline="") as stream:
        if out.suffix.lower() == ".jsonl":
            stream.writelines(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


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
