"""Predictions as a file: JSON lines, CSV or Parquet, whole or not at all."""

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TextIO

from affekt.errors import ConfigError
from affekt.files import new_file
from affekt.prediction.predict import Prediction
from affekt.prediction.scorer import Outputs
from affekt.types import PathLike

__all__ = ["FORMATS", "column_names", "format_of", "row_writer", "write_predictions"]

FORMATS: Final = ("jsonl", "csv", "parquet")
"""Names of the formats, which are also the suffixes of their files."""


def format_of(path: PathLike) -> str:
    """The format that the suffix of a file tells.

    Raises:
        ConfigError: it tells none.
    """
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise ConfigError(
            f"the name {path} tells no format (got '{suffix}'); a suffix of {', '.join(FORMATS)} was expected; "
            "change the name or say --format."
        )
    return suffix


def column_names(outputs: Outputs) -> list[str]:
    """Columns of a table of predictions.

    ``file``, ``start``, ``end`` (seconds), ``emotion``, for a model that can hear several ``emotions`` (joined by
    ``;``), ``p_CLASS`` for every class, then the attributes by name, then ``intent`` and ``p_intent_NAME`` for every
    intent.
    """
    return [
        *("file", "start", "end", "emotion"),
        *(("emotions",) if outputs.multi_label else ()),
        *(f"p_{name}" for name in outputs.classes),
        *outputs.attributes,
        *(("intent",) if outputs.intents else ()),
        *(f"p_intent_{name}" for name in outputs.intents),
    ]


def row_writer(file: TextIO, outputs: Outputs, *, file_format: str) -> Callable[[Prediction], None]:
    """What writes a prediction as a line of JSON or CSV; for CSV the heading is written at once."""
    if file_format == "jsonl":
        return lambda prediction: _write(file, json.dumps(prediction.to_json(), allow_nan=False) + "\n")
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(column_names(outputs))

    def write(prediction: Prediction) -> None:
        rows.writerow(
            [
                *(prediction.file, prediction.start, prediction.end, prediction.emotion or ""),
                *((";".join(prediction.emotions or ()),) if outputs.multi_label else ()),
                *prediction.probabilities.values(),
                *prediction.attributes.values(),
                *((prediction.intent or "",) if outputs.intents else ()),
                *prediction.intents.values(),
            ]
        )

    return write


def write_predictions(
    path: PathLike, predictions: Iterable[Prediction], outputs: Outputs, *, file_format: str | None = None
) -> int:
    """Write predictions as they come; the file appears whole or not at all.

    Args:
        path: a file that does not exist yet.
        predictions: what to write.
        outputs: of the model that made them.
        file_format: one of :data:`FORMATS`; None goes by the suffix of ``path``.

    Returns:
        How many there were.

    Raises:
        DataError: the file exists.
        ConfigError: the format is unknown.
    """
    file_format = file_format or format_of(path)
    if file_format not in FORMATS:
        raise ConfigError(
            f"unknown format '{file_format}'; one of {', '.join(FORMATS)} was expected; choose one of these."
        )
    count = 0
    with new_file(path) as temporary:
        text = temporary.with_suffix(".rows") if file_format == "parquet" else temporary
        try:
            # a file name may be no valid text; it must not end the work
            with text.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
                write = row_writer(file, outputs, file_format="csv" if file_format == "parquet" else file_format)
                for count, prediction in enumerate(predictions, 1):  # noqa: B007 (counted)
                    write(prediction)
            if file_format == "parquet":
                _to_parquet(text, temporary, outputs)
        finally:
            if text != temporary:
                text.unlink(missing_ok=True)
    return count


def _to_parquet(rows: Path, target: Path, outputs: Outputs) -> None:
    """Turn the CSV into Parquet without holding it in memory."""
    import polars as pl

    texts = {"file", "emotion", "emotions", "intent"}
    schema = {name: pl.String if name in texts else pl.Float64 for name in column_names(outputs)}
    pl.scan_csv(rows, schema=schema).sink_parquet(target)


def _write(file: TextIO, text: str) -> None:
    file.write(text)
