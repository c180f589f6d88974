"""affekt predict."""

from pathlib import Path

from affekt.cli.output import Output, OutputOptions
from affekt.cli.wording import table

__all__ = ["predict"]

SUFFIXES = (".flac", ".mp3", ".ogg", ".wav")
"""Files in a folder that are taken for recordings."""


def predict(
    model: Path,
    paths: tuple[Path, ...],
    /,
    *,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Say what a model hears in recordings: the probability of every emotion.

    Nothing is shown if a recording cannot be read. With --json there is one line of JSON for every recording.

    Args:
        model: Model directory.
        paths: Recordings (wav, flac, ogg or mp3), or folders that are searched for them.
        output: How to show the result.
    """
    import numpy as np
    import polars as pl

    from affekt.corpora import Corpus
    from affekt.metrics import probabilities
    from affekt.models import EmotionModel
    from affekt.training import FeatureStore, predict_rows

    loaded = EmotionModel.from_pretrained(model)
    files = _recordings(paths)
    corpus = Corpus(name="recordings", root=Path(), table=pl.DataFrame({"utterance": files, "file": files}))
    shares = probabilities(predict_rows(loaded, FeatureStore(loaded, corpus), np.arange(len(corpus))))
    if output.json:
        for file, row in zip(files, shares.tolist(), strict=True):
            best = loaded.classes[int(np.argmax(row))]
            output.show_row(
                {"file": file, "emotion": best, "probabilities": dict(zip(loaded.classes, row, strict=True))}
            )
    else:
        rows = [
            [file, loaded.classes[int(row.argmax())], *(f"{share:.3f}" for share in row)]
            for file, row in zip(files, shares, strict=True)
        ]
        output.show(None, table(["file", "emotion", *loaded.classes], rows))
    return 0


def _recordings(paths: tuple[Path, ...]) -> list[str]:
    """Files, and the recordings in folders, in order and each once."""
    from affekt.errors import DataError

    found: dict[str, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
            if not inside:
                raise DataError(
                    f"the folder {path} holds no recording; files ending in {', '.join(SUFFIXES)} were expected; "
                    "check the path."
                )
            found |= dict.fromkeys(str(file) for file in inside)
        else:
            found[str(path)] = None
    return list(found)
