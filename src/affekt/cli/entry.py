"""From a command line to an exit code: what went wrong becomes one sentence."""

import errno
import os
import sys
from collections.abc import Sequence

from affekt.errors import AffektError

__all__ = ["main"]

_HINTS = {
    "train": "give the same command with --resume to go on from the last finished epoch",
    "compare": "give the same command again to go on; what is finished is kept",
    "cross-validate": "give the same command again to go on; what is finished is kept",
}

_EXTRAS = {
    "accelerate": "torch",
    "safetensors": "torch",
    "torch": "torch",
    "peft": "hf",
    "transformers": "hf",
    "onnx": "export",
    "onnxscript": "export",
    "onnxruntime": "onnx",
    "cryptography": "sign",
}
"""Module that may be missing -> the extra that brings it."""

_WITHOUT_TORCH = {"predict": ", or predict with a model that affekt export wrote (--onnx), which needs no torch"}

_FILE_ERRORS = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EEXIST,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOSPC,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
"""Errors of the file system that a user can put right; any other keeps its traceback."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        argv: words after ``affekt``; None takes them from ``sys.argv``.

    Returns:
        The exit code: 0 done, 1 failed verdict, 2 wrong usage or bad input, 130 interrupted. An error that nobody
        foresaw is raised, with its traceback.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        # a file name that is no valid UTF-8 must not end the program while its name is shown
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")
    try:
        return _run(words)
    except AffektError as error:
        _say(str(error))
        return 2
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in _EXTRAS:
            raise
        command = _command(words)
        _say(
            f"{'affekt ' + command if command else 'this'} needs {module}, which is not installed; the extra "
            f"'{_EXTRAS[module]}' was expected, which brings it; run pip install 'affekt[{_EXTRAS[module]}]'"
            f"{_WITHOUT_TORCH.get(command, '') if _EXTRAS[module] == 'torch' else ''}."
        )
        return 2
    except KeyboardInterrupt:
        _say("interrupted; " + _HINTS.get(_command(words), "nothing was written") + ".")
        return 130
    except BrokenPipeError:
        # whoever read standard output has seen enough; Python must not complain when it closes the stream
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.errno not in _FILE_ERRORS or error.filename is None:
            raise
        _say(f"{error.filename} cannot be used ({error.strerror}); check the path, its rights and the space left.")
        return 2


def _run(words: list[str]) -> int:
    """Parse and run; what the parser has to complain about is one line."""
    from cyclopts import CycloptsError

    from affekt.cli.app import app

    try:
        commands, apps, rest = app.parse_commands(words)
        # only Markdown lets long help texts flow; its parser is slow to load, and the list of commands needs none
        app.help_format = "markdown" if any(not word.startswith("-") for word in commands) else "plaintext"
        if not rest and apps[-1].default_command is None:  # affekt, affekt corpus: what shall it do?
            app.help_print(commands, console=app.error_console)
            return 2
        result = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        sentence = " ".join(str(error).split()).rstrip(".")
        _say(f"{sentence} (see {' '.join(('affekt', *commands))} --help).")
        return 2
    return result if isinstance(result, int) else 0


def _command(words: list[str]) -> str:
    """Which command a line calls."""
    return next((word for word in words if not word.startswith("-")), "")


def _say(sentence: str) -> None:
    from affekt.cli.output import process_name

    sys.stderr.write(f"affekt{process_name()}: {' '.join(sentence.split())}\n")
