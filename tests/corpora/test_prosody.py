from dataclasses import asdict
from functools import cache

import numpy as np
import pytest

from affekt.corpora.prosody import CHANCE, EMOTIONS, RULES, Delivery, delivery
from affekt.corpora.voices import voice
from affekt.errors import ConfigError


@cache
def deliveries(emotion):
    return [delivery(voice(index), emotion, take)[0] for index in range(60) for take in range(20)]


def many(emotion, measure):
    return np.array([getattr(one, measure) for one in deliveries(emotion)])


def test_emotions():
    assert EMOTIONS == ("neutral", "anger", "happiness", "sadness", "fear")
    assert RULES["neutral"] == Delivery()


def test_neutral_is_chance_only():
    for measure, spread in asdict(CHANCE).items():
        values = many("neutral", measure)
        # 1,200 draws: the standard error of the mean is spread / 35, of the spread spread / 49
        assert abs(values.mean()) < 0.15 * spread, measure
        assert abs(values.std() - spread) < 0.12 * spread, measure
    assert {delivery(voice(0), "neutral", take)[1] for take in range(5)} == {0.0}


@pytest.mark.parametrize("emotion", [emotion for emotion in EMOTIONS if emotion != "neutral"])
def test_an_emotion_follows_its_rule_on_average(emotion):
    for measure, shift in asdict(RULES[emotion]).items():
        mean = many(emotion, measure).mean()
        tolerance = 0.3 * abs(shift) + 0.15 * getattr(CHANCE, measure)
        assert abs(mean - 1.15 * shift) < tolerance, measure  # usual expressiveness 1.1, and e^(0.28^2 / 2)


def test_strength_differs_between_utterances_and_speakers():
    strengths = np.array(
        [[delivery(voice(index), "fear", take)[1] for take in range(20)] for index in range(12)]
    )  # (speakers, takes)
    assert strengths.min() >= 0.3
    assert strengths.max() <= 1.6
    assert strengths.std(axis=1).min() > 0.1
    assert strengths.mean(axis=1).std() > 0.08


def test_a_delivery_depends_on_nothing_else():
    one = delivery(voice(4, seed=2), "anger", 3, seed=2)
    delivery(voice(5, seed=2), "anger", 3, seed=2)
    assert delivery(voice(4, seed=2), "anger", 3, seed=2) == one
    assert delivery(voice(4, seed=2), "anger", 4, seed=2) != one
    assert delivery(voice(4, seed=3), "anger", 3, seed=3) != one


def test_unknown_emotion():
    with pytest.raises(ConfigError, match=r"got 'joy'\); expected one of neutral, anger"):
        delivery(voice(0), "joy", 0)
