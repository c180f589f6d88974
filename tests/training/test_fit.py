"""The loop: it learns, it repeats itself bit for bit, it goes on where it was, it keeps the sides apart."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from affekt.corpora import Corpus, Split
from affekt.errors import CheckpointError, DataError, ProtocolError
from affekt.models import tensor_digest
from affekt.training import FeatureStore, FitResult, build_model, fit, is_held_out, predict_rows, recipe

Fit = Callable[..., FitResult]


class KilledError(Exception):
    """Stands for a kill."""


def kill_after(steps: int) -> Callable[[str, int, int], None]:
    def progress(_: str, done: int, total: int) -> None:
        assert 1 <= done <= total
        if done >= steps:
            raise KilledError

    return progress


@pytest.mark.parametrize(
    ("family", "options", "changes"),
    [
        ("logmel-cnn", {}, {"epochs": 40, "learning_rate": 3e-3}),
        ("zhao19", {"hidden": 32}, {"epochs": 18, "learning_rate": 3e-3}),
        ("emo18", {"hidden": 32}, {"epochs": 18, "learning_rate": 3e-3}),
    ],
)
def test_eight_clips_are_learned_by_heart(
    tone_split: Split, family: str, options: dict[str, Any], changes: dict[str, Any]
) -> None:
    began = time.process_time()  # others may share the machine
    names = ["s1", "s2"]
    rows = [i for i, name in enumerate(tone_split.train.table["speaker"]) if name in names]
    picked = sorted(rows, key=lambda i: i % 4)[:8]
    train = tone_split.train.select(picked)
    assert len(set(train.emotions)) >= 2
    config = recipe(
        family, **changes, batch_size=8, patience=99, heldout_fraction=0.0, label_smoothing=0.0, class_weights=False
    )
    # early stopping looks at the same clips under another speaker's name: the question is only whether it can fit
    dev = Corpus(
        name="same clips", root=train.root, table=train.table.with_columns(speaker=pl.lit("z")), classes=train.classes
    )
    fitted = fit(build_model(family, train.classes, seed=0, options=options), train, dev, config=config)
    logits = predict_rows(fitted.model, FeatureStore(fitted.model, train), range(8))
    assert (logits.argmax(1) == train.labels()).all()
    assert min(entry["dev_loss"] for entry in fitted.history) < 0.2
    assert time.process_time() - began < 20


def test_the_same_seed_gives_the_same_weights(quick_fit: Fit) -> None:
    torch.manual_seed(1)
    first = quick_fit()
    torch.manual_seed(2)  # whatever went on before
    np.random.seed(3)
    again = quick_fit()
    assert tensor_digest(first.model) == tensor_digest(again.model)
    assert first.history == again.history
    others = [quick_fit(seed=2), quick_fit(weights=2)]
    assert len({tensor_digest(f.model) for f in (first, *others)}) == 3


@pytest.mark.parametrize("budget", [0.0, 0.0005])
def test_memory_changes_nothing(quick_fit: Fit, budget: float) -> None:
    assert tensor_digest(quick_fit(changes={"memory_gib": budget}).model) == tensor_digest(quick_fit().model)


@pytest.mark.parametrize("steps", [1, 3, 4, 7, 8])
def test_a_killed_run_ends_as_if_nothing_had_happened(quick_fit: Fit, tmp_path: Path, steps: int) -> None:
    """Three steps an epoch: killed in the first epoch, at its end, in the middle of the second, in the third."""
    whole = quick_fit()
    with pytest.raises(KilledError):
        quick_fit(checkpoint=tmp_path, progress=kill_after(steps))
    seen: list[int] = []
    resumed = quick_fit(checkpoint=tmp_path, resume=True, progress=lambda _, done, total: seen.append(done))
    assert seen[0] == 3 * ((steps - 1) // 3) + 1
    assert tensor_digest(resumed.model) == tensor_digest(whole.model)
    assert resumed.history == whole.history
    assert (resumed.epochs, resumed.best_epoch) == (whole.epochs, whole.best_epoch)
    assert resumed.model.erasure is not None
    assert whole.model.erasure is not None
    assert resumed.model.erasure.within == whole.model.erasure.within


def test_a_run_killed_twice(quick_fit: Fit, tmp_path: Path) -> None:
    for steps in (5, 8):
        with pytest.raises(KilledError):
            quick_fit(checkpoint=tmp_path, resume=True, progress=kill_after(steps))
    resumed = quick_fit(checkpoint=tmp_path, resume=True)
    assert tensor_digest(resumed.model) == tensor_digest(quick_fit().model)


def test_a_finished_run_resumes_to_the_same(quick_fit: Fit, tmp_path: Path) -> None:
    whole = quick_fit(checkpoint=tmp_path)
    steps: list[int] = []
    again = quick_fit(checkpoint=tmp_path, resume=True, progress=lambda _, done, total: steps.append(done))
    assert not steps
    assert tensor_digest(again.model) == tensor_digest(whole.model)


def test_without_resume_a_checkpoint_is_not_looked_at(quick_fit: Fit, tmp_path: Path) -> None:
    quick_fit(checkpoint=tmp_path, seed=5)
    assert tensor_digest(quick_fit(checkpoint=tmp_path).model) == tensor_digest(quick_fit().model)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 2},
        {"heldout_seed": 9},
        {"changes": {"learning_rate": 2e-3}},
        {"rows": np.arange(40)},
    ],
)
def test_the_checkpoint_of_another_run_is_refused(quick_fit: Fit, tmp_path: Path, other: dict[str, Any]) -> None:
    with pytest.raises(KilledError):
        quick_fit(checkpoint=tmp_path, progress=kill_after(4))
    with pytest.raises(CheckpointError, match=r"belongs to another run \(other settings, seed or data\)"):
        quick_fit(checkpoint=tmp_path, resume=True, **other)


def test_the_checkpoint_of_other_data_is_refused(quick_fit: Fit, tone_split: Split, tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        quick_fit(checkpoint=tmp_path, progress=kill_after(4))
    fewer = tone_split.train.select(range(1, len(tone_split.train)))
    with pytest.raises(CheckpointError, match="belongs to another run"):
        quick_fit(checkpoint=tmp_path, resume=True, train=fewer)


def test_a_speaker_on_both_sides_is_refused(quick_fit: Fit, tone_split: Split) -> None:
    with pytest.raises(ProtocolError, match=r"speakers s1, s2, s3, s4 are in train and dev; .*splits\.by_speaker"):
        quick_fit(dev=tone_split.train)


def test_empty_sides_are_refused(quick_fit: Fit, tone_split: Split) -> None:
    with pytest.raises(DataError, match=r"recordings on both sides \(got 48 for training, 0 for development\)"):
        quick_fit(dev=tone_split.dev.select([]))
    with pytest.raises(DataError, match="no utterance is left to train on"):
        quick_fit(rows=np.arange(0))


def test_classes_in_another_order_are_refused(tone_split: Split) -> None:
    model = build_model("logmel-cnn", ("joy", "anger", "sadness"), seed=0)
    with pytest.raises(DataError, match="classes anger, joy, sadness and the model joy, anger, sadness"):
        fit(model, tone_split.train, tone_split.dev, config=recipe("logmel-cnn"))


def test_unlabelled_recordings_are_refused(quick_fit: Fit, tone_split: Split) -> None:
    train = tone_split.train
    table = train.table.with_columns(
        emotion=pl.when(pl.col("utterance") == train.table["utterance"][3]).then(None).otherwise(pl.col("emotion"))
    )
    broken = Corpus(name="gap", root=train.root, table=table, classes=train.classes)
    with pytest.raises(DataError, match=rf"{train.table['utterance'][3]}.*has no emotion"):
        quick_fit(train=broken)


def test_early_stopping_keeps_the_best_epoch(quick_fit: Fit, tone_split: Split) -> None:
    dev = tone_split.dev
    wrong = {"anger": "joy", "joy": "sadness", "sadness": "anger"}
    table = dev.table.with_columns(emotion=pl.col("emotion").replace(wrong))
    hostile = Corpus(name="hostile", root=dev.root, table=table, classes=dev.classes)
    fitted = quick_fit(dev=hostile, changes={"epochs": 30, "patience": 4})
    losses = [entry["dev_loss"] for entry in fitted.history]
    assert fitted.epochs == len(losses) == fitted.best_epoch + 4 < 30
    assert losses[fitted.best_epoch - 1] == min(losses)
    logits = predict_rows(fitted.model, FeatureStore(fitted.model, hostile), range(len(hostile)))
    loss = torch.nn.functional.cross_entropy(torch.from_numpy(logits).double(), torch.as_tensor(hostile.labels()))
    assert float(loss) == pytest.approx(min(losses), abs=1e-6)
    assert fitted.model.erasure is not None
    assert fitted.model.erasure.across is not None
    assert fitted.model.erasure.across.loss == pytest.approx(min(losses), abs=1e-6)
    assert not fitted.model.training


def test_held_out_utterances_are_never_trained_on(quick_fit: Fit, tone_split: Split) -> None:
    fitted = quick_fit(changes={"heldout_fraction": 0.2})
    train = tone_split.train
    assert not set(fitted.trained_rows) & set(fitted.heldout_rows)
    assert sorted(fitted.trained_rows + fitted.heldout_rows) == list(range(len(train)))
    names = train.table["utterance"].to_list()
    assert set(fitted.heldout_rows) == {
        row for row, name in enumerate(names) if is_held_out(name, seed=1, fraction=0.2)
    }
    # blanking what is held out changes nothing: the weights did not see it
    labels = train.table["emotion"].to_list()
    for row in fitted.heldout_rows:
        labels[row] = train.classes[0]
    other = Corpus(
        name="x", root=train.root, table=train.table.with_columns(emotion=pl.Series(labels)), classes=train.classes
    )
    again = quick_fit(changes={"heldout_fraction": 0.2}, train=other)
    assert tensor_digest(again.model) == tensor_digest(fitted.model)


def test_rows_leave_the_others_out(quick_fit: Fit, tone_split: Split) -> None:
    """Fitting some rows is fitting the corpus of these rows."""
    rows = np.arange(5, 40)
    some = quick_fit(rows=rows)
    alone = quick_fit(train=tone_split.train.select(rows))
    assert set(some.trained_rows) | set(some.heldout_rows) == set(rows.tolist())
    assert tensor_digest(some.model) == tensor_digest(alone.model)


def test_held_out_loss_is_that_of_the_rows(quick_fit: Fit, tone_split: Split) -> None:
    fitted = quick_fit(changes={"heldout_fraction": 0.2})
    train = tone_split.train
    logits = predict_rows(fitted.model, FeatureStore(fitted.model, train), list(fitted.heldout_rows))
    labels = train.labels()[list(fitted.heldout_rows)]
    loss = np.mean([np.log(np.exp(x - x.max()).sum()) + x.max() - x[y] for x, y in zip(logits, labels, strict=True)])
    assert fitted.model.erasure is not None
    within = fitted.model.erasure.within
    assert within is not None
    assert within.loss == pytest.approx(loss, abs=1e-6)
    assert within.accuracy == pytest.approx(np.mean(logits.argmax(1) == labels))
    assert within.utterances == len(fitted.heldout_rows)
    assert quick_fit(changes={"heldout_fraction": 0.0}).model.erasure.within is None  # type: ignore[union-attr]


def test_crops_are_drawn_again_in_the_same_places(quick_fit: Fit, tmp_path: Path) -> None:
    changes = {"crop_seconds": 0.3}
    whole = quick_fit(changes=changes)
    assert tensor_digest(whole.model) != tensor_digest(quick_fit().model)
    with pytest.raises(KilledError):
        quick_fit(changes=changes, checkpoint=tmp_path, progress=kill_after(5))
    resumed = quick_fit(changes=changes, checkpoint=tmp_path, resume=True)
    assert tensor_digest(resumed.model) == tensor_digest(whole.model)
