"""Just in time: make the outputs around each recording of the forget set smooth.

Title: Zero-Shot Machine Unlearning at Scale via Lipschitz Regularization. Authors: Jack Foster, Kyle Fogarty, Stefan
Schoepf, Cengiz Oztireli, Alexandra Brintrup. Year: 2024. arXiv: 2402.01401. Official code: facts only were used; it
has no licence.
Paper: for each recording, lower the mean over noisy copies of the change of the output divided by the size of the
noise; nothing but the forget set is used.
Reading: the output of a noisy copy is taken as it is, so that only the output of the recording itself is pulled, as in
the code (``pull_copies`` pulls both); noise is cut to the range of the batch.
Deviations: noise is added to the front end's features, as a multiple of their own spread in each recording; Adam until
the stop rule ``gap`` says enough, where the paper makes one pass of plain gradient descent.
Reproduces: no number of the paper; ours are in results/.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from affekt.errors import ConfigError
from affekt.unlearning.descent import DescentConfig, MethodLog, descend, minibatches
from affekt.unlearning.material import LearnedPart, Material, Needs

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = {
    "title": "Zero-Shot Machine Unlearning at Scale via Lipschitz Regularization",
    "arxiv": "2402.01401",
    "year": 2024,
}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS})


@dataclass(frozen=True, kw_only=True)
class Config(DescentConfig):
    """Settings of ``jit``."""

    learning_rate: float = 5e-4
    """Step size."""
    noise: float = 0.5
    """Standard deviation of the noise, in standard deviations of a recording's features."""
    copies: int = 5
    """Noisy copies a recording and step (the paper's code: 25)."""
    pull_copies: bool = False
    """Let gradients flow through the outputs of the noisy copies too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.noise > 0 or self.copies < 1:
            raise ConfigError(
                f"noise is {self.noise} and copies {self.copies}; above 0 and at least 1 were expected; change them."
            )


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Lower the change of outputs with noise, relative to its size, on the forget set, in place."""
    part = LearnedPart(model)
    items = part.features(material.forget_set.waveforms)
    batches = minibatches(len(items), config.batch_size, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)

    def step_loss(_: int) -> Tensor:
        batch = [items[row] for row in next(batches).tolist()]
        low, high = min(float(x.min()) for x in batch), max(float(x.max()) for x in batch)
        outputs = part.logits(batch)
        terms = []
        for _ in range(config.copies):
            noisy, sizes = [], []
            for item in batch:
                noise = config.noise * item.std() * torch.randn(item.shape, generator=generator)
                noisy.append((item + noise).clamp(low, high))
                sizes.append((noisy[-1] - item).norm())
            with torch.set_grad_enabled(config.pull_copies):
                others = part.logits(noisy)
            terms.append(((outputs - others).norm(dim=1) / torch.stack(sizes).to(part.device)).mean())
        return torch.stack(terms).mean()

    return descend(part, items, material, config, step_loss=step_loss)
