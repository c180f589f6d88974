"""Commitments answer whoever holds the recording, and nobody else."""

import hashlib
import hmac
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from affekt.audio import load
from affekt.errors import CheckpointError
from affekt.models import SIDES, ErasureRecord, MeanLoss

KEY = "00" * 31 + "ff"
PCM = st.lists(st.integers(-32768, 32767), min_size=1, max_size=40)


def floats(samples: list[int]) -> np.ndarray:
    return (np.array(samples, dtype=np.float64) / 32768).astype(np.float32)


def test_commitment_by_hand() -> None:
    samples = [0, 1, -1, 16384, 16385, 32767, -32768]
    pcm = b"".join(value.to_bytes(2, "little", signed=True) for value in samples)
    wanted = hmac.new(bytes.fromhex(KEY), hashlib.sha256(pcm).digest(), hashlib.sha256).hexdigest()[:32]
    assert ErasureRecord(key=KEY).commitment(floats(samples)) == wanted


@given(PCM, st.floats(-0.3, 0.3))
def test_only_the_16_bit_samples_count(samples: list[int], shift: float) -> None:
    record = ErasureRecord(key=KEY)
    wave = floats(samples)
    near = (np.array(samples) + shift) / 32768
    assert record.commitment(near) == record.commitment(wave)
    assert record.commitment(wave.astype(np.float64)) == record.commitment(wave)


@given(PCM, st.data())
def test_one_step_or_one_sample_more_is_another_recording(samples: list[int], data: st.DataObject) -> None:
    record = ErasureRecord(key=KEY)
    place = data.draw(st.integers(0, len(samples) - 1))
    other = list(samples)
    other[place] += 1 if other[place] < 32767 else -1
    names = {record.commitment(floats(each)) for each in (samples, other, [*samples, 0])}
    assert len(names) == 3


def test_a_16_bit_file_is_named_by_the_samples_it_holds(tmp_path: Path) -> None:
    samples = np.arange(-32768, 32768, dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="PCM_16")
    wanted = hmac.new(bytes.fromhex(KEY), hashlib.sha256(samples.astype("<i2").tobytes()).digest(), hashlib.sha256)
    assert ErasureRecord(key=KEY).commitment(load(tmp_path / "a.wav")) == wanted.hexdigest()[:32]


def test_loud_samples_are_clipped_not_wrapped() -> None:
    record = ErasureRecord(key=KEY)
    assert record.commitment(np.array([1.7], np.float32)) == record.commitment(np.array([1.5], np.float32))
    assert record.commitment(np.array([1.7], np.float32)) != record.commitment(np.array([-0.3], np.float32))


def test_keys_are_fresh_and_names_unrelated() -> None:
    first, second = ErasureRecord(), ErasureRecord()
    assert first.key != second.key
    assert len(bytes.fromhex(first.key)) == 32
    clips = [floats([i, 2 * i]) for i in range(50)]
    assert not {first.commitment(c) for c in clips} & {second.commitment(c) for c in clips}


def test_side_and_without() -> None:
    record = ErasureRecord(key=KEY)
    clips = {side: [floats([10 * i + k, i]) for k in range(3)] for i, side in enumerate(SIDES)}
    record = ErasureRecord(
        key=KEY,
        within=MeanLoss(loss=0.5, accuracy=0.5, utterances=4),
        commitments={side: frozenset(record.commitment(c) for c in group) for side, group in clips.items()},
    )
    for side, group in clips.items():
        assert {record.side(clip) for clip in group} == {side}
    assert record.side(floats([999])) is None
    less = record.without([clips["train"][0], clips["heldout"][1], floats([999])])
    assert less.side(clips["train"][0]) is None
    assert less.side(clips["heldout"][1]) is None
    assert less.side(clips["train"][1]) == "train"
    assert (less.key, less.within, less.across) == (record.key, record.within, record.across)
    assert record.side(clips["train"][0]) == "train"
    assert sum(map(len, less.commitments.values())) == 10


def test_json_round_trip() -> None:
    record = ErasureRecord(
        within=MeanLoss(loss=0.1 + 0.2, accuracy=1 / 3, utterances=4),
        across=MeanLoss(loss=3.0, accuracy=0.0, utterances=1),
        commitments={"train": frozenset({"aa", "bb"}), "dev": frozenset()},
    )
    text = json.dumps(record.to_json())
    assert ErasureRecord.from_json(json.loads(text)) == record
    empty = ErasureRecord()
    assert ErasureRecord.from_json(json.loads(json.dumps(empty.to_json()))) == empty


GOOD = {"mean_loss": {"within": None, "across": None, "trained": None}, "key": KEY, "commitments": {"train": ["aa"]}}
LOSS = {"loss": 1.0, "accuracy": 1.0, "utterances": 1}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "text",
        {},
        {**GOOD, "key": "not hex"},
        {**GOOD, "key": 5},
        {**GOOD, "commitments": ["aa"]},
        {**GOOD, "commitments": {"train": 5}},
        {**GOOD, "mean_loss": None},
        {**GOOD, "mean_loss": {"within": None}},
        {**GOOD, "mean_loss": {"within": {"loss": 1.0}, "across": None, "trained": None}},
        {**GOOD, "mean_loss": {"within": {**LOSS, "loss": "much"}, "across": None, "trained": None}},
        {**GOOD, "mean_loss": {"within": {**LOSS, "more": 1}, "across": None, "trained": None}},
    ],
)
def test_other_json_is_refused(value: object) -> None:
    assert ErasureRecord.from_json(GOOD).commitments == {"train": frozenset({"aa"})}
    with pytest.raises(CheckpointError, match=r"not an erasure record of this version; .*restore the model directory"):
        ErasureRecord.from_json(value)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_held_out_loss_is_finite(loss: float) -> None:
    with pytest.raises(CheckpointError, match=f"a saved loss is {loss}; a finite number was expected"):
        MeanLoss(loss=loss, accuracy=0.0, utterances=1)
