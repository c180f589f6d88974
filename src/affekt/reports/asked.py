"""The recordings that a person asked to be forgotten: found again in a corpus that still has them, and committed to.

A commitment lets whoever holds the recordings and the key of the request show later which ones were meant; without the
key it says nothing of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.errors import DataError
from affekt.reports.commitment import KEY_BYTES, key_name, leaf, merkle_root
from affekt.reports.request_details import RequestDetails

if TYPE_CHECKING:
    from affekt.corpora import Corpus
    from affekt.models import EmotionModel
    from affekt.reports.request import Request

__all__ = ["Asked", "commitment_of", "commitment_root", "identifiers", "request_of"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which recordings were asked for, in a corpus that still has them."""

    corpus: "Corpus"
    speaker: str | None = None
    utterances: Sequence[str] | None = None


def request_of(asked: Asked, model: "EmotionModel", report: Mapping[str, Any]) -> "Request":
    """The named recordings.

    Raises:
        DataError: they are not those that the report is about.
    """
    from affekt.reports.request import read_request

    request, _ = read_request(model, asked.corpus, speaker=asked.speaker, utterances=asked.utterances)
    told = report["request"]
    found = {
        "scope": request.scope,
        "recordings": len(request.sides),
        "seconds": round(request.seconds, 1),
        "sides": {side: request.sides.count(side) for side in told["sides"]},
    }
    for name, value in found.items():
        if value != told[name]:
            raise DataError(
                f"the recordings named are not those that were forgotten ({name}: got {value}, the report has "
                f"{told[name]}); the same request as in affekt forget was expected; name the same recordings."
            )
    return request


def identifiers(request: "Request") -> set[str]:
    """Every id and file name of the requested recordings and of who speaks in them."""
    table = request.corpus.table
    names = {str(value) for column in ("utterance", "speaker", "file") for value in table[column] if value is not None}
    return names | {Path(name).name for name in names} | {Path(name).stem for name in names}


def commitment_root(key: bytes, request: "Request") -> str:
    """The root over the requested recordings."""
    names = request.corpus.table["utterance"].to_list()
    return merkle_root(sorted(map(leaf, [key] * len(names), names, request.waveforms))).hex()


def commitment_of(key: bytes, request: "Request", details: RequestDetails) -> dict[str, Any]:
    """What a statement says of the recordings."""
    return {
        "alg": "hmac-sha256-merkle",
        "pcm": "s16le-16000-mono",
        "root": commitment_root(key, request),
        "key_id": key_name(key),
        "key_bytes": KEY_BYTES,
        "key_destroy_after": details.day("key_destroy_after"),
    }
