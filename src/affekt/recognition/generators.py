"""Feature vectors from networks that learn to make them: an InfoGAN of class, text and noise, and a CVAE.

They work on principal components of the training vectors, each of unit variance, and map what they make back. That a
network learns them from one class code, one text and noise is the published idea; sizes, losses beyond the bounds and
everything else here are our reading.

What a generator learned it learned of everybody in its training vectors. Nothing here is saved anywhere.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from affekt.errors import ConfigError, DataError
from affekt.losses.information import donsker_varadhan_bound, info_nce, mine_loss
from affekt.recognition.critic import Critic, off_diagonal
from affekt.recognition.feature_augmentation import Samples, Training, checked, wanted
from affekt.types import FloatArray, IntArray

__all__ = ["ConditionalVae", "FeatureSpace", "GeneratorConfig", "InfoGan"]


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Settings of the networks that generate; those of the bounds count for :class:`InfoGan` alone."""

    class_weight: float = 1.0
    """Weight of the bound of I(class; vector), lambda_c; 0 leaves it out."""
    text_weight: float = 0.5
    """Weight of the bound of I(text; vector), lambda_t; 0 leaves it out, and so does a corpus without text."""
    text_bound: Literal["info-nce", "mine"] = "info-nce"
    """Which bound that is."""
    pairs: bool = False
    """Generate pairs of a vector and text features from the class and noise, instead of a vector from a text."""
    pair_weight: float = 0.5
    """With ``pairs``: weight of the bound of I(text features; vector)."""
    condition_dropout: float = 0.15
    """Share of the texts that training replaces by a learned null vector, which generation without text is given."""
    steps: int = 300
    """Steps of Adam."""
    batch_size: int = 64
    """Vectors a step; the classes are drawn equally often."""
    learning_rate: float = 1e-3
    """Of Adam, with betas 0.5 and 0.9."""
    width: int = 128
    """Width of the two hidden layers of each network."""
    noise: int = 32
    """Width of the noise."""
    components: int = 48
    """Principal components of the vectors that are generated, at most."""
    text_components: int = 16
    """Principal components of the text features, at most."""
    gradient_penalty: float = 0.5
    """Weight of the squared gradient of the discriminator at real vectors (R1)."""
    average: float = 0.99
    """Decay of the moving average of the generator's weights, which generates."""
    kl_weight: float = 0.3
    """Of the CVAE: weight of the Kullback-Leibler term."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("class_weight", 0.0, 1e6),
            ("text_weight", 0.0, 1e6),
            ("pair_weight", 0.0, 1e6),
            ("condition_dropout", 0.0, 0.99),
            ("steps", 1, 1_000_000),
            ("batch_size", 2, 100_000),
            ("learning_rate", 1e-12, 1.0),
            ("width", 1, 100_000),
            ("noise", 1, 100_000),
            ("components", 1, 100_000),
            ("text_components", 1, 100_000),
            ("gradient_penalty", 0.0, 1e6),
            ("average", 0.0, 0.99999),
            ("kl_weight", 0.0, 1e6),
        ):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; a value from {low} to {high} was expected; change it."
                )
        if self.text_bound not in ("info-nce", "mine"):
            raise ConfigError(f"text_bound is {self.text_bound!r}; info-nce or mine was expected; choose one of these.")


class FeatureSpace:
    """Principal components of vectors, each of unit variance, and the way back.

    Args:
        vectors: (N, D).
        components: how many at most; directions without variance are left out.

    Example:
        >>> space = FeatureSpace(np.array([[0.0, 0.0], [2.0, 2.0]], np.float32), 8)
        >>> space.width, space.inverse(space.forward(np.array([[2.0, 2.0]], np.float32))).round(4).tolist()
        (1, [[2.0, 2.0]])
    """

    def __init__(self, vectors: FloatArray, components: int) -> None:
        values = vectors.astype(np.float64)
        self.centre = values.mean(0)
        _, singular, axes = np.linalg.svd(values - self.centre, full_matrices=False)
        spread = singular / max(1, len(values)) ** 0.5
        keep = (spread > 1e-6 * max(1e-12, float(spread.max(initial=0.0)))) & (spread > 1e-9)
        self.spread = spread[keep][:components]
        self.axes = axes[keep][:components]  # (C, D)

    @property
    def width(self) -> int:
        """C, how many components there are."""
        return len(self.spread)

    def forward(self, vectors: FloatArray) -> FloatArray:
        """(N, D) -> components (N, C) float32."""
        found = (vectors.astype(np.float64) - self.centre) @ self.axes.T / self.spread
        return np.asarray(found, dtype=np.float32)

    def inverse(self, components: FloatArray) -> FloatArray:
        """(N, C) -> vectors (N, D) float32."""
        return np.asarray((components * self.spread) @ self.axes + self.centre, dtype=np.float32)


class InfoGan:
    """A generative adversarial network of vectors with bounds of the information in its class and its text.

    ``G(z, c, t)`` makes a vector; a discriminator that is told the class (a projection, Miyato & Koyama 2018) says real
    or made, by the non-saturating loss with the penalty R1; on its trunk sits the guess ``Q(c | h)``, and a bilinear
    critic scores pairs of text and vector. The bounds of both are raised by the generator. ``Q`` and the critic see
    real vectors too: otherwise a code could be carried by anything, and not by what carries it in real ones.

    With ``class_weight`` and ``text_weight`` 0 it is a conditional GAN. With ``pairs``, ``G(z, c)`` makes a vector and
    text features together, the discriminator sees both, and the critic's bound is on the two.

    Args:
        config: settings.
        with_text: give :meth:`sample` texts of the class from the training rows; False: the null vector.
    """

    def __init__(self, config: GeneratorConfig | None = None, *, with_text: bool = True) -> None:
        self.config = config or GeneratorConfig()
        self.with_text = with_text
        self._training: Training | None = None

    def fit(self, training: Training, *, seed: int) -> None:
        """Train the networks; the global random state is left as it was.

        Raises:
            ShapeError, DataError: as :func:`~affekt.recognition.feature_augmentation.checked`.
            DataError: pairs are to be made and there is no text, or only one.
        """
        config = self.config
        self._training = checked(training)
        self._space = FeatureSpace(training.features, config.components)
        self._texts = None if training.text is None else FeatureSpace(training.text, config.text_components)
        if self._texts is not None and not self._texts.width:  # the same text everywhere
            self._texts = None
        if config.pairs and self._texts is None:
            raise DataError("pairs need texts that differ (got none or one); transcripts were expected; set pairs off.")
        features = torch.from_numpy(self._space.forward(training.features))
        texts = torch.zeros(len(features), 0)
        if self._texts is not None and training.text is not None:
            texts = torch.from_numpy(self._texts.forward(training.text))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._learn(features, torch.as_tensor(training.labels), texts)

    def sample(self, counts: Sequence[int] | IntArray, *, seed: int) -> Samples:
        """See :class:`~affekt.recognition.feature_augmentation.Augmenter`."""
        training = _fitted(self._training)
        labels = np.repeat(np.arange(training.n_classes), wanted(counts, training))
        codes = np.eye(training.n_classes, dtype=np.float32)[labels]
        generator = np.random.default_rng([seed, 34])
        noise = generator.standard_normal((len(labels), self.config.noise)).astype(np.float32)
        text: FloatArray | None = None
        given: Tensor | None = None
        if self._texts is not None and not self.config.pairs and self.with_text and training.text is not None:
            members = [np.flatnonzero(training.labels == k) for k in range(training.n_classes)]
            rows = np.array([generator.choice(members[k]) for k in labels], np.int64)
            text = training.text[rows]
            given = torch.from_numpy(self._texts.forward(text))
        with torch.no_grad():
            made, pair = self._averaged(torch.from_numpy(noise), torch.from_numpy(codes), given)
        if pair is not None and self._texts is not None:
            text = self._texts.inverse(pair.numpy())
        return Samples(self._space.inverse(made.numpy()), codes, text)

    def _learn(self, features: Tensor, labels: Tensor, texts: Tensor) -> None:
        config, classes = self.config, _fitted(self._training).n_classes
        width, text_width = features.shape[1], texts.shape[1]
        maker = _Maker(width, classes, text_width, config)
        judge = _Judge(width + (text_width if config.pairs else 0), classes, config.width)
        critic = Critic(width, max(1, text_width), kind="bilinear")
        averaged = copy.deepcopy(maker)
        rates: dict[str, Any] = {"lr": config.learning_rate, "betas": (0.5, 0.9), "fused": True}
        making = torch.optim.Adam(maker.parameters(), **rates)
        judging = torch.optim.Adam([*judge.parameters(), *critic.parameters()], **rates)
        text_weight = config.pair_weight if config.pairs else config.text_weight
        bound = _TextBound(config.text_bound)
        draw = _ByClass(labels, classes)
        for step in range(config.steps):
            rows, chosen = draw(config.batch_size)
            codes = nn.functional.one_hot(chosen, classes).float()
            given = texts[rows]
            dropped = torch.rand(len(rows)) < config.condition_dropout
            noise = torch.randn(len(rows), config.noise)
            made, pair = maker(noise, codes, None if config.pairs or not text_width else given, dropped)
            real, fake = features[rows], made
            if config.pairs and pair is not None:
                real, fake = torch.cat([real, given], 1), torch.cat([fake, pair], 1)

            penalised = bool(config.gradient_penalty) and step % 4 == 0
            real = real.requires_grad_(penalised)
            (on_real, guess_real), (on_fake, guess_fake) = judge(real, codes), judge(fake.detach(), codes)
            loss = nn.functional.softplus(-on_real).mean() + nn.functional.softplus(on_fake).mean()
            loss = loss + 0.5 * sum(nn.functional.cross_entropy(guess, chosen) for guess in (guess_real, guess_fake))
            if penalised:
                (slope,) = torch.autograd.grad(on_real.sum(), real, create_graph=True)
                loss = loss + 2.0 * config.gradient_penalty * slope.square().sum(1).mean()
            if text_width:
                loss = loss + 0.5 * bound.loss(critic(features[rows], given), "real")
                kept = torch.ones_like(dropped) if config.pairs else ~dropped
                told = given if pair is None else pair
                loss = loss + 0.5 * bound.loss(critic(made.detach()[kept], told.detach()[kept]), "made")
            judging.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            judging.step()

            on_fake, guess_fake = judge(fake, codes)
            loss = nn.functional.softplus(-on_fake).mean()
            if config.class_weight:
                loss = loss + config.class_weight * nn.functional.cross_entropy(guess_fake, chosen)
            if text_width and text_weight:
                loss = loss + text_weight * bound.generator_loss(critic(made[kept], told[kept]))
            making.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            making.step()
            with torch.no_grad():
                decay = min(config.average, step / (step + 10))
                torch._foreach_lerp_(list(averaged.parameters()), list(maker.parameters()), 1.0 - decay)
        self._averaged = averaged.eval()


class ConditionalVae:
    """A conditional variational autoencoder of vectors: class and noise in, a vector out.

    The decoder says a mean and one deviation a component; a sample is drawn from it. Text is not used.

    Source: Sohn, Lee & Yan, "Learning structured output representation using deep conditional generative models", 2015.
    """

    def __init__(self, config: GeneratorConfig | None = None) -> None:
        self.config = config or GeneratorConfig()
        self._training: Training | None = None

    def fit(self, training: Training, *, seed: int) -> None:
        """Train both networks; the global random state is left as it was.

        Raises:
            ShapeError, DataError: as :func:`~affekt.recognition.feature_augmentation.checked`.
        """
        config = self.config
        self._training = checked(training)
        self._space = FeatureSpace(training.features, config.components)
        features, labels = torch.from_numpy(self._space.forward(training.features)), torch.as_tensor(training.labels)
        classes, width = training.n_classes, features.shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = _mlp(width + classes, config.width, 2 * config.noise)
            decoder = _Maker(width, classes, 0, replace(config, pairs=False))
            spread = nn.Parameter(torch.zeros(width))  # log deviation of each component
            optimizer = torch.optim.Adam(
                [*encoder.parameters(), *decoder.parameters(), spread], lr=config.learning_rate
            )
            draw = _ByClass(labels, classes)
            for _ in range(config.steps):
                rows, chosen = draw(config.batch_size)
                codes = nn.functional.one_hot(chosen, classes).float()
                centre, log_spread = encoder(torch.cat([features[rows], codes], 1)).chunk(2, dim=1)  # (B, Z) each
                log_spread = log_spread.clamp(-6.0, 3.0)
                noise = centre + log_spread.exp() * torch.randn_like(centre)
                made, _ = decoder(noise, codes, None)
                error = 0.5 * ((features[rows] - made) / spread.exp()).square() + spread
                divergence = 0.5 * (centre.square() + (2 * log_spread).exp() - 1.0) - log_spread
                loss = error.sum(1).mean() + config.kl_weight * divergence.sum(1).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        self._decoder = decoder.eval()
        self._spread = spread.detach().exp()

    def sample(self, counts: Sequence[int] | IntArray, *, seed: int) -> Samples:
        """See :class:`~affekt.recognition.feature_augmentation.Augmenter`."""
        training = _fitted(self._training)
        labels = np.repeat(np.arange(training.n_classes), wanted(counts, training))
        codes = np.eye(training.n_classes, dtype=np.float32)[labels]
        generator = np.random.default_rng([seed, 35])
        noise = generator.standard_normal((len(labels), self.config.noise)).astype(np.float32)
        with torch.no_grad():
            made, _ = self._decoder(torch.from_numpy(noise), torch.from_numpy(codes), None)
        blur = generator.standard_normal(made.shape).astype(np.float32)
        return Samples(self._space.inverse(made.numpy() + self._spread.numpy() * blur), codes)


class _Maker(nn.Module):
    """G(z, c, t): noise (B, Z), one-hot classes (B, K) and texts (B, E) -> vectors (B, C), and texts with ``pairs``."""

    def __init__(self, width: int, classes: int, text_width: int, config: GeneratorConfig) -> None:
        super().__init__()
        self.width = width
        self.pairs = config.pairs and text_width > 0
        given = 0 if self.pairs else text_width
        self.null = nn.Parameter(torch.zeros(given))
        self.body = _mlp(config.noise + classes + given, config.width, width + (text_width if self.pairs else 0))

    def forward(
        self, noise: Tensor, codes: Tensor, texts: Tensor | None, dropped: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Texts that are None, and those that are dropped, (B,), are the null vector."""
        null = self.null.expand(len(noise), -1)
        if texts is None:
            texts = null
        elif dropped is not None:
            texts = torch.where(dropped.unsqueeze(1), null, texts)
        made = self.body(torch.cat([noise, codes, texts], 1))
        return made[:, : self.width], made[:, self.width :] if self.pairs else None


