"""Votes, consensus, soft labels and attributes on ratings small enough to count by hand."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.corpora import (
    Corpus,
    consensus,
    evaluator_weights,
    mean_attributes,
    multi_label_targets,
    rated_by_anyone,
    soft_labels,
    votes,
    weighted_attributes,
    with_consensus,
)
from affekt.errors import ConfigError, DataError

Row = tuple[str, str | None, str | None, str | None]

RATINGS: list[Row] = [
    ("a", "r1", "joy", "joy;awe"),
    ("a", "r2", "joy", None),
    ("a", "r3", "anger", "joy; joy"),
    ("b", "r1", "joy", "anger"),
    ("b", "r2", "anger", None),
    ("c", "r1", "other", "joy"),
    ("c", "r2", "other", None),
    ("c", "r3", "anger", None),
    ("d", "r1", None, "anger"),
]
CLASSES = ("joy", "anger")


def corpus(rows: Sequence[Row] = RATINGS, *, classes: tuple[str, ...] = CLASSES, items: str = "abcde") -> Corpus:
    ratings = pl.DataFrame(
        rows, schema=["utterance", "rater", "emotion", "secondary"], orient="row", infer_schema_length=None
    )
    table = pl.DataFrame({"file": [f"{name}.wav" for name in items]})
    return Corpus(name="x", root=".", table=table, ratings=ratings, classes=classes)


def test_votes() -> None:
    assert votes(corpus()).tolist() == [[2, 1], [1, 1], [0, 1], [0, 0], [0, 0]]
    assert votes(corpus(), classes=("other", "anger")).tolist() == [[0, 1], [0, 1], [2, 1], [0, 0], [0, 0]]


def test_votes_count_a_secondary_emotion_once_and_not_beside_the_same_primary_one() -> None:
    assert votes(corpus(), secondary_weight=0.5).tolist() == [[2.5, 1], [1, 1.5], [0.5, 1], [0, 0.5], [0, 0]]


def test_votes_without_classes_are_about_all_that_was_rated() -> None:
    bare = corpus(classes=())
    assert bare.classes == ()
    assert votes(bare).shape == (5, 3)  # anger, joy, other
    assert votes(bare)[2].tolist() == [1, 0, 2]


def test_soft_labels() -> None:
    soft = soft_labels(corpus())
    assert soft[:3] == pytest.approx(np.array([[2 / 3, 1 / 3], [0.5, 0.5], [0, 1]]))
    assert np.isnan(soft[3:]).all()
    smooth = soft_labels(corpus(), smoothing=0.2)
    assert smooth[2] == pytest.approx([0.1, 0.9])
    assert np.isnan(soft_labels(corpus(), min_votes=2)[2]).all()
    assert soft_labels(corpus(), secondary_weight=1.0)[3] == pytest.approx([0, 1])
    assert soft_labels(corpus(), secondary_weight=1.0, min_votes=2)[2] == pytest.approx([0.5, 0.5])


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["joy", "anger", "awe", None])), min_size=1),
    st.floats(0, 1),
    st.sampled_from([0.0, 0.25, 1.0]),
)
def test_soft_labels_are_shares(rows: list[tuple[str, str | None]], smoothing: float, weight: float) -> None:
    made = corpus([(name, None, emotion, "joy;awe") for name, emotion in rows], items="abc")
    soft = soft_labels(made, smoothing=smoothing, secondary_weight=weight)
    for name, row in zip("abc", soft, strict=True):
        known = sum(item == name and (emotion in CLASSES or weight > 0) for item, emotion in rows)
        if known:
            assert row.sum() == pytest.approx(1.0)
            assert (row >= smoothing / 2 - 1e-12).all()
        else:
            assert np.isnan(row).all()


def test_multi_label_targets() -> None:
    shares = np.array([[0.6, 0.3, 0.1, 0.0], [0.25] * 4, [np.nan] * 4])
    found = multi_label_targets(shares)
    assert found[:2].tolist() == [[1, 1, 0, 0], [0, 0, 0, 0]]
    assert np.isnan(found[2]).all()
    # shares that equal 1/K only up to rounding
    assert multi_label_targets((1 - 0.05) * np.full((1, 3), 1 / 3) + 0.05 / 3).sum() == 0
    with pytest.raises(ConfigError, match="use soft_labels"):
        multi_label_targets([0.5, 0.5])


def test_rated_by_anyone() -> None:
    assert rated_by_anyone(corpus()).tolist() == [
        [True, True], [True, True], [False, True], [False, False], [False, False],
    ]  # fmt: skip
    assert rated_by_anyone(corpus(), secondary=True)[2:4].tolist() == [[True, True], [False, True]]


def test_plurality() -> None:
    found = consensus(corpus())
    assert found.emotion == ("joy", None, "other", None, None)
    assert found.share[[0, 2]] == pytest.approx([2 / 3, 2 / 3])
    assert np.isnan(found.share[[1, 3, 4]]).all()
    assert found.raters.tolist() == [3, 2, 3, 0, 0]
    assert found.no_agreement.tolist() == [False, True, False, False, False]
    assert found.categories == ("joy", "anger", "other")
    assert found.dropped == 0


def test_an_emotion_outside_the_classes_can_be_dropped_and_is_counted() -> None:
    found = consensus(corpus(), outside="drop")
    assert found.emotion == ("joy", None, "anger", None, None)
    assert found.dropped == 2
    assert found.raters.tolist() == [3, 2, 1, 0, 0]
    assert consensus(corpus(), outside="drop", min_votes=2).emotion[2] is None


def test_majority_is_more_than_half() -> None:
    rows = [("a", "r", e, None) for e in ("joy", "joy", "anger", "awe")] + [("b", "r", "joy", None)]
    found = consensus(corpus(rows), rule="majority")
    assert found.emotion[:2] == (None, "joy")
    assert consensus(corpus(rows)).emotion[0] == "joy"


@pytest.mark.parametrize(("ties", "winner"), [("none", None), ("first", "joy"), ("secondary", "anger")])
def test_ties(ties: str, winner: str | None) -> None:
    assert consensus(corpus(), ties=ties).emotion[1] == winner  # type: ignore[arg-type]
    assert consensus(corpus(), ties=ties).emotion[0] == "joy"  # type: ignore[arg-type]


def test_secondary_emotions_only_decide_between_the_leading_ones() -> None:
    rows: list[Row] = [("a", "1", "joy", "awe"), ("a", "2", "anger", "awe"), ("a", "3", "awe", None)]
    rows += [("a", "4", "joy", None), ("a", "5", "anger", "joy")]
    assert consensus(corpus(rows), ties="secondary").emotion[0] == "joy"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["joy", "anger", "awe", "fear"])), min_size=1))
def test_plurality_against_counting(rows: list[tuple[str, str]]) -> None:
    found = consensus(corpus([(name, None, emotion, None) for name, emotion in rows], items="abc"))
    for name, emotion in zip("abc", found.emotion, strict=True):
        ranked = Counter(e for item, e in rows if item == name).most_common(2)
        alone = len(ranked) == 1 or (len(ranked) == 2 and ranked[0][1] > ranked[1][1])
        assert emotion == (ranked[0][0] if alone else None)


def test_dawid_skene_trusts_the_rater_whom_the_others_confirm() -> None:
    rng = np.random.default_rng(0)
    rows: list[Row] = []
    for item in range(200):
        truth = CLASSES[rng.random() < 0.5]
        wrong = CLASSES[truth == "joy"]
        for rater in ("good1", "good2", "bad1", "bad2"):
            right = rng.random() < (0.95 if "good" in rater else 0.5)
            rows.append((f"u{item}", rater, truth if right else wrong, None))
    made = Corpus(
        name="x",
        root=".",
        table=pl.DataFrame({"file": [f"u{item}.wav" for item in range(200)]}),
        ratings=pl.DataFrame(rows, schema=["utterance", "rater", "emotion", "secondary"], orient="row"),
        classes=CLASSES,
    )
    found = consensus(made, rule="dawid-skene")
    said = {(item, rater): emotion for item, rater, emotion, _ in rows}
    agree = [u for u in range(200) if said[f"u{u}", "good1"] == said[f"u{u}", "good2"]]
    assert np.mean([found.emotion[u] == said[f"u{u}", "good1"] for u in agree]) > 0.97
    assert (found.share[[e is not None for e in found.emotion]] > 0.5).all()
    assert found.no_agreement.sum() < consensus(made).no_agreement.sum()


def test_dawid_skene_needs_raters() -> None:
    rows = [("a", None, "joy", None), ("a", "r", "joy", None)]
    with pytest.raises(DataError, match="name no rater; Dawid-Skene needs raters"):
        consensus(corpus(rows), rule="dawid-skene")


def graded(rows: list[tuple[str, str, float | None]], items: str = "abc") -> Corpus:
    ratings = pl.DataFrame(rows, schema=["utterance", "rater", "arousal"], orient="row", infer_schema_length=None)
    return Corpus(name="g", root=".", table=pl.DataFrame({"file": [f"{i}.wav" for i in items]}), ratings=ratings)


def test_mean_attributes() -> None:
    found = mean_attributes(graded([("a", "1", 1.0), ("a", "2", 4.0), ("b", "1", 3.0), ("b", "2", None)]))
    assert found[:2, 0] == pytest.approx([2.5, 3.0])
    assert np.isnan(found[2, 0])
    assert np.isnan(found[:, 1:]).all()


def test_weights_are_correlations_with_the_mean() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=30)
    answers = np.stack([truth + s * rng.normal(size=30) for s in (0.1, 0.5, 2.0)] + [-truth], axis=1)
    names = [f"u{i}" for i in range(30)]
    rows = [(names[i], str(r), float(answers[i, r])) for i in range(30) for r in range(4)]
    ratings = pl.DataFrame(rows, schema=["utterance", "rater", "arousal"], orient="row")
    made = Corpus(name="g", root=".", table=pl.DataFrame({"file": [f"{n}.wav" for n in names]}), ratings=ratings)
    mean = answers.mean(1)
    wanted = np.maximum([np.corrcoef(answers[:, r], mean)[0, 1] for r in range(4)], 0)
    weights = evaluator_weights(made)[:, 0]
    assert weights == pytest.approx(wanted)
    assert weights[3] == 0.0
    assert weighted_attributes(made)[:, 0] == pytest.approx(answers @ wanted / wanted.sum())
    plain = np.corrcoef(mean, truth)[0, 1]
    assert np.corrcoef(weighted_attributes(made)[:, 0], truth)[0, 1] > plain


def test_few_ratings_weigh_as_the_others_and_no_weight_is_the_plain_mean() -> None:
    rows = [("a", "1", 1.0), ("a", "2", 5.0), ("b", "1", 2.0)]
    assert weighted_attributes(graded(rows))[:2, 0] == pytest.approx([3.0, 2.0])
    rows = [(item, rater, 3.0 if rater == "1" else 4.0) for item in "abc" for rater in "12"]
    assert weighted_attributes(graded(rows), min_ratings=2)[:, 0] == pytest.approx([3.5] * 3)
    with pytest.raises(DataError, match="weights need raters with ids"):
        weighted_attributes(corpus([("a", None, "joy", None)]))


def test_with_consensus_is_a_new_corpus() -> None:
    ratings = pl.DataFrame(
        {
            "utterance": ["a", "a", "b"],
            "rater": ["1", "2", "1"],
            "emotion": ["joy", "joy", "fear"],
            "valence": [1, 4, 6],
        }
    )
    table = pl.DataFrame(
        {"file": ["a.wav", "b.wav", "c.wav"], "emotion": ["fear", "fear", "joy"], "arousal": [1, 2, 3]}
    )
    before = Corpus(name="x", root=".", table=table, ratings=ratings, classes=("joy", "fear"), scale=(1, 7))
    after = with_consensus(before)
    assert after.emotions == ["joy", "fear", None]
    assert after.table["valence"].to_list() == [2.5, 6.0, None]
    assert after.table["arousal"].to_list() == [1, 2, 3]  # nobody rated it
    assert before.emotions == ["fear", "fear", "joy"]
    assert (after.classes, after.scale, after.ratings is before.ratings or after.ratings.equals(before.ratings)) == (
        before.classes, before.scale, True,
    )  # fmt: skip
    assert after.digest != before.digest
    assert with_consensus(replace(before, table=table.drop("emotion"), classes=())).classes == ("fear", "joy")


def test_grades_without_emotions() -> None:
    made = graded([("a", "1", 1.0), ("a", "2", 4.0)])
    labelled = replace(made, table=made.table.with_columns(emotion=pl.lit("joy")), classes=())
    assert consensus(made).emotion == (None, None, None)
    assert consensus(made, rule="dawid-skene").raters.tolist() == [0, 0, 0]
    after = with_consensus(labelled)
    assert after.emotions == ["joy"] * 3
    assert after.table["arousal"].to_list() == [2.5, None, None]


def test_bad_input() -> None:
    with pytest.raises(DataError, match="has no ratings"):
        votes(Corpus(name="x", root=".", table=pl.DataFrame({"file": ["a.wav"]})))
    with pytest.raises(DataError, match="names an emotion; at least one"):
        votes(corpus([("a", "r", None, None)], classes=()))
    with pytest.raises(ConfigError, match="distinct names"):
        votes(corpus(), classes=("joy", "joy"))
    with pytest.raises(ConfigError, match="secondary_weight is -1"):
        votes(corpus(), secondary_weight=-1)
    with pytest.raises(ConfigError, match="smoothing is 2"):
        soft_labels(corpus(), smoothing=2)
    with pytest.raises(ConfigError, match="min_votes is 0"):
        soft_labels(corpus(), min_votes=0)
    with pytest.raises(ConfigError, match="rule is 'mode'; one of dawid-skene"):
        consensus(corpus(), rule="mode")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="ties is 'random'"):
        consensus(corpus(), ties="random")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="outside is 'keep'"):
        consensus(corpus(), outside="keep")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="attributes is 'median'"):
        with_consensus(corpus(), attributes="median")  # type: ignore[arg-type]
