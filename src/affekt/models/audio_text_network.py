"""audio-text: recordings and sentences in one space, where an emotion is the sentence a recording lies nearest to.

Our reading of EmotionRankCLAP (arXiv 2505.23732), whose networks were not available to us: the audio side is another
family without its head (a frozen pretrained encoder, or logmel-cnn), the text side hashed words or a frozen pretrained
text encoder, each with a projection of two linear maps to one width, of length 1. The logits of the classes are scaled
cosines between a recording and one prompt a class, so whatever takes a classifier takes this. The affekt training
method ``rankclap`` sets the prompts and teaches both sides; without it the prompts stand for nothing and are learned
like rows of a linear map, and sentences mean nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from affekt.encoders import HashedText, PretrainedText, TextEncoder, read_lexicon
from affekt.errors import CheckpointError, ConfigError, ShapeError
from affekt.models.family import Family, find_family, source_options

__all__ = ["FAMILY", "AudioTextNetwork", "AudioTextOptions"]


@dataclass(frozen=True, kw_only=True)
class AudioTextOptions:
    """Which encoders, and the projections."""

    encoder: str = ""
    """A folder with a speech encoder in the layout of transformers, or its name on the Hugging Face hub; without one
    the audio side is logmel-cnn, which is trained too."""
    download: bool = False
    """Fetch encoders from the hub if they are not in its local cache."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Options of the audio side's family (encoder or logmel-cnn) that differ from its defaults, such as layer."""
    text_encoder: str = ""
    """A folder with a text encoder in the layout of transformers, or its name on the hub; it is frozen and not copied
    into the model: it must be there whenever sentences are embedded. Without one, words are hashed."""
    words: int = 512
    """Places for hashed words and pairs of words."""
    characters: int = 512
    """Places for hashed stretches of 3 to 5 characters."""
    lexicon: str = ""
    """CSV file with affective norms of words, beside the hashed ones. It is not copied into the model: it must be there
    whenever sentences are embedded."""
    embedding: int = 256
    """Width of the shared space; 512 in the paper."""
    hidden: int = 256
    """Width between the two linear maps of each projection."""
    dropout: float = 0.3
    """Dropout before each linear map."""
    temperature: float = 0.1
    """Where the learned temperature of the similarities starts."""
    architecture: dict[str, Any] = field(default_factory=dict)
    """The speech encoder's shape; filled when the model is first built."""
    source_sha256: str = ""
    """SHA-256 of the speech encoder's weight files; filled when the model is first built."""
    text_width: int = 0
    """Numbers a sentence; filled when the model is first built."""
    lexicon_sha256: str = ""
    """SHA-256 of the lexicon; filled when the model is first built."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("words", 1, 10**7),
            ("characters", 1, 10**7),
            ("embedding", 2, 10**5),
            ("hidden", 1, 10**5),
            ("dropout", 0.0, 0.99),
            ("temperature", 0.005, 100.0),
            ("text_width", 0, 10**7),
        ):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; a value from {low} to {high} was expected; change it."
                )
        if self.text_encoder and self.lexicon:
            raise ConfigError(
                "a lexicon and a text encoder are both given; one of them was expected, as norms go with hashed words; "
                "leave one out."
            )


class AudioTextNetwork(nn.Module):
    """The network of the family audio-text; see the module.

    Args:
        n_outputs: classes.
        options: see there.

    Raises:
        DataError: an encoder or the lexicon is not there.
    """

    def __init__(self, n_outputs: int, options: AudioTextOptions) -> None:
        super().__init__()
        source = "encoder" if options.encoder or options.architecture else "logmel-cnn"
        self.source: Any = find_family(source).network(n_outputs, source_options(source, options))
        head = self.source.get_submodule("head")
        width = next(part.in_features for part in head.children() if isinstance(part, nn.Linear))
        self.source.head = nn.Sequential()  # what is left gives one vector a clip
        self._texts: TextEncoder | None = None
        self.options = self._resolved(options)
        self.audio = _Projection(width, options.hidden, options.embedding, options.dropout)
        self.text = _Projection(self.options.text_width, options.hidden, options.embedding, options.dropout)
        self.log_scale = nn.Parameter(torch.tensor(1.0 / options.temperature).log())
        self.class_log_scale = nn.Parameter(torch.tensor(10.0).log())
        self.prompts: Tensor
        self.described: Tensor
        self.register_buffer("prompts", nn.functional.normalize(torch.randn(n_outputs, self.options.text_width), dim=1))
        self.register_buffer("described", torch.tensor(False))

    @property
    def resolved(self) -> dict[str, Any]:
        """Options that were filled when the model was first built."""
        options = self.options
        if not options.text_encoder and not options.lexicon:  # hashed words have a width that the options tell
            return {}
        return {"text_width": options.text_width, "lexicon_sha256": options.lexicon_sha256}

    @property
    def temperature(self) -> Tensor:
        """What similarities are divided by in training; held at 0.005 or more."""
        return (-self.log_scale).exp().clamp_min(0.005)

    def front_end(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The audio side's part that is never trained: (B, T), (B,) -> (B, F, ...), (B,)."""
        features, counts = self.source.front_end(waveforms, lengths)
        return features, counts

    def embed_audio(self, features: Tensor, lengths: Tensor) -> Tensor:
        """What :meth:`front_end` gave -> vectors of length 1, (B, E)."""
        return nn.functional.normalize(self.audio(self.source.classify(features, lengths)), dim=1)

    def text_features(self, texts: Sequence[str]) -> Tensor:
        """What the projection of the text side takes, (N, D) on the CPU; nothing in it is trained.

        Raises:
            DataError: the text encoder or the lexicon is gone.
            CheckpointError: the lexicon is not the one the model was built with.
        """
        if self._texts is None:
            self._texts = _open_texts(self.options)
        return torch.from_numpy(self._texts.encode(texts))

    def embed_features(self, features: Tensor) -> Tensor:
        """What :meth:`text_features` gave, (..., D) -> vectors of length 1, (..., E)."""
        return nn.functional.normalize(self.text(features), dim=-1)

    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """Sentences -> vectors of length 1, (N, E).

        Raises:
            DataError, CheckpointError: as :meth:`text_features`.
        """
        return self.embed_features(self.text_features(texts).to(self.prompts.device))

    def describe(self, prompts: Sequence[str]) -> None:
        """Set the prompts of the classes, one each, in their order.

        Raises:
            ShapeError: there are more or fewer than classes.
            DataError, CheckpointError: as :meth:`text_features`.
        """
        if len(prompts) != len(self.prompts):
            raise ShapeError(
                f"{len(prompts)} prompts are given for {len(self.prompts)} classes; one each was expected; write them."
            )
        with torch.no_grad():
            self.prompts.copy_(self.text_features(prompts))
            self.described.fill_(True)

    def classify(self, features: Tensor, lengths: Tensor) -> Tensor:
        """What :meth:`front_end` gave -> outputs (B, K), scaled cosines to the prompts."""
        return self.class_scores(self.embed_audio(features, lengths))

    def class_scores(self, audio: Tensor) -> Tensor:
        """Vectors of recordings (B, E) -> outputs (B, K)."""
        if torch.is_grad_enabled():
            # every recording has its own pass through the text side, so that what it adds to the curvature is known
            prompts = self.embed_features(self.prompts.expand(len(audio), -1, -1))  # (B, K, E)
            cosines = (prompts * audio.unsqueeze(1)).sum(2)
        else:
            cosines = audio @ self.embed_features(self.prompts).T
        return cosines * self.class_log_scale.exp()

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Waveforms (B, T) and lengths (B,) -> outputs (B, K)."""
        return self.classify(*self.front_end(waveforms, lengths))

    def _resolved(self, options: AudioTextOptions) -> AudioTextOptions:
        """Options with the width of a sentence and the digest of the lexicon."""
        if options.text_encoder and not options.text_width:
            self._texts = _open_texts(options)
            return replace(options, text_width=self._texts.width)
        if options.text_encoder:
            return options
        digest = options.lexicon_sha256
        if options.lexicon and not options.text_width:
            self._texts = _open_texts(options)
            digest = hashlib.sha256(Path(options.lexicon).read_bytes()).hexdigest()
        width = options.words + options.characters + (13 if options.lexicon else 0)
        return replace(options, text_width=width, lexicon_sha256=digest)


class _Projection(nn.Module):
    """Two linear maps; the normalisation between them learns nothing."""

    def __init__(self, width: int, hidden: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Linear(width, hidden)
        self.norm = nn.LayerNorm(hidden, elementwise_affine=False)
        self.second = nn.Linear(hidden, embedding)
        self.dropout = nn.Dropout(dropout)

    def forward(self, vectors: Tensor) -> Tensor:
        """(..., D) -> (..., E)."""
        hidden = nn.functional.gelu(self.norm(self.first(self.dropout(vectors))))
        found: Tensor = self.second(self.dropout(hidden))
        return found


def _open_texts(options: AudioTextOptions) -> TextEncoder:
    if options.text_encoder:
        found = PretrainedText(options.text_encoder, download=options.download)
        if options.text_width not in (0, found.width):
            raise CheckpointError(
                f"the text encoder {options.text_encoder} gives {found.width} numbers and the model was built with "
                f"{options.text_width}; the same encoder was expected; restore it, or train a new model."
            )
        return found
    lexicon = None
    if options.lexicon:
        lexicon = read_lexicon(options.lexicon)
        digest = hashlib.sha256(Path(options.lexicon).read_bytes()).hexdigest()
        if options.lexicon_sha256 not in ("", digest):
            raise CheckpointError(
                f"the lexicon {options.lexicon} is not the one this model was built with (its SHA-256 differs); the "
                "same file was expected; restore it."
            )
    return HashedText(lexicon=lexicon, words=options.words, characters=options.characters)


FAMILY = Family(
    network=AudioTextNetwork,
    options=AudioTextOptions,
    # the paper's batches are larger, as ranking wants many items; of 256, some hundred recordings make too few steps
    recipe={"epochs": 40, "batch_size": 64, "learning_rate": 1e-3, "label_smoothing": 0.0},
    not_front_end=frozenset({"download", "dropout", "encoder", "hidden", "temperature"}),
)
