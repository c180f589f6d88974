"""The public names."""

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import affekt

LAZY = ("affekt", "affekt.models", "affekt.reports")


@pytest.mark.parametrize("package", LAZY)
def test_every_public_name_is_the_one_from_its_home(package: str) -> None:
    """What type checkers read in the stub is what there is."""
    module = importlib.import_module(package)
    assert module.__file__ is not None
    stub = ast.parse(Path(module.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    homes = {
        alias.asname: f"{package}.{line.module}"
        for line in stub.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
        if alias.asname == alias.name  # else it is not public
    }
    assert sorted(homes) == module.__all__
    for name, home in homes.items():
        assert getattr(module, name) is getattr(importlib.import_module(home), name)


def test_a_function_is_not_hidden_by_the_module_of_its_name() -> None:
    """``certify`` and ``verify`` stand in modules of these names, which others import first."""
    for first in ("affekt.reports.certify, affekt.reports.verify", "affekt.reports"):
        code = f"import {first}; import affekt.reports as r; assert callable(r.certify) and callable(r.verify)"
        assert subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False).returncode == 0


def test_names_are_listed_and_described() -> None:
    assert affekt.__doc__ is not None
    described = set(re.findall(r":(?:func|class|data):`(\w+)`", affekt.__doc__))
    assert described == set(affekt.__all__)
    assert set(affekt.__all__) <= set(dir(affekt))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="No affekt attribute remember"):
        _ = affekt.remember
