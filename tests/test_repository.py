"""Tests of the repository itself: what its files promise each other."""

import ast
import dataclasses
import importlib
import json
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "affekt"
MODULES = sorted(SOURCE.rglob("*.py"))
PACKAGES = sorted(file.parent.name for file in SOURCE.glob("*/__init__.py"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "results").rglob("*.md"))
    if "_build" not in page.parts
)


def tracked() -> list[Path]:
    """Files of the repository: those of git, or all that are not hidden where there is no git."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        files = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        hidden = ("build", "dist", "_build", "__pycache__")
        files = [
            file
            for file in ROOT.rglob("*")
            if not any(part.startswith(".") or part in hidden for part in file.relative_to(ROOT).parts)
        ]
    return [file for file in files if file.is_file()]


def texts() -> Iterator[tuple[str, str]]:
    """Name and text of every tracked file that is text."""
    for file in tracked():
        try:
            yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def name_of(file: Path) -> str:
    """The dotted name of a source file."""
    parts = file.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def blocks(kind: str) -> list[tuple[str, str]]:
    """(page, text) of every fenced block of a kind in the pages."""
    fence = re.compile(rf"^( *)```{kind}\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
    return [
        (page.relative_to(ROOT).as_posix(), textwrap.dedent(match[2]))
        for page in PAGES
        for match in fence.finditer(page.read_text(encoding="utf-8"))
    ]


def commands(program: str) -> list[tuple[str, list[str]]]:
    """(page, words) of every command line in a block for the shell that calls a program."""
    found = []
    for kind in ("console", "sh", "bash"):
        for page, text in blocks(kind):
            if page == "docs/cli.md":  # written from the help texts: usage lines, not commands
                continue
            for line in text.replace("\\\n", " ").splitlines():
                words = shlex.split(line.removeprefix("$ "), comments=True)
                if program in words:
                    found.append((page, words[words.index(program) + 1 :]))
    return found


# the code


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_a_module_says_what_it_exports_in_order(file: Path) -> None:
    if file.name == "__main__.py":
        return
    module = importlib.import_module(name_of(file))
    exported = module.__all__
    missing = [name for name in exported if not hasattr(module, name)]
    assert not missing

    def rank(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)

    # a package whose names are loaded on use has them from its stub, sorted as text
    lazy = file.with_suffix(".pyi").is_file()
    assert list(exported) == sorted(set(exported), key=None if lazy else rank)
    assert (module.__doc__ or "").strip()


def test_imports_run_down_the_floors() -> None:
    checked = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_package_has_a_floor() -> None:
    (contract,) = PYPROJECT["tool"]["importlinter"]["contracts"]
    floors = {name.strip() for layer in contract["layers"] for name in layer.split("|")}
    rooms = {f"affekt.{name}" for name in PACKAGES} | {
        f"affekt.{file.stem}" for file in SOURCE.glob("*.py") if not file.stem.startswith("__")
    }
    assert rooms == floors


def test_what_needs_no_torch_loads_none() -> None:
    names = "affekt, affekt.audio, affekt.corpora, affekt.metrics, affekt.cli, affekt.files, affekt.reports.verify"
    code = f"import sys, {names}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_is_pickled_and_only_the_command_line_prints() -> None:
    picklers = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
    wrong = []
    for file in MODULES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            where = f"{name_of(file)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                wrong += [where for alias in node.names if alias.name.partition(".")[0] in picklers]
            elif isinstance(node, ast.ImportFrom):
                wrong += [where] if (node.module or "").partition(".")[0] in picklers else []
            elif isinstance(node, ast.Call):
                call = ast.unparse(node.func)
                if call in ("torch.load", "torch.save", "sys.exit"):
                    wrong += [] if call == "sys.exit" and file.name == "__main__.py" else [where]
                if call == "print" and "cli" not in file.parts:
                    wrong.append(where)
    assert not wrong


def test_no_file_points_outside_the_repository_or_has_loose_ends() -> None:
    # put together here so that this file does not find itself
    loose = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]))
    local = re.compile("|".join(f"(?<![\\w.])/{name}/" for name in ("work", "home", "root", "Users")))
    notes = re.compile(r"\b(?:card|practice)\s+\d")  # numbered notes that are not in the repository
    wrong = [
        f"{name}: {match[0]}"
        for name, text in texts()
        for pattern in (loose, local, notes)
        if (match := pattern.search(text)) is not None
    ]
    assert not wrong


# the methods


def test_methods_files_tests_and_pages_agree() -> None:
    from affekt.unlearning import METHODS
    from affekt.unlearning.material import Needs

    files = {
        file.stem
        for file in (SOURCE / "unlearning").glob("*.py")
        if re.search(r"^NEEDS = ", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert set(METHODS) == files
    assert list(METHODS) == sorted(METHODS)
    pages = {page.stem for page in (ROOT / "docs" / "methods").glob("*.md")} - {"index"}
    assert pages == {*METHODS, *learners()}
    files_of_tests = list((ROOT / "tests" / "unlearning").glob("test_*.py"))
    tests = "\n".join(file.read_text(encoding="utf-8") for file in files_of_tests)
    own = {file.stem.removeprefix("test_") for file in files_of_tests}
    assert not [name for name in METHODS if name not in own and f'"{name}"' not in tests]
    rows = re.findall(r"^\| \[`(\w+)`\]\(\S+\) \| ([^|]*) \|", (ROOT / "docs" / "unlearning.md").read_text(), re.M)
    wanted = {name: {need.value for need in Needs if need in module.NEEDS} for name, module in METHODS.items()}
    assert {name: set(needs.split(", ")) for name, needs in rows} == wanted


def learners() -> dict[str, list[Any]]:
    """Module with a PAPER, named without its package -> the training methods it holds."""
    from affekt import preference, recognition

    found: dict[str, list[Any]] = {}
    for method in [*preference.METHODS.values(), *recognition.METHODS.values()]:
        found.setdefault(method.__module__.rpartition(".")[2], []).append(method)
    return found


def test_training_methods_files_tests_and_pages_agree() -> None:
    from affekt import preference, recognition

    for package in (preference, recognition):
        assert list(package.METHODS) == sorted(package.METHODS)
        folder = package.__name__.rpartition(".")[2]
        papers = {
            file.stem
            for file in (SOURCE / folder).glob("*.py")
            if re.search(r"^PAPER = ", file.read_text(encoding="utf-8"), re.MULTILINE)
        }
        assert papers == {method.__module__.rpartition(".")[2] for method in package.METHODS.values()}
        for name, method in package.METHODS.items():
            assert name == method.NAME
            assert (ROOT / "tests" / folder / f"test_{method.__module__.rpartition('.')[2]}.py").is_file()
    page_of = {name: (ROOT / "docs" / "methods" / f"{name}.md").read_text(encoding="utf-8") for name in learners()}
    headings = ["What it does", "The paper's and ours", "Settings", "Numbers", "Limits"]
    for name, page in page_of.items():
        assert [line for line in re.findall(r"^## (.*)$", page, re.MULTILINE) if line in headings] == headings, name
        for method in learners()[name]:
            missing = [field.name for field in dataclasses.fields(method) if f"`{field.name}`" not in page]
            assert not missing, name
    help_of_train = (ROOT / "src" / "affekt" / "cli" / "train.py").read_text(encoding="utf-8")
    assert not [name for name in (*preference.METHODS, *recognition.METHODS) if name not in help_of_train]


def test_the_page_about_unlearning_knows_every_verdict_and_stop_rule() -> None:
    from affekt.metrics.deletion_rules import SUCCESS, VERDICTS
    from affekt.unlearning.descent import Stop

    page = (ROOT / "docs" / "unlearning.md").read_text(encoding="utf-8")
    codes = dict(re.findall(r"^\| `([A-Z_]+)` \|.*\| ([01]) \|$", page, re.MULTILINE))
    assert codes == {name: "0" if name in SUCCESS else "1" for name in VERDICTS}
    assert set(re.findall(r"^- `([a-z-]+)`[ :]", page, re.MULTILINE)) == set(get_args(Stop))


def test_the_papers_page_is_what_the_modules_say() -> None:
    from affekt.unlearning import METHODS

    script = ROOT / "docs" / "generate_papers.py"
    checked = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False, timeout=60
    )
    assert checked.returncode == 0, checked.stderr
    page = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
    for name, module in METHODS.items():
        assert (f"## `affekt.unlearning.{name}`" in page) == (module.PAPER is not None)
        if module.PAPER is not None:
            assert module.PAPER["title"] in page
            assert module.PAPER["arxiv"] in (module.__doc__ or ""), name
    for name in learners():
        assert re.search(rf"^## `affekt\.(preference|recognition)\.{name}`$", page, re.MULTILINE), name
    for section in page.split("\n## ")[1:]:
        shown = re.findall(r"^- \*\*([^*]+)\*\*: .", section, re.MULTILINE)
        fields = ["Title", "Authors", "Official code", "The paper's", "Our reading", "Deviations", "Reproduces"]
        assert shown == fields, section.partition("\n")[0]


def test_every_package_has_its_reference_page() -> None:
    pages = {page.stem for page in (ROOT / "docs" / "reference").glob("*.md")} - {"index"}
    assert pages == set(PACKAGES) - {"cli"}


def test_every_reader_is_on_the_page_about_corpora() -> None:
    from affekt.corpora import READERS
    from affekt.corpora.formats import FORMATS

    imported = {words[2] for _, words in commands("affekt") if words[:2] == ["corpus", "import"]}
    assert imported - set(FORMATS) == set(READERS)
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == list(FORMATS)


# the pages


@pytest.mark.parametrize(("page", "words"), commands("affekt"), ids=lambda value: str(value)[:60])
def test_a_command_on_a_page_can_be_parsed(page: str, words: list[str]) -> None:
    from affekt.cli.app import app

    if words == ["--help"]:
        return
    # raises for an unknown command, an unknown option, a missing argument or a value of the wrong kind
    command, _, ignored = app.parse_args(words, exit_on_error=False, print_error=False)
    assert command.__module__.startswith("affekt.cli."), page
    assert not ignored


def test_every_command_is_on_a_page() -> None:
    shown = {words[0] for _, words in commands("affekt")} | {"demo"}
    assert shown >= {"compare", "corpus", "cross-validate", "evaluate", "forget", "predict", "train"}


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = {word for _, words in commands("make") for word in words if "=" not in word}
    prose = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named |= set(re.findall(r"`make ([a-z]+)`", prose))
    named |= set(re.findall(r"^make ([a-z]+)$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE))
    assert named >= {"check", "demo", "docs", "test"}
    assert named <= targets
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == targets


@pytest.mark.parametrize(("page", "text"), blocks("python"), ids=lambda value: str(value)[:40])
def test_python_on_a_page_compiles_and_imports_what_there_is(page: str, text: str) -> None:
    tree = ast.parse(text, filename=page)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)


def test_settings_on_a_page_are_settings() -> None:
    from affekt import preference, recognition
    from affekt.cli.settings import overrides
    from affekt.corpora.opening import _KEYS as CORPUS_KEYS
    from affekt.reports import RequestDetails
    from affekt.training import ErasureConfig, TrainConfig
    from affekt.unlearning.forget_set_alone import Config

    methods = {**preference.METHODS, **recognition.METHODS}

    schemas = {
        "forget.toml": Config,
        "gentler.toml": Config,
        "levels.toml": TrainConfig,
        "request.toml": RequestDetails,
        "train.toml": TrainConfig,
        "votes.toml": TrainConfig,
    }
    for page, text in blocks("toml"):
        values = tomllib.loads(text)
        named = re.match(r"# ([\w-]+\.toml)", text)
        learner = None if named is None else methods.get(named[1].removesuffix(".toml"))
        if learner is not None:
            tables = {"options": {}, "method": {}, "erasure": {}}
            tables |= {name: value for name, value in values.items() if name in tables}
            assert overrides(values, TrainConfig, path=Path(page), besides=tables) or any(tables.values()), page
            overrides(tables["method"], learner, path=Path(page))
            overrides(tables["erasure"], ErasureConfig, path=Path(page))
        elif named is None:
            assert set(values) <= set(CORPUS_KEYS), page
        else:
            assert overrides(values, schemas[named[1]], path=Path(page)), page


def test_links_between_files_lead_somewhere() -> None:
    link = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
    wrong = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in link.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not wrong


# the project


def test_the_core_install_stays_small() -> None:
    assert len(PYPROJECT["project"]["dependencies"]) <= 15


def test_one_version() -> None:
    import affekt

    assert PYPROJECT["project"]["version"] == affekt.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{affekt.__version__}]" in changelog
    assert "### Numbers changed" in changelog


def test_results_name_the_command_that_made_them() -> None:
    from affekt.cli.app import app

    for file in tracked():
        if file.suffix != ".json" or file.relative_to(ROOT).parts[0] != "results":
            continue
        value = json.loads(file.read_text(encoding="utf-8"))
        words = shlex.split(value.get("command_line") or value["command"])
        assert len(words) > 1, f"{file} names no whole command"
        if words[0] == "affekt":
            app.parse_args(words[1:], exit_on_error=False, print_error=False)
