"""Critics that score pairs of vectors, and what samples show of their mutual information.

A critic has weights, so it lives here and not beside the bounds, which are functions in
:mod:`affekt.losses.information`. An estimate is fitted on one half of the samples and taken on the other, so that it
stays below the truth but for the noise of the other half.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from affekt.errors import ConfigError, ShapeError
from affekt.losses.information import (
    barber_agakov_bound,
    donsker_varadhan_bound,
    entropy,
    info_nce,
    info_nce_bound,
    mine_loss,
)
from affekt.types import FloatArray, IntArray

__all__ = ["Critic", "InformationEstimate", "class_information", "off_diagonal", "pair_information"]


@dataclass(frozen=True, kw_only=True)
class InformationEstimate:
    """A lower bound of mutual information from samples."""

    nats: float
    """The bound on samples that nothing was fitted on; noise can take it a little below 0."""
    ceiling: float
    """What the bound cannot exceed: log B, or the entropy of the code."""
    samples: int
    """How many samples the bound was taken on."""


class Critic(nn.Module):
    """Scores T(x, y) of every first with every second.

    Args:
        first: D, width of the firsts.
        second: E, width of the seconds.
        kind: ``bilinear``, x W y plus a linear term of each; ``mlp``, one hidden layer over x and y side by side.
        width: of the hidden layer.

    Example:
        >>> Critic(4, 3)(torch.zeros(5, 4), torch.zeros(2, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self, first: int, second: int, *, kind: Literal["bilinear", "mlp"] = "bilinear", width: int = 64
    ) -> None:
        super().__init__()
        if kind not in ("bilinear", "mlp"):
            raise ConfigError(f"unknown critic {kind!r}; bilinear or mlp was expected; choose one of these.")
        self.kind = kind
        if kind == "bilinear":
            self.matrix = nn.Linear(first, second, bias=False)
            self.second = nn.Linear(second, 1, bias=False)
            self.first = nn.Linear(first, 1)
        else:
            self.first = nn.Linear(first, width)
            self.second = nn.Linear(second, width, bias=False)
            self.middle = nn.Linear(width, width)
            self.last = nn.Linear(width, 1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(B, D), (M, E) -> scores (B, M)."""
        if self.kind == "bilinear":
            scores: Tensor = self.matrix(first) @ second.T + self.first(first) + self.second(second).T
            return scores
        hidden = torch.relu(self.first(first).unsqueeze(1) + self.second(second).unsqueeze(0))  # (B, M, W)
        found: Tensor = self.last(torch.relu(self.middle(hidden))).squeeze(-1)
        return found


def pair_information(
    first: FloatArray,
    second: FloatArray,
    *,
    bound: Literal["info-nce", "mine"] = "info-nce",
    critic: Literal["bilinear", "mlp"] = "mlp",
    steps: int = 400,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 0,
) -> InformationEstimate:
    """What samples of pairs show of their mutual information.

    Args:
        first: (N, D), on a scale near 1.
        second: (N, E), likewise; row i belongs to row i of the firsts.
        bound: ``info-nce``, at most log B and steady; ``mine``, the Donsker-Varadhan bound, without a ceiling and less
            steady: it can exceed the truth by its noise.
        critic: see :class:`Critic`.
        steps: of Adam.
        batch_size: B; lowered to half of the samples where there are too few.
        learning_rate: of Adam.
        seed: of the halves, the critic and the batches. The global random state is left as it was.

    Raises:
        ShapeError: the numbers of rows differ, or there are fewer than four.
        ConfigError: the bound is unknown.
    """
    if first.ndim != 2 or second.ndim != 2 or len(first) != len(second) or len(first) < 4:
        raise ShapeError(
            f"pairs are {first.shape} and {second.shape}; (N, D) and (N, E) with N >= 4 were expected; give one "
            "second for each first."
        )
    if bound not in ("info-nce", "mine"):
        raise ConfigError(f"unknown bound {bound!r}; info-nce or mine was expected; choose one of these.")
    order = np.random.default_rng([seed, 5]).permutation(len(first))
    x, y = (torch.as_tensor(np.asarray(values)[order], dtype=torch.float32) for values in (first, second))
    half = len(x) // 2
    size = min(batch_size, half)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Critic(x.shape[1], y.shape[1], kind=critic)
        optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
        running: Tensor | None = None
        for _ in range(steps):
            rows = torch.randperm(half)[:size]
            scores = model(x[rows], y[rows])
            if bound == "info-nce":
                loss = info_nce(scores)
            else:
                loss, running = mine_loss(scores.diagonal(), off_diagonal(scores), running)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    with torch.no_grad():
        starts = range(half, len(x) - size + 1, size)
        scored = [model(x[start : start + size], y[start : start + size]) for start in starts]
        if bound == "info-nce":
            nats = float(torch.stack([info_nce_bound(scores) for scores in scored]).mean())
        else:
            nats = float(
                donsker_varadhan_bound(
                    torch.cat([scores.diagonal() for scores in scored]),
                    torch.cat([off_diagonal(scores) for scores in scored]),
                )
            )
    ceiling = math.log(size) if bound == "info-nce" else math.inf
    return InformationEstimate(nats=nats, ceiling=ceiling, samples=len(scored) * size)


def class_information(features: FloatArray, codes: IntArray, n_classes: int, *, seed: int = 0) -> InformationEstimate:
    """What samples show of the information between vectors and the class they were made for.

    The Barber-Agakov bound with a logistic regression as the guess.

    Args:
        features: (N, D).
        codes: (N,), 0 to K - 1.
        n_classes: K.
        seed: of the halves.

    Raises:
        ShapeError: the numbers of rows differ, or there are fewer than four.
    """
    if features.ndim != 2 or codes.shape != features.shape[:1] or len(codes) < 4:
        raise ShapeError(
            f"features {features.shape} do not fit codes {codes.shape}; (N, D) and (N,) with N >= 4 were expected; "
            "give one code a row."
        )
    from sklearn.linear_model import LogisticRegression

    order = np.random.default_rng([seed, 6]).permutation(len(codes))
    fitted, judged = order[: len(order) // 2], order[len(order) // 2 :]
    centre, spread = features[fitted].mean(0), np.maximum(features[fitted].std(0), 1e-6)
    scaled = (features - centre) / spread
    logits = np.full((len(judged), n_classes), -30.0)  # a class that the first half lacks
    known = np.unique(codes[fitted])
    if len(known) > 1:
        guess = LogisticRegression(C=1.0 / math.sqrt(features.shape[1]), max_iter=500).fit(
            scaled[fitted], codes[fitted]
        )
        logits[:, known] = guess.predict_log_proba(scaled[judged])
    else:
        logits[:, known] = 0.0
    counts = torch.bincount(torch.as_tensor(codes[judged]), minlength=n_classes)
    nats = barber_agakov_bound(torch.as_tensor(logits), torch.as_tensor(codes[judged]))
    return InformationEstimate(nats=float(nats), ceiling=float(entropy(counts)), samples=len(judged))


def off_diagonal(scores: Tensor) -> Tensor:
    """Scores of firsts with seconds of other pairs: (B, B) -> (B (B - 1),)."""
    return scores[~torch.eye(len(scores), dtype=torch.bool, device=scores.device)]
