"""How the pages write numbers."""

from collections.abc import Callable

import pytest

from affekt.reports.numbers import number, percent, points, span, tenths

SPACE = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (percent, 0.254, f"25{SPACE}%"),
        (percent, 1.0, f"100{SPACE}%"),
        (tenths, 0.2546, f"25.5{SPACE}%"),
        (number, 0.12345, "0.123"),
        (number, -0.5, "\N{MINUS SIGN}0.500"),
        (points, 0.0123, "+1.2 points"),
        (points, -0.0123, "\N{MINUS SIGN}1.2 points"),
    ],
)
def test_a_number(write: Callable[[float], str], value: float, text: str) -> None:
    assert write(value) == text


@pytest.mark.parametrize(
    ("write", "low", "text"),
    [
        (percent, 0.1, f"10 to 20{SPACE}%"),
        (tenths, 0.1, f"10.0 to 20.0{SPACE}%"),
        (number, -0.1, "\N{MINUS SIGN}0.100 to 0.200"),
        (points, -0.1, "\N{MINUS SIGN}10.0 to +20.0 points"),
    ],
)
def test_a_span_has_its_unit_once(write: Callable[[float], str], low: float, text: str) -> None:
    assert span(low, 0.2, write) == text
