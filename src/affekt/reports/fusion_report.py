"""affekt fuse: models fused over a corpus, beside each of them, as JSON, a page and a table of predictions."""

import csv
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.corpora import Corpus
from affekt.errors import ConfigError
from affekt.files import check_new_folder, new_folder, write_json, write_text
from affekt.models import EmotionModel, tensor_digest
from affekt.prediction import Outputs
from affekt.prediction.writing import column_names
from affekt.recognition.late_fusion import Fusion, fuse_models
from affekt.reports.fusion_page import fusion_page
from affekt.training import Progress, run_record
from affekt.types import PathLike

__all__ = ["FusionReport", "fuse_with_report"]


@dataclass(frozen=True, kw_only=True)
class FusionReport:
    """What was found."""

    fusion: Fusion
    content: dict[str, Any]
    """All of it but single predictions as plain JSON values, without an id of a speaker: what report.json holds."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return self.content


def fuse_with_report(
    models: Sequence[PathLike],
    corpus: Corpus,
    out: PathLike | None = None,
    *,
    weights_from: Corpus | None = None,
    resamples: int = 1000,
    seed: int = 0,
    command: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> FusionReport:
    """Fuse models; with ``out``, write ``report.html``, ``report.json`` and ``predictions.csv``.

    Args:
        models: model directories; see :func:`affekt.recognition.fuse_models`, also for the next two.
        corpus: utterances that hold test recordings of all models.
        out: a new folder; None writes nothing.
        weights_from: utterances to find the weights on.
        resamples: bootstrap resamples of speakers.
        seed: of the resampling.
        command: the words of the command that asked for it, kept with the results.
        progress: called as the work goes on.

    Raises:
        ConfigError, DataError, ProtocolError: as :func:`affekt.recognition.fuse_models`; ``out`` exists.
        CheckpointError: a model directory is damaged.
    """
    if out is not None:
        out = check_new_folder(out)
    names = _names(models)
    loaded = [EmotionModel.from_pretrained(path) for path in models]
    found = fuse_models(
        loaded, corpus, names=names, weights_from=weights_from, resamples=resamples, seed=seed, progress=progress
    )
    record = run_record("fuse", command_line=None if command is None else shlex.join(command))
    content: dict[str, Any] = {
        "format": "affekt-fusion",
        "format_version": 1,
        **found.to_json(),
        "models": [_described(*one) for one in zip(names, loaded, found.sides, strict=True)],
        "corpus": {
            "name": corpus.name,
            "synthetic": corpus.synthetic,
            "licence": corpus.licence,
            "utterances": len(corpus),
            "data_sha256": corpus.digest,
        },
        "weights_from": None
        if weights_from is None
        else {"name": weights_from.name, "utterances": len(weights_from), "data_sha256": weights_from.digest},
        "resamples": resamples,
        "seed": seed,
        "command_line": record["command_line"],
        "environment": {key: record[key] for key in ("affekt", "code_sha256", "python", "platform", "packages")},
    }
    if out is not None:
        page = fusion_page(content)
        with new_folder(out) as folder:
            write_json(folder / "report.json", content)
            write_text(folder / "report.html", page)
            _write_predictions(folder / "predictions.csv", found, corpus)
    return FusionReport(fusion=found, content=content)


def _names(models: Sequence[PathLike]) -> tuple[str, ...]:
    """A name a directory: its last part, with the folder above it where that is not enough."""
    places = [Path(path).resolve() for path in models]
    for path, place in zip(models, places, strict=True):
        if places.count(place) > 1:
            raise ConfigError(f"the model {path} is named twice; different models were expected; name another.")
    for parts in (1, 2):
        names = tuple("/".join(place.parts[-parts:]) for place in places)
        if len(set(names)) == len(names):
            return names
    return tuple(place.as_posix() for place in places)


def _described(name: str, model: EmotionModel, sides: Mapping[str, int]) -> dict[str, Any]:
    training = next((entry for entry in model.config.history if entry.get("event") == "training"), {})
    return {
        "name": name,
        "family": model.config.family,
        "reads": model.reads,
        "weights_sha256": tensor_digest(model),
        "trained_on": training.get("corpus"),
        "method": training.get("method"),
        "deletions": sum(entry.get("event") == "deletion" for entry in model.config.history),
        "recordings": dict(sides),
    }


def _write_predictions(path: Path, found: Fusion, corpus: Corpus) -> None:
    """The columns of affekt predict after the name of the utterance; times are those of the corpus."""
    outputs = Outputs(classes=found.classes, attributes=(), multi_label=False, intents=found.intents)
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["utterance", *column_names(outputs)])
        for place, row in enumerate(found.rows):
            utterance = corpus.table.row(int(row), named=True)
            line = [utterance["utterance"], str(corpus.path(int(row))), utterance["start"] or 0.0, utterance["end"]]
            for words, shares in ((found.classes, found.shares.emotions), (found.intents, found.shares.intents)):
                if words:
                    line += [words[int(shares[place].argmax())], *shares[place].tolist()]
            rows.writerow(line)
