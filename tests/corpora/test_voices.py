from collections import Counter

import pytest

from affekt.corpora.voices import LANGUAGES, voice
from affekt.errors import ConfigError


def test_every_language_has_three_women_and_three_men():
    counts = Counter((one.language, one.sex) for one in map(voice, range(24)))
    assert counts == {(language, sex): 3 for language in LANGUAGES for sex in ("female", "male")}


def test_people_differ():
    people = [voice(index) for index in range(24)]
    assert [one.name for one in people] == [f"v{number:02d}" for number in range(1, 25)]
    for habit in ("variant", "pitch_st", "rate_octaves", "tract", "colour_db", "noise_db", "level_db"):
        assert len({getattr(one, habit) for one in people}) >= 22, habit
    # speakers of a language do not go through the sentences together
    assert len({one.sentences for one in people}) == 24


def test_a_seed_makes_the_same_people_and_another_seed_others():
    assert voice(3, seed=5) == voice(3, seed=5)
    assert voice(3, seed=5) != voice(3, seed=6)


@pytest.mark.parametrize(("index", "seed"), [(-1, 0), (0, -1)])
def test_negative_numbers(index, seed):
    with pytest.raises(ConfigError, match="must not be negative"):
        voice(index, seed=seed)
