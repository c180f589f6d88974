"""The shape of a statement: its fields, all of them, and no other."""

import re
from typing import Any

import pytest

from affekt.errors import DataError
from affekt.reports.dsse import Envelope
from affekt.reports.statement import faults, read_payload, write_payload


def test_what_is_written_is_read(issued: Any) -> None:
    payload = Envelope.from_bytes(issued.statement.read_bytes()).payload
    assert write_payload(read_payload(payload)) == payload


def test_a_statement_has_its_fields_and_no_other(issued: Any) -> None:
    statement = read_payload(Envelope.from_bytes(issued.statement.read_bytes()).payload)
    assert faults(statement) == []
    predicate = statement["predicate"]

    def changed(**fields: Any) -> dict[str, Any]:
        return statement | {"predicate": predicate | fields}

    wrong = {
        "lacks _type": {key: value for key, value in statement.items() if key != "_type"},
        "unknown key 'more'": statement | {"more": 1},
        "statement.predicate is no table": statement | {"predicate": []},
        "subjects are not": statement | {"subject": statement["subject"][1:]},
        "subject is no list": statement | {"subject": {}},
        "predicate.verdict": changed(verdict="FINE"),
        "predicate.created": changed(created="yesterday"),
        "predicate.keep_until": changed(keep_until="2026-02-30"),
        "predicate.previous": changed(previous="sha256:1"),
        "predicate.rules": changed(rules="others"),
        "no limits": changed(limits=[]),
        "forget_set.seconds": changed(forget_set=predicate["forget_set"] | {"seconds": float("nan")}),
        "forget_set.trained": changed(forget_set=predicate["forget_set"] | {"trained": True}),
        "evidence\\[0\\].values": changed(evidence=[predicate["evidence"][0] | {"values": {"estimate": None}}]),
    }
    for match, value in wrong.items():
        assert re.search(match, "; ".join(faults(value))), match
        with pytest.raises(DataError, match="no statement can be made"):
            write_payload(value)
    for payload in (b"", b"[]", b"{}", b'{"a": 1, "a": 1}', b"[" * 100_000):
        with pytest.raises(DataError, match="the payload is no"):
            read_payload(payload)
