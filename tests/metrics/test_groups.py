"""Groups: scores by hand, gaps that are there and gaps that are chance."""

import numpy as np
import pytest

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import bootstrap, ccc, group_scores, uar


def made(*, fall: float = 0.0, speakers: int = 20, each: int = 40, seed: int = 0) -> dict[str, np.ndarray]:
    """Half of the speakers are f, half m; the model is right ``fall`` less often on m."""
    rng = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), each)
    sex = np.where(speaker % 2 == 0, "f", "m")
    truth = rng.integers(0, 3, speaker.size)
    right = rng.random(speaker.size) < 0.7 - fall * (sex == "m")
    guess = np.where(right, truth, (truth + rng.integers(1, 3, speaker.size)) % 3)
    return {"truth": truth, "prediction": guess, "groups": sex, "clusters": speaker}


def test_scores_are_those_of_the_groups() -> None:
    data = made(fall=0.2)
    found = group_scores("uar", n_classes=3, **data)
    assert list(found.groups) == ["f", "m"]
    for name, one in found.groups.items():
        rows = data["groups"] == name
        assert one.score == bootstrap(
            "uar", data["truth"][rows], data["prediction"][rows], n_classes=3, clusters=data["clusters"][rows]
        )
        assert (one.utterances, one.speakers) == (400, 10)
    gap = found.gap
    assert gap is not None
    assert (gap.high, gap.low) == ("f", "m")
    rows = data["groups"] == "f"
    expected = uar(data["truth"][rows], data["prediction"][rows]) - uar(data["truth"][~rows], data["prediction"][~rows])
    assert gap.gap.estimate == pytest.approx(expected)
    assert gap.gap.unit == "speaker (10) and speaker (10)"
    assert found.without == 0


def test_a_gap_that_is_there_is_found() -> None:
    gap = group_scores("uar", n_classes=3, **made(fall=0.25)).gap
    assert gap is not None
    assert gap.gap.low > 0.1
    assert gap.gap.estimate > gap.chance_gap
    assert gap.p <= 0.01
    assert gap.p_speakers is not None
    assert gap.p_speakers <= 0.01


def test_a_gap_of_chance_passes_the_threshold_one_time_in_twenty() -> None:
    above = by_speakers = 0
    for seed in range(150):
        gap = group_scores("accuracy", n_classes=3, resamples=2, simulations=150, **made(seed=seed)).gap
        assert gap is not None
        above += gap.gap.estimate > gap.chance_gap
        by_speakers += (gap.p_speakers or 0.0) <= 0.05
    assert 1 <= above <= 18  # 7.5 expected; 18 is 3.9 standard deviations above
    assert by_speakers <= 18


def test_threshold_of_two_groups_against_theory() -> None:
    """The difference of two shares of n each has the standard deviation sqrt(2 p (1 - p) / n)."""
    data = made(speakers=20, each=100, seed=3)
    gap = group_scores("accuracy", simulations=4000, resamples=2, **data).gap
    assert gap is not None
    share = np.mean(data["truth"] == data["prediction"])
    assert gap.chance_gap == pytest.approx(1.96 * np.sqrt(2 * share * (1 - share) / 1000), rel=0.06)


def test_speakers_that_differ_make_the_test_by_speakers_the_careful_one() -> None:
    """Few speakers, some easy: utterances alone see a gap between the sexes, speakers do not."""
    rng = np.random.default_rng(5)
    speaker = np.repeat(np.arange(6), 200)
    ease = np.array([0.9, 0.6, 0.8, 0.5, 0.5, 0.6])
    truth = rng.integers(0, 3, 1200)
    guess = np.where(rng.random(1200) < ease[speaker], truth, (truth + 1) % 3)
    gap = group_scores("accuracy", truth, guess, np.where(speaker % 2 == 0, "f", "m"), clusters=speaker).gap
    assert gap is not None
    assert gap.p <= 0.01
    assert gap.p_speakers is not None
    assert gap.p_speakers > 0.05


def test_speakers_in_several_groups_are_drawn_for_both() -> None:
    data = made(fall=0.1, seed=6)
    language = np.where(np.arange(data["truth"].size) % 2 == 0, "de", "en")
    gap = group_scores("uar", n_classes=3, **{**data, "groups": language}).gap
    assert gap is not None
    assert gap.gap.unit == "speaker (20)"
    assert gap.p_speakers is None


def test_each_speaker_a_group() -> None:
    data = made(seed=7)
    found = group_scores("uar", n_classes=3, **{**data, "groups": data["clusters"].astype(str)})
    assert len(found.groups) == 20
    assert all(one.score is not None and one.score.unit == "utterance (40; one speaker only)" for one in
               found.groups.values())  # fmt: skip
    assert found.gap is not None
    assert found.gap.p_speakers is None
    # the best of twenty is far above the worst by chance alone, and the threshold knows it
    assert 0.15 < found.gap.gap.estimate < found.gap.chance_gap + 0.1


def test_unknown_groups_count_nowhere_and_are_counted() -> None:
    data = made(seed=8)
    groups = data["groups"].astype(object)
    groups[:40] = None
    found = group_scores("accuracy", **{**data, "groups": groups})
    assert found.without == 40
    assert sum(one.utterances for one in found.groups.values()) == 760


def test_ratings() -> None:
    rng = np.random.default_rng(9)
    truth = rng.uniform(1, 7, 400)
    sex = np.array(["f", "m"] * 200)
    guess = truth + rng.normal(0, np.where(sex == "f", 0.3, 1.5))
    found = group_scores("ccc", truth, guess, sex, clusters=np.repeat(np.arange(20), 20), simulations=200)
    assert found.groups["f"].score is not None
    assert found.groups["f"].score.estimate == pytest.approx(ccc(truth[sex == "f"], guess[sex == "f"]))
    assert found.gap is not None
    assert found.gap.high == "f"
    assert found.gap.gap.estimate > found.gap.chance_gap


def test_equal_groups_have_a_gap_of_zero() -> None:
    gap = group_scores("accuracy", [0, 1, 0, 1], [0, 1, 0, 1], ["f", "f", "m", "m"], simulations=5).gap
    assert gap is not None
    assert (gap.high, gap.low, gap.gap.estimate, gap.p) == ("f", "m", 0.0, 1.0)


def test_one_group_has_no_gap_and_an_undefined_score_no_interval() -> None:
    assert group_scores("uar", [0, 1], [0, 1], ["f", "f"]).gap is None
    found = group_scores("ccc", [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], ["a", "b", "b"])
    assert found.groups["a"].score is None
    assert found.gap is None


def test_bad_input_is_refused() -> None:
    with pytest.raises(ShapeError, match="groups"):
        group_scores("uar", [0, 1], [0, 1], ["f"])
    with pytest.raises(DataError, match="no utterance has a group"):
        group_scores("uar", [0, 1], [0, 1], [None, None])
    with pytest.raises(ConfigError, match="simulations"):
        group_scores("uar", [0, 1], [0, 1], ["f", "m"], simulations=0)
    with pytest.raises(ConfigError, match="unknown"):
        group_scores("recall", [0, 1], [0, 1], ["f", "m"])  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="clusters"):
        group_scores("uar", [0, 1], [0, 1], ["f", "m"], clusters=["a"])
