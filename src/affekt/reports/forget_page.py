"""report.html of a deletion."""

from collections.abc import Mapping
from typing import Any

from affekt.reports.evidence import Evidence

__all__ = ["forget_page"]


def forget_page(content: Mapping[str, Any], evidence: Evidence | None) -> str:
    return f"<!doctype html><title>{content['verdict']}</title><p>{content['verdict_in_words']}"
