"""Windows cover a clip without gaps."""

import doctest
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import affekt.prediction.windows as module
from affekt.errors import ConfigError
from affekt.prediction import Windows, window_bounds


def test_the_example_gives_what_it_says() -> None:
    assert doctest.testmod(module) == (0, 1)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (5, [(0, 5)]),
        (20, [(0, 20)]),
        (21, [(0, 20), (1, 21)]),
        (30, [(0, 20), (5, 25), (10, 30)]),
        (31, [(0, 20), (5, 25), (10, 30), (11, 31)]),
    ],
)
def test_by_hand(samples: int, expected: list[tuple[int, int]]) -> None:
    assert window_bounds(samples, Windows(seconds=2.0, hop_seconds=0.5), sample_rate=10) == expected


def test_without_windows_a_clip_is_whole() -> None:
    assert window_bounds(123, None, sample_rate=10) == [(0, 123)]


@given(samples=st.integers(1, 5000), size=st.integers(1, 500), share=st.floats(0.01, 1.0))
def test_every_sample_is_heard_and_all_windows_are_equally_long(samples: int, size: int, share: float) -> None:
    hop = max(1, math.floor(share * size))
    windows = Windows(seconds=size / 100, hop_seconds=hop / 100)
    bounds = window_bounds(samples, windows, sample_rate=100)
    assert {last - first for first, last in bounds} == {min(size, samples)}
    assert bounds[0][0] == 0
    assert bounds[-1][1] == samples
    steps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(bounds)]
    assert all(step == hop for step in steps[:-1])
    assert all(0 < step <= hop for step in steps)
    assert set().union(*(range(*bound) for bound in bounds)) == set(range(samples))


@pytest.mark.parametrize(
    ("seconds", "hop", "match"),
    [
        (0.0, 1.0, r"the window is 0 s; seconds above 0 were expected"),
        (-1.0, 1.0, r"the window is -1 s"),
        (math.nan, 1.0, r"the window is nan s"),
        (math.inf, 1.0, r"the window is inf s"),
        (1.0, 0.0, r"the hop is 0 s"),
        (1.0, 2.0, r"the hop of 2 s is longer than the window of 1 s.*shorten the hop"),
    ],
)
def test_impossible_windows(seconds: float, hop: float, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        Windows(seconds=seconds, hop_seconds=hop)
