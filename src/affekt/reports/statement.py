"""What a statement about a deletion holds: an in-toto Statement v1 whose every field is known, and nothing besides.

The fields are listed in :data:`STATEMENT`. A key more or less, a number that is not finite or a verdict outside the
closed vocabulary makes it no statement.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from affekt.errors import DataError
from affekt.metrics.deletion_rules import RULES, VERDICTS
from affekt.models.digest import file_digest, strict_json
from affekt.reports.commitment import KEY_BYTES
from affekt.reports.request_details import GROUNDS, NOT_STATED, ScopeMap
from affekt.types import PathLike

__all__ = [
    "PREDICATE_TYPE",
    "STATEMENT",
    "STATEMENT_TYPE",
    "SUBJECT",
    "faults",
    "files_of",
    "read_payload",
    "write_payload",
]

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:affekt:unlearning-report:v1"
SUBJECT: Final = "model-after"
"""Name of the first subject, the model by its manifest; ``model-after/FILE`` follow, by the files' bytes."""

Check = Callable[[Any], bool]
"""Whether a value is one that may stand here."""


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _sha256(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _day(value: Any) -> bool:
    if value == NOT_STATED:
        return True
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _time(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value) is not None


def _head(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("sha256:") and _sha256(value.removeprefix("sha256:"))


def _values(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_number, value.values()))


def _scalars(value: Any) -> bool:
    return isinstance(value, dict) and all(
        one is None or _text(one) or _number(one) or _truth(one) for one in value.values()
    )


def _either(*options: Any) -> Check:
    return lambda value: any(type(value) is type(option) and value == option for option in options)


class _Maybe:
    """A value of a shape, or null."""

    def __init__(self, shape: Any) -> None:
        self.shape = shape


_CRITERION: Final = {"require": _text, "otherwise": _either("under-forgotten", "over-forgotten", "utility")}
_PREDICATE: Final = {
    "created": _time,
    "request": {
        "id": _text,
        "ground": _either(*GROUNDS),
        "received": _day,
        "due": _day,
        "completed": _day,
        "identity_check": _text,
        "scope": _either("speaker", "utterances"),
        "subject": _Maybe(_sha256),
    },
    "model": {
        "before": {"sha256": _sha256, "weights_file_sha256": _sha256},
        "family": _text,
        "classes": [_text],
        "parameters": _count,
        "encoder": _Maybe({"name": _text, "trained": _text, "sha256": _Maybe(_sha256)}),
        "lineage": [_scalars],
        "recipe_sha256": _Maybe(_sha256),
    },
    "forget_set": {
        "recordings": _count,
        "trained": _count,
        "known_from_record": _truth,
        "seconds": _number,
        "emotions": _Maybe(_values),
        "commitment": _Maybe(
            {
                "alg": _either("hmac-sha256-merkle"),
                "pcm": _either("s16le-16000-mono"),
                "root": _sha256,
                "key_id": _text,
                "key_bytes": _either(KEY_BYTES),
                "key_destroy_after": _day,
            }
        ),
    },
    "method": {
        "name": _text,
        "version": _text,
        "category": _either("exact", "approximate"),
        "config_sha256": _sha256,
        "data_used": [_text],
        "seed": _count,
        "stop": _Maybe(
            {
                "rule": _text,
                "reached": _truth,
                "steps": _count,
                "loss_before": _number,
                "loss_after": _number,
                "target": _Maybe(_number),
                "seconds": _number,
            }
        ),
    },
    "environment": {"affekt": _text, "code_sha256": _sha256, "python": _text, "platform": _text, "packages": _scalars},
    "rules": _either(RULES),
    "tier": _either("T0", "T1"),
    "evidence": [
        {
            "test": _text,
            "tier": _either("T0", "T1", "T2", "T3"),
            "level": _Maybe(_number),
            "values": _values,
            "criteria": [_CRITERION],
            "enough": [_text],
            "unit": _Maybe(_text),
            "note": _text,
            "pass": _Maybe(_truth),
            "failure": _Maybe(_text),
        }
    ],
    "configuration_evidence": [{"sha256": _sha256}],
    "not_tested": [_text],
    "verdict": _either(*VERDICTS),
    "scope": dict.fromkeys(ScopeMap.__dataclass_fields__, _text),
    "residual_risk": _text,
    "limits": [_text],
    "keep_until": _day,
    "previous": _Maybe(_head),
}
STATEMENT: Final[Mapping[str, Any]] = {
    "_type": _either(STATEMENT_TYPE),
    "subject": [{"name": _text, "digest": {"sha256": _sha256}}],
    "predicateType": _either(PREDICATE_TYPE),
    "predicate": _PREDICATE,
}
"""Field -> what may stand there: a check, a table of fields, a list of one shape, or a shape or null."""


def files_of(folder: PathLike) -> dict[str, str]:
    """Name -> SHA-256 of the files of a model directory that a statement covers; the model card is not one."""
    folder = Path(folder)
    fixed = [folder / name for name in ("config.json", "model.safetensors", "report.html", "report.json", "run.json")]
    files = [*fixed, *sorted((folder / "erasure").rglob("*"))]
    return {file.relative_to(folder).as_posix(): file_digest(file) for file in files if file.is_file()}


def write_payload(statement: Mapping[str, Any]) -> bytes:
    """The bytes to sign.

    Raises:
        DataError: it is no statement, because what it was made from is damaged.
    """
    if wrong := faults(statement):
        raise DataError(
            f"no statement can be made of this ({wrong[0]}); the report that affekt forget wrote was expected; restore "
            "it from a copy."
        )
    return json.dumps(statement, indent=1, allow_nan=False).encode("ascii")


def read_payload(payload: bytes) -> dict[str, Any]:
    """The statement in a payload.

    Raises:
        DataError: it is none.
    """
    try:
        statement = strict_json(payload)
    except (ValueError, RecursionError):
        statement = None
    if not isinstance(statement, dict):
        raise DataError("the payload is no JSON object; a statement was expected; get it again from whoever issued it.")
    if wrong := faults(statement):
        raise DataError(
            f"the payload is no statement of this kind ({wrong[0]}); the fields of {PREDICATE_TYPE} were expected; "
            "verify it with the version of affekt that issued it."
        )
    return statement


def faults(statement: Any) -> list[str]:
    """What keeps a value from being a statement; empty if nothing does."""
    found = _faults(statement, STATEMENT, "statement")
    if not found:
        names = [subject["name"] for subject in statement["subject"]]
        if names[:1] != [SUBJECT] or len(set(names)) < len(names):
            found.append("its subjects are not the model and its files, each once")
        if not statement["predicate"]["limits"]:
            found.append("it has no limits")
    return found


def _faults(value: Any, shape: Any, where: str) -> list[str]:
    if isinstance(shape, _Maybe):
        return [] if value is None else _faults(value, shape.shape, where)
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            return [f"{where} is no table"]
        found = [f"{where} lacks {key}" for key in shape if key not in value]
        found += [f"{where} has the unknown key {key!r}" for key in value if key not in shape]
        for key in shape:
            found += _faults(value[key], shape[key], f"{where}.{key}") if key in value else []
        return found
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where} is no list"]
        return [fault for number, one in enumerate(value) for fault in _faults(one, shape[0], f"{where}[{number}]")]
    return [] if shape(value) else [f"{where} has a value that may not stand there"]
