"""Settings: what is unknown or out of range is named."""

import dataclasses
from typing import Any

import pytest

from affekt.errors import ConfigError
from affekt.models import FAMILIES
from affekt.training import RECIPES, TrainConfig, recipe


def test_every_family_has_a_recipe() -> None:
    assert set(RECIPES) == set(FAMILIES)
    for family in RECIPES:
        assert recipe(family) == RECIPES[family]
        assert recipe(family, epochs=3) == dataclasses.replace(RECIPES[family], epochs=3)


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
