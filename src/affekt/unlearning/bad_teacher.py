"""Bad teacher: on the forget set follow a model that knows nothing, on retained data the original.

Title: Can Bad Teaching Induce Forgetting? Unlearning in Deep Networks using an Incompetent Teacher. Authors: Vikram S.
Chundawat, Ayush K. Tarun, Murari Mandal, Mohan Kankanhalli. Year: 2022. arXiv: 2205.08096. Official code: facts only
were used.
Paper: a student is drawn by divergence towards a randomly initialised teacher on the forget set, and towards the
original model on a part of the retained data.
Reading: KL(teacher || student), summed over classes and averaged over the recordings of both batches of a step; the
incompetent teacher is a fresh model of the same config (a pretrained encoder stays pretrained).
Deviations: the average is over recordings, where widespread code averages over classes too; batches are drawn from all
retained data, not from 30 % of them; stop rule ``gap`` by default.
Reproduces: no number of the paper; ours are in results/.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from affekt.errors import ConfigError, ProtocolError
from affekt.models import EmotionModel
from affekt.unlearning.descent import MethodLog, descend, minibatches
from affekt.unlearning.material import LearnedPart, Material, Needs
from affekt.unlearning.retained_batches import RetainedConfig, retained_batches

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = {
    "title": "Can Bad Teaching Induce Forgetting? Unlearning in Deep Networks using an Incompetent Teacher",
    "arxiv": "2205.08096",
    "year": 2022,
}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS, Needs.RETAINED_DATA})


@dataclass(frozen=True, kw_only=True)
class Config(RetainedConfig):
    """Settings of ``bad_teacher``."""

    learning_rate: float = 5e-4
    """Step size."""
    temperature: float = 1.0
    """Logits of teachers and student are divided by this."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.temperature > 0:
            raise ConfigError(f"temperature is {self.temperature}; a positive number was expected; change it.")


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Lower the divergence from the two teachers, in place.

    Raises:
        ProtocolError: the model is none of affekt's, so no untrained one like it can be made.
    """
    if not isinstance(model, EmotionModel):
        raise ProtocolError(
            f"bad_teacher needs an untrained model like this {type(model).__name__}; affekt can make one of an "
            "EmotionModel only; choose another method, such as scrub."
        )
    part = LearnedPart(model)
    items = part.features(material.forget_set.waveforms)
    incompetent = LearnedPart(model.fresh(2_000_003 + seed).eval()).all_logits(items)
    competent = LearnedPart(copy.deepcopy(model).eval().requires_grad_(False))
    batches = minibatches(len(items), config.batch_size, seed=seed)
    next_retained = retained_batches(part, material.retained, batch_size=config.retained_batch_size, seed=seed)

    def step_loss(_: int) -> Tensor:
        rows = next(batches)
        batch, _labels = next_retained()
        with torch.no_grad():
            wanted = torch.cat([incompetent[rows].to(part.device), competent.logits(batch)])
        logits = torch.cat([part.logits([items[row] for row in rows.tolist()]), part.logits(batch)])
        return torch.nn.functional.kl_div(
            (logits / config.temperature).log_softmax(1),
            (wanted / config.temperature).log_softmax(1),
            reduction="batchmean",
            log_target=True,
        )

    return descend(part, items, material, config, step_loss=step_loss)
