"""Random labels beside retained data: the forget set goes, the rest stays better than without."""

import torch

from affekt.models import EmotionModel
from affekt.unlearning import ForgetSet, Retained, forget, method_config
from affekt.unlearning.material import LearnedPart


def test_it_forgets_and_keeps(trained: EmotionModel, forget_set: ForgetSet, retained: Retained) -> None:
    config = method_config(
        "random_labels_retained", stop="relabel-hit", learning_rate=1e-3, max_steps=150, retained_batch_size=16
    )
    few = ForgetSet(forget_set.waveforms[:2], forget_set.labels[:2])
    result = forget(trained, few, method="random_labels_retained", config=config, retained=retained)
    assert result.log.reached
    assert result.log.accuracy_after == 0.0
    relabels = result.log.details["relabels"]
    assert all(new != old for new, old in zip(relabels, few.labels.tolist(), strict=True))
    config = method_config("random_labels", stop="relabel-hit", learning_rate=1e-3, max_steps=150)
    alone = forget(trained, few, method="random_labels", config=config)
    assert alone.log.reached
    labels = torch.as_tensor(retained.train.corpus.labels())[retained.rows]
    kept = {}
    for name, model in (("retained", result.model), ("alone", alone.model)):
        part = LearnedPart(model)
        logits = part.all_logits([retained.train[int(row)] for row in retained.rows])
        kept[name] = float((logits.argmax(1) == labels).double().mean())
    assert kept["retained"] > kept["alone"]
    assert kept["retained"] > 0.8
    assert result.needs == ("forget set", "retained data", "saved statistics")
