"""Sphinx settings: Markdown pages, and the reference from docstrings."""

from typing import Any

from sphinx.application import Sphinx

from affekt import __version__

project = "affekt"
author = "The affekt developers"
copyright = "The affekt developers, Apache-2.0"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"affekt {version}"
html_show_sourcelink = False

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]

napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Conventions", "notes_style"), ("Source", "notes_style")]

autodoc_member_order = "alphabetical"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True


_PROSE = ("attribute", "data", "property")
_kept: dict[str, list[str]] = {}


def _keep(_app: Sphinx, what: str, name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    if what in _PROSE:
        _kept[name] = list(lines)


def _restore(_app: Sphinx, what: str, name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Napoleon takes the words before a colon on the first line of an attribute for its type; ours are prose."""
    if what in _PROSE:
        lines[:] = _kept.pop(name)


def setup(app: Sphinx) -> None:
    """Before and after napoleon, which has the usual priority of 500."""
    app.connect("autodoc-process-docstring", _keep, priority=400)
    app.connect("autodoc-process-docstring", _restore, priority=600)
