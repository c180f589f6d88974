"""The public names."""

import importlib
import re

import pytest

import affekt


def test_every_public_name_is_the_one_from_its_home() -> None:
    for name, home in affekt._HOMES.items():
        assert getattr(affekt, name) is getattr(importlib.import_module(home), name)
    assert set(affekt.__all__) == {"AffektError", *affekt._HOMES}


def test_names_are_listed_and_described() -> None:
    assert affekt.__doc__ is not None
    described = set(re.findall(r":(?:func|class|data):`(\w+)`", affekt.__doc__))
    assert described == set(affekt.__all__)
    assert set(affekt.__all__) <= set(dir(affekt))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'remember'"):
        _ = affekt.remember
