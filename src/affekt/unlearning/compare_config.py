"""What a comparison compares: corpus, methods, sizes of forget sets, seeds, and the recipe of the models."""

from dataclasses import asdict, dataclass, field
from typing import Any

from affekt.errors import ConfigError
from affekt.training import ErasureConfig, TrainConfig, parse_variant
from affekt.unlearning.draws import WHOLE_SPEAKER, speakers_of
from affekt.unlearning.harness import method_config

__all__ = ["DEFAULT_METHODS", "ByContent", "CompareConfig"]

DEFAULT_METHODS = (
    "forget_set_alone",
    "forget_set_alone:elastic=none",
    "forget_set_alone:stop=calibrated",
    "forget_set_alone:stop=zero:learning_rate=0.001:max_steps=50",
    "l2ul",
    "l2ul:stop=zero:learning_rate=0.001:max_steps=50",
    "random_labels",
    "random_labels:stop=zero:learning_rate=0.001:max_steps=50",
    "gradient_ascent",
    "boundary_shrink",
    "amun",
    "finetune",
    "random_labels_retained",
)


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """What is compared."""

    corpus: str
    """A corpus that ``open_corpus`` opens; each worker opens it for itself."""
    family: str = "logmel-cnn"
    methods: tuple[str, ...] = DEFAULT_METHODS
    """Methods, with settings after colons: ``forget_set_alone:stop=zero:elastic=none``."""
    forget: str = "random"
    """Where the N utterances of a draw come from: ``random``, all training speakers; ``speaker``, one of them."""
    sizes: tuple[str, ...] = ("1", "10", "50", "100", WHOLE_SPEAKER)
    """Utterances to forget; ``speaker`` is all of one speaker, ``3-speakers`` all of three, one request after the
    other."""
    draws: int = 3
    """Forget sets of each size for each seed."""
    seeds: int = 2
    """Training seeds; each has its own test and development speakers."""
    train: TrainConfig | None = None
    """Training recipe; None is the family's."""
    options: dict[str, Any] = field(default_factory=dict)
    """Sizes of the network and its augmentation that differ from the family's defaults."""
    erasure: dict[str, Any] | None = None
    """Settings of :class:`~affekt.training.ErasureConfig`, for methods that need what it saves; None saves nothing."""
    relearn_steps: int = 10
    """Steps of the relearning probe."""
    retained_sample: int = 256
    """Retained utterances that retained accuracy is measured on, drawn once a cell; 0 is all."""
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings of methods for all their appearances, by method name."""
    again: bool = False
    """Retrain a second time from other weights, as ``retrain again``: how far two retrained models are apart, which is
    as near as any method can be expected to come."""

    def __post_init__(self) -> None:
        if self.forget not in ("random", "speaker"):
            raise ConfigError(f"unknown way to draw {self.forget!r}; random or speaker was expected; choose one.")
        for size in self.sizes:
            if speakers_of(size) == 0 and not (size.isdecimal() and int(size) > 0):
                raise ConfigError(
                    f"unknown size {size!r}; a positive number, {WHOLE_SPEAKER!r} or '3-speakers' was expected; "
                    "change it."
                )
        if self.erasure is not None:
            ErasureConfig(**self.erasure)
        if self.draws < 1 or self.seeds < 1:
            raise ConfigError(f"draws and seeds must be 1 or more (got {self.draws}, {self.seeds}); change them.")
        for spec in map(parse_variant, self.methods):
            method_config(spec.name, **{**self.settings.get(spec.name, {}), **spec.changes})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**asdict(self), "train": None if self.train is None else self.train.to_json()}


@dataclass(frozen=True)
class ByContent:
    """A configuration as the key of a cache: two that say the same are the same key."""

    config: Any

    def __hash__(self) -> int:
        return hash(repr(self.config))
