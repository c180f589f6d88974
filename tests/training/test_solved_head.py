"""What heads that are solved need and what they refuse."""

import numpy as np
import pytest

from affekt.corpora import Split
from affekt.errors import ConfigError
from affekt.models import RidgeNetwork
from affekt.training import FeatureStore, TrainConfig, build_model, recipe
from affekt.training.solved_head import check_solvable, head_sums


def test_sums_are_those_of_the_rows(tone_split: Split) -> None:
    train = tone_split.train
    model = build_model("ridge", train.classes, seed=0, options={"n_mels": 12})
    store, labels = FeatureStore(model, train), train.labels()
    rows = np.array([0, 5, 7, 20, 33])
    found = head_sums(model, store, labels, rows)
    network = model.network
    assert isinstance(network, RidgeNetwork)
    vectors = np.stack(
        [network.vectors(*store.batch([row])).double().numpy()[0] for row in rows.tolist()]
    )  # one recording at a time
    assert found.counts.tolist() == np.bincount(labels[rows], minlength=len(train.classes)).tolist()
    for k in range(len(train.classes)):
        mine = vectors[labels[rows] == k]
        assert found.vectors[k].numpy() == pytest.approx(mine.sum(0), abs=1e-6)
        assert found.moments[k].numpy() == pytest.approx(mine.T @ mine, abs=1e-4)


def test_another_family_has_no_such_head(tone_split: Split) -> None:
    model = build_model("zhao19", tone_split.train.classes, seed=0, options={"hidden": 8})
    with pytest.raises(ConfigError, match="zhao19 has no head that is solved; ridge was expected"):
        head_sums(model, FeatureStore(model, tone_split.train), tone_split.train.labels(), np.arange(3))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (recipe("ridge", target="soft"), "'soft' and 0 attributes"),
        (recipe("ridge", target="multi-label"), "'multi-label' and 0 attributes"),
        (recipe("ridge", attributes=("valence", "arousal")), "'hard' and 2 attributes"),
    ],
)
def test_only_one_emotion_a_recording_can_be_solved(config: TrainConfig, told: str) -> None:
    check_solvable(recipe("ridge"))
    with pytest.raises(ConfigError, match=f"learns one emotion a recording .got the target {told}"):
        check_solvable(config)
