"""The room as a whole: its contents page, and that it brings no torch."""

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import affekt.metrics

MODULES = sorted(path.stem for path in Path(affekt.metrics.__file__).parent.glob("*.py") if path.stem != "__init__")


def test_contents_are_sorted_and_there() -> None:
    names = affekt.metrics.__all__
    assert list(names) == sorted(names)
    assert all(hasattr(affekt.metrics, name) for name in names)


def test_importing_metrics_brings_no_torch() -> None:
    code = "import sys, affekt.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("module", MODULES)
def test_examples_give_what_they_say(module: str) -> None:
    loaded = importlib.import_module(f"affekt.metrics.{module}")
    assert doctest.testmod(loaded, extraglobs={"np": importlib.import_module("numpy")}).failed == 0


def test_every_public_name_of_a_module_is_in_the_contents_and_in_the_docs() -> None:
    page = Path(__file__).parents[2] / "docs" / "metrics.md"
    written = page.read_text(encoding="utf-8")
    for module in MODULES:
        if not module.startswith("_") and module != "deletion_rules":  # rules, no metrics; they have their own page
            for name in importlib.import_module(f"affekt.metrics.{module}").__all__:
                assert name in affekt.metrics.__all__
                if name[0].islower():
                    assert f"`{name}`" in written, name
