"""Exit codes, the terminal, pipes."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import affekt as package
from affekt.cli.app import app

Affekt = Callable[..., Any]
PROGRAM = [sys.executable, "-m", "affekt"]


def leaves() -> list[tuple[str, ...]]:
    """Every command that does something."""
    groups = ("benchmark", "corpus")
    commands = [(name,) for name in app if not name.startswith("-") and name not in groups]
    return commands + [(group, name) for group in groups for name in app[group] if not name.startswith("-")]


def test_help(affekt: Affekt) -> None:
    ran = affekt("--help")
    assert ran.code == 0
    assert ran.err == ""
    for command in leaves():
        assert f" {command[0]} " in ran.out


@pytest.mark.parametrize("command", leaves(), ids=" ".join)
def test_help_of_every_command(affekt: Affekt, command: tuple[str, ...]) -> None:
    ran = affekt(*command, "--help")
    assert ran.code == 0
    assert ran.err == ""
    assert f"Usage: affekt {' '.join(command)} " in ran.out
    for option in ("--json", "--quiet"):
        assert option in ran.out


def test_help_names_every_family_and_method(affekt: Affekt) -> None:
    from affekt.models import FAMILIES
    from affekt.unlearning import METHODS

    text = affekt("forget", "--help").out
    assert [name for name in METHODS if name not in text] == []
    for command in ("train", "compare", "cross-validate"):
        text = affekt(command, "--help").out
        assert [name for name in FAMILIES if name not in text] == []


def test_help_names_every_reader(affekt: Affekt) -> None:
    from affekt.corpora import READERS

    text = affekt("corpus", "import", "--help").out
    assert [name for name in READERS if name not in text] == []


@pytest.mark.parametrize("words", [[], ["corpus"]])
def test_no_command_shows_the_help_as_an_error(affekt: Affekt, words: list[str]) -> None:
    ran = affekt(*words)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith(f"Usage: {' '.join(['affekt', *words])} COMMAND")


def test_version(affekt: Affekt) -> None:
    assert affekt("--version").out == f"{package.__version__}\n"


def test_program_and_module_are_the_same(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("affekt")
    if not program.exists():
        pytest.skip("affekt is not installed as a program beside this Python")
    for line in ([str(program)], PROGRAM):
        ran = subprocess.run([*line, "corpus", "show", tmp_path / "no"], capture_output=True, text=True, check=False)
        assert ran.returncode == 2
        assert ran.stdout == ""
        assert ran.stderr.startswith(f"affekt: there is no corpus at {tmp_path / 'no'}; ")
        assert ran.stderr.count("\n") == 1


def test_closed_pipe_is_no_error(shared: Path) -> None:
    """``affekt predict ... | head -1``"""
    line = f"{sys.executable} -m affekt predict {shared / 'model'} {shared / 'corpus'} --json | head -1"
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert ran.stdout.count("\n") == 1
    assert ran.stderr == ""


def test_name_that_is_no_text(tmp_path: Path) -> None:
    """A file name of any bytes can be shown."""
    name = os.fsencode(tmp_path) + b"/caf\xe9.csv"
    ran = subprocess.run([*PROGRAM, "corpus", "show", name], capture_output=True, check=False)
    assert ran.returncode == 2
    assert b"caf\\udce9.csv" in ran.stderr
    assert b"Traceback" not in ran.stderr


def test_progress_bar_on_a_terminal(shared: Path) -> None:
    """The bar is on standard error and gone at the end; the result is on standard output alone."""
    keeper, terminal = pty.openpty()
    line = [*PROGRAM, "corpus", "check", str(shared / "corpus")]
    ran = subprocess.run(line, stdout=subprocess.PIPE, stderr=terminal, env=os.environ | {"TERM": "xterm"}, check=True)
    os.close(terminal)
    shown = os.read(keeper, 100_000).decode()
    os.close(keeper)
    assert ran.stdout == b"72 utterances checked: nothing is wrong\n"
    assert "checking" in shown
    assert "\x1b[" in shown
    assert "affekt: checking" not in shown


def test_unforeseen_errors_keep_their_traceback(affekt: Affekt, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of affekt's own must not look like bad input."""
    import affekt.corpora as corpora

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(corpora, "open_corpus", broken)
    with pytest.raises(ZeroDivisionError):
        affekt("corpus", "show", shared / "corpus")


@pytest.mark.parametrize(
    ("module", "extra"), [("torch", "torch"), ("safetensors.torch", "torch"), ("transformers", "hf"), ("peft", "hf")]
)
def test_a_missing_package_is_one_sentence(
    affekt: Affekt, shared: Path, monkeypatch: pytest.MonkeyPatch, module: str, extra: str
) -> None:
    import affekt.corpora as corpora

    def missing(*_: object) -> None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr(corpora, "open_corpus", missing)
    ran = affekt("corpus", "show", shared / "corpus")
    assert (ran.code, ran.out) == (2, "")
    name = module.partition(".")[0]
    assert ran.err.startswith(f"affekt: affekt corpus needs {name}, which is not installed; the extra '{extra}'")
    assert ran.err.endswith(f"run pip install 'affekt[{extra}]'.\n")


def test_a_missing_module_of_our_own_keeps_its_traceback(
    affekt: Affekt, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import affekt.corpora as corpora

    def missing(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'affekt.nowhere'", name="affekt.nowhere")

    monkeypatch.setattr(corpora, "open_corpus", missing)
    with pytest.raises(ModuleNotFoundError):
        affekt("corpus", "show", shared / "corpus")
