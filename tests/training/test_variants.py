"""Names with settings."""

import pytest

from affekt.errors import ConfigError
from affekt.training import Variant, parse_variant


def test_names_with_settings_are_read() -> None:
    assert parse_variant("amun") == Variant(text="amun", name="amun")
    text = "l2ul:stop=zero:learning_rate=0.001:adversarial=false"
    assert parse_variant(text) == Variant(
        text=text, name="l2ul", changes={"stop": "zero", "learning_rate": 0.001, "adversarial": False}
    )


@pytest.mark.parametrize("bad", ["amun:stop", "amun:=3"])
def test_half_a_setting_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError, match="is not a name with settings; name:setting=value was expected"):
        parse_variant(bad)
