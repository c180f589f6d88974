"""Templates of this folder become HTML pages; everything is escaped but the plots made here."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

__all__ = ["plot", "render"]


def plot(svg: str) -> Markup:
    """Marks an SVG element made by :mod:`affekt.reports.figures` as safe to include."""
    return Markup(svg)


def render(template: str, **values: Any) -> str:
    """One self-contained page.

    Args:
        template: a file in ``templates/``.
        values: what the template shows; a name it uses and does not get is an error.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(values)
