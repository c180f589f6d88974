"""Sphinx settings: Markdown pages, and the reference from docstrings."""

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
