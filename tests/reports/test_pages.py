"""Templates escape what they are given and miss nothing silently."""

import jinja2
import pytest

from affekt.reports.pages import plot, render

FACTS = {
    "synthetic": False,
    "facts": ["<script>alert(1)</script>"],
    "tables": [],
    "heads": [],
    "legend": [],
    "lead": [],
}


def test_text_is_escaped_and_plots_are_not() -> None:
    page = render("compare.html", name="<i>x</i>", plot=plot("<svg></svg>"), version="1", **FACTS)
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<i>x</i>" not in page
    assert "<svg></svg>" in page


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("compare.html", name="x", version="1", **FACTS)


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = render("compare.html", name="x", plot="", version="1", **FACTS)
    assert "default-src 'none'" in page
    for word in ("http:", "https:", "<script", "<link", "@import", "src="):
        assert word not in page.replace("http-equiv", "")
