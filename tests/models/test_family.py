"""The table of families and what stands behind it."""

import dataclasses
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import affekt.models
from affekt.errors import ConfigError
from affekt.models import FAMILIES, EncoderNetwork, Family, LogmelCnn, find_family
from affekt.models.family import source_options
from affekt.models.logmel_cnn import LogmelCnnOptions


def test_the_table_names_the_modules_that_hold_a_family() -> None:
    folder = Path(inspect.getfile(affekt.models)).parent
    holders = {file.stem for file in folder.glob("*.py") if re.search(r"^FAMILY = ", file.read_text("utf-8"), re.M)}
    assert sorted(FAMILIES.values()) == sorted(holders)
    assert list(FAMILIES) == sorted(FAMILIES)


def test_looking_at_the_names_loads_no_torch() -> None:
    code = "import sys; from affekt.models import FAMILIES; print(*FAMILIES); sys.exit('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == list(FAMILIES)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_whole(name: str) -> None:
    family = find_family(name)
    assert find_family(name) is family
    assert issubclass(family.network, torch.nn.Module)
    for method in ("front_end", "classify", "forward"):
        assert callable(getattr(family.network, method))
    parameters = family.options.__dataclass_params__
    assert parameters.frozen
    names = {field.name for field in dataclasses.fields(family.options)}
    assert family.not_front_end <= names


def test_an_unknown_name_is_one_sentence() -> None:
    with pytest.raises(ConfigError) as caught:
        find_family("resnet")
    names = ", ".join(FAMILIES)
    assert str(caught.value) == f"unknown model family 'resnet'; one of {names} was expected; choose one of these."


def test_options_from_plain_values() -> None:
    family = find_family("logmel-cnn")
    assert family.options_from({"channels": [1, 2, 3], "width": 8}) == LogmelCnnOptions(channels=(1, 2, 3), width=8)
    assert family.options_from({}) == LogmelCnnOptions()
    with pytest.raises(ConfigError, match=r"unknown model option 'widht'; one of channels, .*width was expected"):
        family.options_from({"widht": 3})


def test_a_family_without_a_recipe_has_that_of_the_defaults() -> None:
    family = Family(network=LogmelCnn, options=LogmelCnnOptions)
    assert family.recipe == {}
    assert family.not_front_end == frozenset()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer:
    """Options of a family that builds on another."""

    settings: dict[str, Any]
    encoder: str = "a"
    download: bool = True
    architecture: dict[str, Any] = dataclasses.field(default_factory=dict)
    source_sha256: str = "b"


def test_options_of_a_source_are_settings_and_what_stands_beside_them() -> None:
    assert source_options("logmel-cnn", Outer(settings={"channels": [1, 2, 3]})).channels == (1, 2, 3)
    found = source_options("encoder", Outer(settings={"layer": 2}))
    assert (found.layer, found.encoder, found.download, found.source_sha256) == (2, "a", True, "b")
    assert isinstance(found, find_family("encoder").options)
    assert find_family("encoder").network is EncoderNetwork
    for name, settings in (("encoder", {"encoder": "c"}), ("logmel-cnn", {"layer": 2})):
        with pytest.raises(ConfigError, match=rf"unknown option '{next(iter(settings))}' of {name}; .* in settings"):
            source_options(name, Outer(settings=settings))
