"""The command line: every command parses, calls one public function and shows what it returned.

- :func:`main`: run a command line and get its exit code
- ``app``: which commands there are; nothing heavier than the parser is imported before a command runs
- ``train``, ``evaluate``, ``predict``, ``forget``, ``compare``, ``corpus``, ``demo``: one file a command
- ``entry``: from a command line to an exit code
- ``output``: results on standard output, notes and progress on standard error
- ``wording``: lists, scores and tables as text
- ``settings``: TOML files that hold overrides, with unknown keys refused
- ``document``: writes ``docs/cli.md`` from the help texts

Exit codes: 0 done; 1 the verdict is a failure; 2 wrong usage or bad input; 130 interrupted.
"""

from affekt.cli.entry import main

__all__ = ["main"]
