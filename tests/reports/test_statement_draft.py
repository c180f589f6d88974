"""What a statement takes from a report and two models, before it is signed."""

from types import SimpleNamespace
from typing import Any

import pytest

from affekt.reports.statement_draft import _encoder


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, None),
        ({"encoder": "facebook/w2v", "train": "lora"}, {"name": "facebook/w2v", "trained": "lora", "sha256": None}),
        (
            {"encoder": "/data/anna/encoder", "source_sha256": "0" * 64},
            {"name": "a local folder", "trained": "head", "sha256": "0" * 64},
        ),
        ({"encoder": "anna"}, {"name": "a local folder", "trained": "head", "sha256": None}),
    ],
)
def test_an_encoder_is_named_by_its_public_name_alone(options: dict[str, str], wanted: Any) -> None:
    model: Any = SimpleNamespace(config=SimpleNamespace(options=options))
    assert _encoder(model) == wanted
