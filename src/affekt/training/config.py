"""The settings of a training run, and the recipe of each model family."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from affekt.errors import ConfigError
from affekt.models import find_family

__all__ = ["TrainConfig", "recipe"]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of :func:`affekt.training.fit`."""

    target: Literal["hard", "soft", "multi-label"] = "hard"
    """What emotions are learned from: hard, the column emotion; soft, the shares of the raters' votes; multi-label, the
    same shares, where every emotion with a share above 1 / K counts as heard (the rule of EMO-SUPERB)."""
    secondary_weight: float = 0.0
    """Votes that a rater's secondary emotions count for, in soft and multi-label targets; the primary one counts 1."""
    emotions: bool = True
    """Learn emotions; false: attributes alone."""
    attributes: tuple[str, ...] = ()
    """Learn these too, out of arousal, valence and dominance: the loss is 1 - CCC, summed over them."""
    attribute_weight: float = 1.0
    """Weight of the attributes' loss beside that of the emotions."""
    intents: bool = False
    """Learn the column intent, too."""
    intent_weight: float = 1.0
    """Weight of the intents' loss beside that of the emotions."""
    label: str = "emotion"
    """Column the classes come from: emotion, intensity, intent, preference, or an attribute cut at ``edges``."""
    classes: tuple[str, ...] = ()
    """The classes in their order, for a label that has one; none: those of the corpus."""
    edges: tuple[float, ...] = ()
    """With an attribute as label: the rising values between the classes."""
    method: Any = None
    """How to learn, a :class:`affekt.training.TrainingMethod`; None is from labels alone."""
    epochs: int = 30
    """Passes over the training set at most."""
    batch_size: int = 32
    """Utterances a step, over all processes."""
    learning_rate: float = 6e-3
    """Peak learning rate; it warms up over a tenth of the steps and falls to zero along a cosine."""
    weight_decay: float = 0.05
    """Decoupled weight decay (AdamW)."""
    label_smoothing: float = 0.1
    """Share of the target that is spread over all classes."""
    class_weights: bool = True
    """Weigh classes: by N / (K n_c) with hard targets, by the effective number of votes with others."""
    patience: int = 12
    """Stop when the loss on the development speakers has not fallen for this many epochs; the best epoch is kept."""
    keep_last: bool = False
    """Keep the last epoch instead of the best one on the development speakers; nothing is stopped early then."""
    crop_seconds: float | None = None
    """Train on random stretches of at most this length; None: whole utterances. Evaluation is always whole."""
    gradient_clip: float = 1.0
    """Largest gradient norm of a step."""
    heldout_fraction: float = 0.08
    """Share of the training speakers' utterances that is never trained on, to measure the held-out loss."""
    memory_gib: float = 6.0
    """Front-end features are kept in memory up to this size; beyond it they are computed again when needed."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, 100_000),
            ("batch_size", 1, 100_000),
            ("learning_rate", 1e-12, 10.0),
            ("weight_decay", 0.0, 10.0),
            ("label_smoothing", 0.0, 0.99),
            ("patience", 1, 100_000),
            ("gradient_clip", 1e-12, 1e12),
            ("heldout_fraction", 0.0, 0.5),
            ("secondary_weight", 0.0, 1.0),
            ("attribute_weight", 1e-6, 1e6),
            ("intent_weight", 1e-6, 1e6),
            ("memory_gib", 0.0, 1e6),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"{name} is {value}; a value from {low} to {high} was expected; change it.")
        if self.target not in ("hard", "soft", "multi-label"):
            raise ConfigError(f"target is '{self.target}'; hard, soft or multi-label was expected; change it.")
        if not self.emotions and not self.attributes:
            raise ConfigError(
                "there is nothing to learn (emotions is false and attributes is empty); one of them was expected; name "
                "attributes such as arousal."
            )
        if self.method is not None and not hasattr(self.method, "objective"):
            raise ConfigError(
                f"method is {self.method!r}; a training method was expected; name it with --method, its "
                "settings in the table [method]."
            )
        if self.label != "emotion" and self.target != "hard":
            raise ConfigError(
                f"target is '{self.target}' with classes from the column {self.label}; hard was expected, as votes are "
                "about emotions; change one of them."
            )
        if self.crop_seconds is not None and self.crop_seconds < 0.25:
            raise ConfigError(f"crop_seconds is {self.crop_seconds}; at least 0.25 s was expected; change it.")

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, the method with its name."""
        values = asdict(self)
        if self.method is not None:
            values["method"] = {"name": self.method.NAME, **values["method"]}
        return values


def recipe(family: str, **changes: Any) -> TrainConfig:
    """The recipe of a family with some settings changed.

    Raises:
        ConfigError: the family or a setting is unknown, or a value is out of range.
    """
    settings = find_family(family).recipe
    known = {field.name for field in fields(TrainConfig)}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise ConfigError(f"unknown setting {unknown[0]!r}; one of {', '.join(sorted(known))} was expected; rename it.")
    return TrainConfig(**{**settings, **changes})
