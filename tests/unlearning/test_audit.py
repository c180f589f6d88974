"""Auditing real models of the tones: what is read, what is refused, and rows that erasure-ready training saved."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from affekt.corpora import Corpus, Split
from affekt.errors import ConfigError, DataError
from affekt.metrics.deletion_rules import LIRA_ONLINE, LOSS, PERMUTATION, RECORD, SCREEN, UTILITY
from affekt.models import EmotionModel
from affekt.unlearning import audit


def strangers(model: EmotionModel, count: int) -> list[EmotionModel]:
    """Models that never heard anything, with a record of nothing."""
    return [model.fresh(100 + number).eval() for number in range(count)]


@pytest.fixture
def forgotten(tone_split: Split, forget_rows: list[int]) -> Corpus:
    return tone_split.train.select(forget_rows)


def test_t0_of_an_untouched_model_fails(trained: EmotionModel, tone_split: Split, forgotten: Corpus) -> None:
    report = audit(trained, trained, forgotten, tone_split.test, test=tone_split.test, scope="speaker")
    assert report.tier == "T0"
    assert report.verdict == "FAILED_UNDER_FORGOTTEN"
    assert report.item(RECORD).estimate == len(forgotten)
    assert report.item(UTILITY).estimate == 0.0
    assert report.item(SCREEN).power == f"{len(forgotten)} recordings against {len(tone_split.test)}"
    assert report.item(LOSS).before == pytest.approx(report.item(LOSS).estimate)


def test_references_decide_and_nobody_is_named(trained: EmotionModel, tone_split: Split, forgotten: Corpus) -> None:
    near = tone_split.train.select(list(range(0, len(tone_split.train), 3)))
    references = strangers(trained, 5)
    report = audit(
        trained,
        strangers(trained, 6)[5],
        forgotten,
        tone_split.test,
        test=tone_split.test,
        near=near,
        references=references,
        scope="speaker",
    )
    assert (report.tier, report.references, report.reference_kind) == ("T1", 5, "models")
    assert report.item(LOSS).references is not None
    assert report.item(PERMUTATION).passed is None  # five models cannot clear anything
    assert report.verdict != "APPROXIMATE_TESTED"
    assert {item.test for item in report.items} >= {
        "recognised again after training on other recordings",
        "collateral damage: same speaker",
        "collateral damage: rest",
        "informed attacker",
    }
    text = json.dumps(report.to_json())
    assert all(f'"{speaker}"' not in text for speaker in tone_split.train.speakers)
    assert ".wav" not in text


def test_saved_rows_serve_as_references(ready: EmotionModel, tone_split: Split, forgotten: Corpus) -> None:
    assert ready.erasure is not None
    saved = ready.erasure.statistics
    assert saved is not None
    assert audit(ready, ready, forgotten, scope="speaker").tier == "T0"  # two repeats are too few
    noise = torch.Generator().manual_seed(0)
    many = saved.within.repeat(1, 10, 1) + 0.3 * torch.randn(
        len(saved.within), 20, saved.within.shape[2], generator=noise
    )
    ready.erasure = replace(ready.erasure, statistics=replace(saved, within=many, across=many))
    report = audit(ready, ready, forgotten, tone_split.test, test=tone_split.test)
    assert (report.tier, report.references, report.reference_kind) == ("T1", 20, "out-of-fold")
    assert report.item(PERMUTATION).power == "no p below 0.048 with 20 references"
    assert report.item("LiRA, offline").unit == "mean score; 0.5 is wanted"


def test_what_does_not_fit_is_refused(trained: EmotionModel, forgotten: Corpus) -> None:
    with pytest.raises(ConfigError, match="too few reference models"):
        audit(trained, trained, forgotten, tier="T1")
    twin = copy.deepcopy(trained)
    with pytest.raises(DataError, match="one of the audited models"):
        audit(trained, strangers(trained, 1)[0], forgotten, references=[twin])
    heard = strangers(trained, 1)[0]
    heard.erasure = trained.erasure
    with pytest.raises(DataError, match=rf"trained on {len(forgotten)} of the recordings"):
        audit(trained, trained, forgotten, references=[heard])
    other = EmotionModel(replace(trained.config, classes=("a", "b", "c")))
    with pytest.raises(DataError, match="has the classes a, b, c"):
        audit(trained, other, forgotten)


def test_the_seed_decides(trained: EmotionModel, tone_split: Split, forgotten: Corpus) -> None:
    one, two = (
        audit(trained, trained, forgotten, tone_split.test, test=tone_split.test, seed=3).to_json() for _ in range(2)
    )
    assert one == two
    assert np.isfinite(one["evidence"][0]["estimate"])


def test_models_that_heard_and_models_that_forgot(trained: EmotionModel, tone_split: Split, forgotten: Corpus) -> None:
    def nudged(seed: int) -> EmotionModel:
        """A model that heard the recordings, other than the one before."""
        model = copy.deepcopy(trained)
        torch.manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.01 * parameter.std(unbiased=False) * torch.randn_like(parameter)
        return model

    heard, unlearned, never = [nudged(k) for k in range(4)], strangers(trained, 14)[9:13], strangers(trained, 8)
    report = audit(trained, nudged(9), forgotten, references=never, heard=heard, unlearned=unlearned)
    online = report.item(LIRA_ONLINE)
    assert online.passed is False  # it says what models that heard them say
    assert online.before > 0 > online.references.mean
    assert online.power == "4 models trained with the recordings against 8 without"
    assert report.ensemble is not None
    assert report.ensemble.models == (5, 4, 4)
    assert report.to_json()["ensemble"]["u_lira"]["estimate"] >= 0.0
    assert not any("U-LiRA" in line or "online LiRA" in line for line in report.not_tested)
    without = audit(trained, nudged(9), forgotten, references=never)
    assert without.item(LIRA_ONLINE).note == "no models trained with the recordings were given"
    assert sum("U-LiRA" in line or "online LiRA" in line for line in without.not_tested) == 2
    with pytest.raises(DataError, match=r"too few models \(got 2 that heard"):
        audit(trained, nudged(9), forgotten, references=never, heard=heard[:2])
    with pytest.raises(DataError, match=r"too few references to stand beside \(got 5"):
        audit(trained, nudged(9), forgotten, references=never[:5], unlearned=unlearned)
    never[0].erasure = replace(trained.erasure, commitments={"dev": frozenset({"ab"})})
    with pytest.raises(DataError, match="trained on 0 of"):
        audit(trained, nudged(9), forgotten, references=never[1:], heard=[*heard, never[0]])


def test_where_saved_rows_come_from(ready: EmotionModel, tone_split: Split, forgotten: Corpus) -> None:
    assert ready.erasure is not None
    saved = ready.erasure.statistics
    assert saved is not None
    assert saved.fold_counts == {"within": 3, "across": 3}
    many = saved.across.repeat(1, 10, 1) + torch.randn(len(saved.across), 20, saved.across.shape[2])
    ready.erasure = replace(ready.erasure, statistics=replace(saved, within=many, across=many))
    for scope, rule in (("speaker", "across"), ("utterances", "within")):
        report = audit(ready, ready, forgotten, tone_split.test, test=tone_split.test, scope=scope)
        assert report.saved == (rule, 3, 20)
        assert report.reference_kind == "out-of-fold"
        assert report.item(PERMUTATION).values["floor"] == pytest.approx(1 / 21)
        # they answered on the forgotten recordings alone, so no band stands beside the rest
        assert report.item(UTILITY).references is None
        assert report.item(LOSS).references is None
