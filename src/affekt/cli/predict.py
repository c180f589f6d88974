"""affekt predict."""

import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from affekt.cli.output import Flag, Output, OutputOptions
from affekt.cli.wording import count, table

if TYPE_CHECKING:
    from affekt.errors import DataError
    from affekt.prediction import Outputs, Prediction, Recording, Windows

__all__ = ["predict"]

_SILENT_SECONDS = 2.0
"""Work that is done sooner shows no progress."""


def predict(
    model: Path,
    paths: Annotated[tuple[Path, ...], Parameter(allow_leading_hyphen=True)] = (),
    /,
    *,
    paths_from: Annotated[Path | None, Parameter(name="--list", allow_leading_hyphen=True)] = None,
    window: float | None = None,
    hop: float | None = None,
    onnx: Flag = False,
    out: Path | None = None,
    file_format: Annotated[Literal["jsonl", "csv", "parquet"] | None, Parameter(name="--format")] = None,
    skip_bad: Flag = False,
    device: str = "auto",
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Say what a model hears in recordings: the probability of every emotion; attributes and intents if it tells them.

    Nothing is shown or written if a recording cannot be read, unless --skip-bad is given. With --json there is one line
    of JSON for every recording, or for every window of it.

    Args:
        model: Model directory, or an .onnx file that affekt export wrote, which needs no torch.
        paths: Recordings (wav, flac, ogg or mp3); folders that are searched for them; corpora (a folder with
            utterances.csv, utterances.parquet or corpus.toml, or a .csv or .parquet table with a column file), whose
            segments are honoured; or - for one recording on standard input. A model of the family text reads the column
            text of a corpus.
        paths_from: A text file with one such path a line; - reads the list from standard input.
        window: Cut each recording into windows of this many seconds. The last one ends where the recording ends; a
            shorter recording is one window. If not given, each recording is heard whole.
        hop: Seconds from the start of a window to the start of the next, at most --window; if not given, half of it.
        onnx: MODEL is an .onnx file, or a model directory with export/model.onnx that is to be used instead of the
            weights.
        out: File to write the predictions to; it must not exist.
        file_format: jsonl, csv or parquet. If not given, the suffix of --out tells; without --out, a table for people
            is shown.
        skip_bad: Leave out recordings that cannot be used, list them on standard error and say how many they are.
        device: Where torch computes, such as cpu or cuda; auto is cuda where there is one, else cpu.
        output: How to show the result.
    """
    from affekt.errors import ConfigError
    from affekt.files import check_new_file
    from affekt.prediction import find_recordings, open_scorer, write_predictions
    from affekt.prediction import predict as predict_recordings
    from affekt.prediction.writing import format_of

    if out is None and file_format == "parquet":
        raise ConfigError("--format parquet is no text for the terminal; a file was expected; say --out FILE.")
    if out is None and output.json and file_format == "csv":
        raise ConfigError("--json and --format csv contradict each other; one of them was expected; leave one out.")
    form = file_format or (format_of(out) if out is not None else "jsonl" if output.json else None)
    if out is not None:
        check_new_file(out)
    windows = _windows(window, hop)
    recordings = find_recordings(_sources(paths, paths_from), stdin=sys.stdin.buffer)
    scorer = open_scorer(model, onnx=onnx, device=device)
    left_out: list[Recording] = []

    def skip(recording: "Recording", error: "DataError") -> None:
        left_out.append(recording)
        sys.stderr.write(f"affekt: left out: {' '.join(str(error).split())}\n")

    with output.progress() as report:
        found = predict_recordings(
            scorer,
            recordings,
            windows=windows,
            on_bad=skip if skip_bad else None,
            on_done=None if report is None else _later(lambda done: report("listening", done, len(recordings))),
        )
        found = _at_least_one(found, recordings)
        if out is not None:
            rows = write_predictions(out, found, scorer.outputs, file_format=form)
        elif form is not None:
            _stream(found, scorer.outputs, form, at_once=skip_bad)
        else:
            lines = _lines(list(found), scorer.outputs, times=windows is not None or _has_segments(recordings))
    heard = len(recordings) - len(left_out)
    if out is not None:
        value = {"out": str(out), "recordings": heard, "predictions": rows, "left_out": len(left_out)}
        output.show(value, [f"{count(rows, 'prediction')} for {count(heard, 'recording')} in {out}"])
    elif form is None:
        output.show(None, lines)
    if left_out:
        sys.stderr.write(f"affekt: {len(left_out)} of {count(len(recordings), 'recording')} left out\n")
    return 0


def _windows(window: float | None, hop: float | None) -> "Windows | None":
    from affekt.errors import ConfigError
    from affekt.prediction import Windows

    if window is None:
        if hop is not None:
            raise ConfigError("--hop is given without --window; both were expected; say --window SECONDS too.")
        return None
    return Windows(seconds=window, hop_seconds=window / 2 if hop is None else hop)


def _sources(paths: tuple[Path, ...], paths_from: Path | None) -> list[str | Path]:
    """What is named on the line, then what is named in the list."""
    from affekt.errors import ConfigError
    from affekt.prediction import read_list

    named = [*paths, *(() if paths_from is None else read_list(paths_from, stdin=sys.stdin.buffer))]
    if not named:
        raise ConfigError(
            "command predict parameter PATHS requires an argument; recordings, folders, a corpus or --list FILE were "
            "expected (see affekt predict --help)."
        )
    if [str(path) for path in (*paths, paths_from)].count("-") > 1:
        raise ConfigError("standard input is named twice; it can be read once; leave one out.")
    return named


def _later(report: Callable[[int], None]) -> Callable[[int], None]:
    """Report nothing in the first moments: short work needs no progress."""
    began = time.monotonic()

    def call(done: int) -> None:
        if time.monotonic() - began >= _SILENT_SECONDS:
            report(done)

    return call


def _at_least_one(found: "Iterable[Prediction]", recordings: "list[Recording]") -> "Iterator[Prediction]":
    """The predictions; none at all is an error, so that nothing is written."""
    from affekt.errors import DataError

    empty = True
    for prediction in found:
        empty = False
        yield prediction
    if empty:
        raise DataError(
            f"none of {count(len(recordings), 'recording')} can be used; at least one was expected; see what is wrong "
            "with each above."
        )


def _stream(found: "Iterable[Prediction]", outputs: "Outputs", file_format: str, *, at_once: bool) -> None:
    """Rows on standard output: as they come, or when all are there, so that nothing is shown where one fails."""
    from affekt.prediction.writing import row_writer

    if at_once:
        rest = iter(found)
        first = next(rest)  # before the heading: there may be none
        write = row_writer(sys.stdout, outputs, file_format=file_format)
        for prediction in itertools.chain([first], rest):
            write(prediction)
        sys.stdout.flush()
        return
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace", newline="") as rows:
        write = row_writer(rows, outputs, file_format=file_format)
        for prediction in found:
            write(prediction)
        rows.seek(0)
        shutil.copyfileobj(rows, sys.stdout)
    sys.stdout.flush()


def _has_segments(recordings: "list[Recording]") -> bool:
    return any(recording.start > 0 or recording.end is not None for recording in recordings)


def _lines(found: "list[Prediction]", outputs: "Outputs", *, times: bool) -> list[str]:
    """A table for people; when clips are heard whole, their times say nothing."""
    head = [
        "file",
        *(("start", "end") if times else ()),
        *(("emotion",) if outputs.classes else ()),
        *outputs.classes,
        *outputs.attributes,
        *(("intent", "share") if outputs.intents else ()),
    ]
    return table(
        head,
        [
            [
                prediction.file,
                *((f"{prediction.start:.2f}", f"{prediction.end:.2f}") if times else ()),
                *((_emotion(prediction),) if outputs.classes else ()),
                *(f"{share:.3f}" for share in prediction.probabilities.values()),
                *(f"{value:.2f}" for value in prediction.attributes.values()),
                *(_intent(prediction) if outputs.intents else ()),
            ]
            for prediction in found
        ],
    )


def _emotion(prediction: "Prediction") -> str:
    return ", ".join(prediction.emotions) if prediction.emotions else str(prediction.emotion)


def _intent(prediction: "Prediction") -> tuple[str, str]:
    """The most probable intent, and how probable it is; the other formats have every one."""
    return str(prediction.intent), f"{max(prediction.intents.values()):.3f}"
