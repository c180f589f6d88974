"""Write ``docs/cli.md`` from the help texts: ``python -m affekt.cli.document docs/cli.md``."""

import sys
from pathlib import Path

from affekt.cli.app import app
from affekt.files import write_text

__all__ = ["document"]

_HEAD = """\
<!-- written by python -m affekt.cli.document docs/cli.md; change the help texts, not this file -->

# Command line

"""


def document() -> str:
    """The help of all commands as Markdown."""
    app.help_format = "markdown"
    return _HEAD + app.generate_docs(heading_level=2).rstrip() + "\n"


if __name__ == "__main__":
    write_text(Path(sys.argv[1]), document())
