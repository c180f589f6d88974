"""What a statement will say: taken from a report and two model directories, before anything is signed.

The verdict follows from the pieces of evidence; what the report calls it is not looked at.
"""

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from affekt.errors import DataError
from affekt.files import read_json
from affekt.metrics.deletion_rules import RULES
from affekt.models.digest import file_digest, manifest_digest
from affekt.reports.flags import category_of, verdict_of_pieces
from affekt.reports.forget_page import NOT_CLAIMED
from affekt.reports.request_details import RequestDetails
from affekt.reports.statement import PREDICATE_TYPE, STATEMENT_TYPE, SUBJECT, files_of
from affekt.types import PathLike

if TYPE_CHECKING:
    from affekt.models import EmotionModel

__all__ = ["draft_statement"]

_LINEAGE: Final = ("event", "method", "scope", "utterances", "speakers", "seed", "stopped", "synthetic")
"""Of a model's history; names of corpora stay out."""


def draft_statement(
    report: Mapping[str, Any],
    *,
    pieces: list[dict[str, Any]],
    before: PathLike,
    after: PathLike,
    old: "EmotionModel",
    manifests: Mapping[str, str],
    details: RequestDetails,
    evidence: Sequence[PathLike],
    time: str,
) -> dict[str, Any]:
    """The statement, still without commitment and ledger.

    Args:
        report: what report.json holds.
        pieces: its evidence, with flags computed from its numbers.
        before: the model directory before the deletion.
        after: the one after it.
        old: the model before, read.
        manifests: of both directories, as ``before`` and ``after``.
        details: what only the controller knows.
        evidence: files to cite by their SHA-256.
        time: the time to claim.

    Raises:
        DataError: a file to cite is not there.
        KeyError, TypeError, AttributeError, ValueError: the report lacks or garbles a field.
    """
    from affekt.models import EmotionModel

    request, method, run = report["request"], report["method"], report["method"]["run"]
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": SUBJECT, "digest": {"sha256": manifest_digest(manifests["after"])}},
            *({"name": f"{SUBJECT}/{name}", "digest": {"sha256": digest}} for name, digest in files_of(after).items()),
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "created": time,
            "request": {**details.to_json(), "scope": request["scope"], "subject": None},
            "model": {
                "before": {
                    "sha256": manifest_digest(manifests["before"]),
                    "weights_file_sha256": file_digest(Path(before) / "model.safetensors"),
                },
                "family": old.config.family,
                "classes": list(old.classes),
                "parameters": report["model"]["parameters"],
                "encoder": _encoder(old),
                "lineage": [
                    {key: entry[key] for key in _LINEAGE if key in entry}
                    for entry in EmotionModel.from_pretrained(after).config.history
                ],
                "recipe_sha256": _recipe(Path(after)),
            },
            "forget_set": {
                "recordings": request["recordings"],
                "trained": request["sides"]["train"],
                "known_from_record": request["known_from_record"],
                "seconds": request["seconds"],
                "emotions": request["emotions"],
                "commitment": None,
            },
            "method": {
                "name": method["name"],
                "version": report["environment"]["affekt"],
                "category": category_of(method["name"]),
                "config_sha256": _json_digest(method["settings"]),
                "data_used": method["needs"],
                "seed": method["seed"],
                "stop": None
                if run is None
                else {
                    "rule": run["stopped"],
                    "reached": run["reached"],
                    "steps": run["steps"],
                    "loss_before": run["loss_before"],
                    "loss_after": run["loss_after"],
                    "target": report["target_loss"],
                    "seconds": run["seconds"],
                },
            },
            "environment": {
                key: report["environment"][key] for key in ("affekt", "code_sha256", "python", "platform", "packages")
            },
            "rules": RULES,
            "tier": report["tier"],
            "evidence": pieces,
            "configuration_evidence": [{"sha256": file_digest(_existing(file))} for file in evidence],
            "not_tested": report["not_tested"],
            "verdict": verdict_of_pieces(
                pieces, tier=report["tier"], method=method["name"], trained=request["sides"]["train"]
            ),
            "scope": {**vars(details.scope)},
            "residual_risk": details.residual_risk,
            "limits": list(NOT_CLAIMED),
            "keep_until": details.day("keep_until"),
            "previous": None,
        },
    }


def _encoder(model: "EmotionModel") -> dict[str, str | None] | None:
    """The pretrained encoder; a folder's path stays out."""
    options = model.config.options
    name = str(options.get("encoder") or "")
    if not name:
        return None
    public = re.fullmatch(r"[\w.-]+/[\w.-]+", name) is not None and not Path(name).exists()
    return {
        "name": name if public else "a local folder",
        "trained": str(options.get("train", "head")),
        "sha256": options.get("source_sha256"),
    }


def _recipe(folder: Path) -> str | None:
    """SHA-256 of the training recipe, where run.json has it."""
    file = folder / "run.json"
    recipe = read_json(file).get("training") if file.is_file() else None
    return None if recipe is None else _json_digest(recipe)


def _json_digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()).hexdigest()


def _existing(path: PathLike) -> Path:
    if not Path(path).is_file():
        raise DataError(f"there is no file {path}; evidence to cite was expected; check the path.")
    return Path(path)
