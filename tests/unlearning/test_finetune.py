"""Fine-tuning only looks at retained training recordings."""

from typing import Any

import numpy as np
import torch

from affekt.models import EmotionModel, tensor_digest
from affekt.training import FeatureStore, is_held_out
from affekt.unlearning import ForgetSet, Retained, forget, method_config
from affekt.unlearning.material import LearnedPart
from affekt.unlearning.retained_batches import retained_loss


class Watched(FeatureStore):
    """A store that remembers what was read."""

    def __init__(self, store: FeatureStore) -> None:
        super().__init__(store.model, store.corpus)
        self.rows: set[int] = set()

    def __getitem__(self, row: int) -> torch.Tensor:
        self.rows.add(row)
        return super().__getitem__(row)


def test_neither_forgotten_nor_held_out_recordings_are_read(
    trained: EmotionModel, forget_set: ForgetSet, forget_rows: list[int], retained: Retained
) -> None:
    watched = Watched(retained.train)
    others = Retained(train=watched, rows=retained.rows, dev=retained.dev, config=retained.config, seed=retained.seed)
    config = method_config("finetune", max_steps=6)
    result = forget(trained, forget_set, method="finetune", config=config, retained=lambda: others)
    names = watched.corpus.table["utterance"].to_list()
    held = {i for i, name in enumerate(names) if is_held_out(name, seed=1, fraction=retained.config.heldout_fraction)}
    assert held
    assert watched.rows == set(retained.rows.tolist()) - held
    assert not watched.rows & set(forget_rows)
    assert result.log.steps == 6
    assert result.log.reached
    assert tensor_digest(result.model) != tensor_digest(trained)
    assert result.needs == ("forget set", "retained data")


def test_retained_loss_is_the_mean_over_the_batch(trained: EmotionModel, retained: Retained) -> None:
    few = Retained(
        train=retained.train, rows=retained.rows[:5], dev=retained.dev, config=retained.config, seed=retained.seed
    )
    part = LearnedPart(trained)
    names = retained.train.corpus.table["utterance"].to_list()
    rows = [r for r in few.rows if not is_held_out(names[r], seed=1, fraction=retained.config.heldout_fraction)]
    losses: list[Any] = []
    with torch.no_grad():
        value = float(retained_loss(part, few, batch_size=32, seed=0)())
        for row in rows:
            logits = part.logits([retained.train[int(row)]])[0].double().numpy()
            losses.append(np.log(np.exp(logits).sum()) - logits[retained.train.corpus.labels()[row]])
    assert abs(value - np.mean(losses)) < 1e-5