class _Judge(nn.Module):
    """D(h, c) and Q(c | h) on one trunk: vectors (B, C) and one-hot classes (B, K) -> scores (B,), logits (B, K)."""

    def __init__(self, width: int, classes: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Linear(width, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, hidden), nn.LeakyReLU(0.2)
        )
        self.real = nn.Linear(hidden, 1)
        self.of_class = nn.Linear(classes, hidden, bias=False)
        self.guess = nn.Linear(hidden, classes)

    def forward(self, vectors: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.trunk(vectors)
        return self.real(hidden).squeeze(1) + (hidden * self.of_class(codes)).sum(1), self.guess(hidden)


class _ByClass:
    """Draws rows so that every class that has any comes equally often."""

    def __init__(self, labels: Tensor, classes: int) -> None:
        self.order = torch.argsort(labels, stable=True)
        self.counts = torch.bincount(labels, minlength=classes)
        self.starts = self.counts.cumsum(0) - self.counts
        self.known = torch.nonzero(self.counts).squeeze(1)

    def __call__(self, size: int) -> tuple[Tensor, Tensor]:
        """Rows (B,) and their classes (B,)."""
        chosen = self.known[torch.randint(len(self.known), (size,))]
        within = (torch.rand(size) * self.counts[chosen]).long()
        return self.order[self.starts[chosen] + within], chosen


class _TextBound:
    """One of the two bounds, with the averages that MINE keeps between batches."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.running: dict[str, Tensor] = {}

    def loss(self, scores: Tensor, which: str) -> Tensor:
        """What the critic minimises, of scores (B, B)."""
        if self.kind == "info-nce" or len(scores) < 2:
            return info_nce(scores)
        loss, self.running[which] = mine_loss(scores.diagonal(), off_diagonal(scores), self.running.get(which))
        return loss

    def generator_loss(self, scores: Tensor) -> Tensor:
        """What the generator minimises: less the bound, but for a constant."""
        if self.kind == "info-nce" or len(scores) < 2:
            return info_nce(scores)
        return -donsker_varadhan_bound(scores.diagonal(), off_diagonal(scores))


def _mlp(first: int, hidden: int, last: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(first, hidden),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden, hidden),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden, last),
    )


def _fitted(training: Training | None) -> Training:
    if training is None:
        raise ConfigError("the generator has learned nothing yet; fit was expected before; call it first.")
    return training
