"""Leave-one-out comparison and who stands apart, against loops and planted raters."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import cohen_kappa_score

from affekt.corpora import Corpus, leave_one_out, rater_quality
from affekt.corpora.ballots import ballots
from affekt.errors import ConfigError

CLASSES = ("anger", "joy", "neutral")


def panel(seed: int = 0, *, items: int = 150) -> Corpus:
    """Seven sound raters, one who always says neutral, one who guesses, one who grades two points too high."""
    rng = np.random.default_rng(seed)
    rows = []
    for item in range(items):
        truth, level = rng.integers(3), rng.uniform(2, 5)
        for rater in [f"sound{r}" for r in range(7)] + ["mute", "guess", "high"]:
            emotion = truth if rng.random() < 0.75 else rng.integers(3)
            if rater == "guess":
                emotion = rng.integers(3)
            arousal = level + 0.5 * rng.normal() + (2 if rater == "high" else 0)
            if rater == "guess":
                arousal = rng.uniform(1, 7)
            if rater == "mute":
                emotion, arousal = 2, 4.0
            rows.append((f"u{item}", rater, CLASSES[emotion], float(arousal)))
    ratings = pl.DataFrame(rows, schema=["utterance", "rater", "emotion", "arousal"], orient="row")
    table = pl.DataFrame({"file": [f"u{item}.wav" for item in range(items)]})
    return Corpus(name="panel", root=".", table=table, ratings=ratings, classes=CLASSES)


def test_leave_one_out_against_counting() -> None:
    corpus = panel(items=40)
    assert corpus.ratings is not None
    wanted = []
    for utterance, rater, emotion in corpus.ratings.select("utterance", "rater", "emotion").iter_rows():
        others = corpus.ratings.filter((pl.col("utterance") == utterance) & (pl.col("rater") != rater))
        ranked = Counter(others["emotion"].to_list()).most_common(2)
        if len(ranked) == 1 or ranked[0][1] > ranked[1][1]:
            wanted.append((utterance, rater, ranked[0][0], emotion))
    found = leave_one_out(corpus)
    got = [
        (corpus.table["utterance"][int(u)], found.rater_names[r], found.categories[o], found.categories[s])
        for u, r, o, s in zip(found.utterances, found.raters, found.others, found.own, strict=True)
    ]
    assert got == wanted


def test_a_rater_who_answers_twice_is_not_among_the_others() -> None:
    ratings = pl.DataFrame(
        {"utterance": ["a"] * 4, "rater": ["1", "1", "2", "3"], "emotion": ["joy", "joy", "anger", "anger"]}
    )
    corpus = Corpus(name="x", root=".", table=pl.DataFrame({"file": ["a.wav"]}), ratings=ratings)
    found = leave_one_out(corpus)
    pairs = [(found.rater_names[r], found.categories[o]) for r, o in zip(found.raters, found.others, strict=True)]
    # for 2 and 3 the others are two of 1 against one: joy
    assert pairs == [("1", "anger"), ("1", "anger"), ("2", "joy"), ("3", "joy")]


def test_numbers_of_one_rater_against_scikit_learn_and_numpy() -> None:
    corpus = panel()
    assert corpus.ratings is not None
    pairs = leave_one_out(corpus)
    for one in rater_quality(corpus):
        mine = pairs.raters == pairs.rater_names.index(one.rater)
        assert one.compared == mine.sum()
        assert one.agreement == pytest.approx((pairs.own[mine] == pairs.others[mine]).mean())
        assert one.kappa == pytest.approx(cohen_kappa_score(pairs.own[mine], pairs.others[mine]), abs=1e-12)
        wide = corpus.ratings.pivot("rater", index="utterance", values="arousal")
        own = wide[one.rater].to_numpy()
        others = wide.drop("utterance", one.rater).to_numpy().mean(1)
        assert one.biases[0] == pytest.approx((own - others).mean())
        if one.rater != "mute":
            assert one.correlations[0] == pytest.approx(np.corrcoef(own, others)[0, 1])


@pytest.mark.parametrize("seed", range(3))
def test_planted_raters_are_found_and_only_they(seed: int) -> None:
    found = {one.rater: one for one in rater_quality(panel(seed))}
    apart = {name for name, one in found.items() if one.reasons}
    assert apart == {"mute", "guess", "high"}
    assert found["mute"].constant == ("emotion", "arousal")
    assert found["mute"].reasons[:2] == ("always gives the same emotion", "always gives the same arousal")
    assert found["mute"].correlations[0] is None
    assert any("agrees less on emotions" in reason for reason in found["guess"].reasons)
    assert any("grades arousal on another level" in reason for reason in found["high"].reasons)
    assert found["high"].biases[0] == pytest.approx(2.0, abs=0.4)


def test_nobody_with_few_ratings_is_an_outlier() -> None:
    assert not any(one.reasons for one in rater_quality(panel(items=15)))
    assert any(one.reasons for one in rater_quality(panel(items=15), min_ratings=15))


def test_raters_without_ids_are_not_described() -> None:
    ratings = pl.DataFrame({"utterance": ["a", "a"], "emotion": ["joy", "joy"]})
    corpus = Corpus(name="x", root=".", table=pl.DataFrame({"file": ["a.wav"]}), ratings=ratings)
    assert ballots(corpus).anonymous
    assert rater_quality(corpus) == []
    assert leave_one_out(corpus).own.size == 2


def test_a_rater_alone_has_no_numbers() -> None:
    ratings = pl.DataFrame({"utterance": ["a"], "rater": ["1"], "emotion": ["joy"], "valence": [3.0]})
    corpus = Corpus(name="x", root=".", table=pl.DataFrame({"file": ["a.wav"]}), ratings=ratings)
    (one,) = rater_quality(corpus)
    assert (one.ratings, one.compared, one.agreement, one.kappa) == (1, 0, None, None)
    assert one.correlations == one.biases == (None, None, None)


def test_bad_settings() -> None:
    with pytest.raises(ConfigError, match="min_ratings is 1 and cutoff 3"):
        rater_quality(panel(items=3), min_ratings=1)
