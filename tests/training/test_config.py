"""Settings: what is unknown or out of range is named."""

import dataclasses
from typing import Any

import pytest

from affekt.errors import ConfigError
from affekt.models import FAMILIES, find_family
from affekt.training import TrainConfig, recipe


@pytest.mark.parametrize("family", FAMILIES)
def test_a_recipe_names_settings_that_differ(family: str) -> None:
    defaults = TrainConfig()
    changes = find_family(family).recipe
    assert set(changes) <= {field.name for field in dataclasses.fields(TrainConfig)}
    assert {name for name, value in changes.items() if value == getattr(defaults, name)} == set()
    assert recipe(family) == dataclasses.replace(defaults, **changes)
    assert recipe(family, epochs=3) == dataclasses.replace(recipe(family), epochs=3)


def test_unknown_names() -> None:
    known = r"audio-text, emo18, encoder, .*, ridge, text, zhao19"
    with pytest.raises(ConfigError, match=rf"unknown model family 'resnet'; one of {known}"):
        recipe("resnet")
    with pytest.raises(ConfigError, match=r"unknown setting 'epoch'; one of attribute_weight, .*epochs"):
        recipe("emo18", epoch=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("weight_decay", -0.1),
        ("label_smoothing", 1.0),
        ("patience", 0),
        ("gradient_clip", 0.0),
        ("heldout_fraction", 0.6),
        ("memory_gib", -1.0),
        ("crop_seconds", 0.1),
    ],
)
def test_values_out_of_range(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"{name} is {value}; .*; change it"):
        TrainConfig(**{name: value})
