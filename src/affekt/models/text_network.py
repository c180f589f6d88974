"""text: a small recogniser that reads the words of an utterance instead of hearing it.

Ours, not a paper's: hashed words and stretches of characters, and affective norms where a lexicon is given
(:class:`affekt.encoders.HashedText`), then one hidden layer. It is the linguistic side of systems that hear and read,
needs no download, and sees no punctuation. It takes what an :class:`affekt.corpora.text_corpus.TextCorpus` loads, which
:func:`affekt.training.as_read` makes of any corpus with texts.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from affekt.corpora.text_corpus import text_of
from affekt.encoders import HashedText, read_lexicon
from affekt.errors import CheckpointError, ConfigError
from affekt.models.family import Family

__all__ = ["FAMILY", "TextNetwork", "TextOptions"]


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """Which numbers stand for a text, and the head."""

    words: int = 1024
    """Places for words and pairs of words."""
    characters: int = 1024
    """Places for stretches of 3 to 5 characters."""
    lexicon: str = ""
    """CSV file with affective norms; without one there are no norms. It is not copied into the model: it must be there
    whenever the model is used."""
    lexicon_sha256: str = ""
    """SHA-256 of that file; filled when the model is first built, and another file is refused then."""
    hidden: int = 128
    """Width of the hidden layer; 0: the head is linear."""
    dropout: float = 0.3
    """Dropout before each linear map."""

    def __post_init__(self) -> None:
        for name, low, high in (("words", 1, 10**7), ("characters", 1, 10**7), ("hidden", 0, 10**5)):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; a value from {low} to {high} was expected; change it."
                )
        if not 0.0 <= self.dropout <= 0.99:
            raise ConfigError(f"dropout is {self.dropout}; a value from 0 to 0.99 was expected; change it.")


class TextNetwork(nn.Module):
    """The network of the family text; see the module.

    Args:
        n_outputs: width of the last map.
        options: see there.

    Raises:
        DataError: the lexicon cannot be read.
        CheckpointError: the lexicon is not the one the model was built with.
    """

    reads = "text"
    """What of a corpus it takes in."""

    def __init__(self, n_outputs: int, options: TextOptions) -> None:
        super().__init__()
        self.options = options
        self.resolved: dict[str, Any] = {}
        lexicon = None
        if options.lexicon:
            lexicon = read_lexicon(options.lexicon)
            found = hashlib.sha256(Path(options.lexicon).read_bytes()).hexdigest()
            self.resolved = {"lexicon_sha256": found}
            if options.lexicon_sha256 and found != options.lexicon_sha256:
                raise CheckpointError(
                    f"the lexicon {options.lexicon} is not the one this model was built with (its SHA-256 differs); "
                    "the same file was expected; restore it."
                )
        self.texts = HashedText(lexicon=lexicon, words=options.words, characters=options.characters)
        width = self.texts.width
        layers: list[nn.Module] = [nn.Dropout(options.dropout)]
        if options.hidden:
            layers += [nn.Linear(width, options.hidden), nn.GELU(), nn.Dropout(options.dropout)]
            width = options.hidden
        self.head = nn.Sequential(*layers, nn.Linear(width, n_outputs))

    def front_end(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Texts as samples (B, T), (B,) -> their numbers (B, 1, D), (B,) ones.

        Raises:
            DataError: these are recordings, not texts.
        """
        rows = waveforms.detach().cpu().numpy()
        texts = [text_of(row[:length]) for row, length in zip(rows, lengths.tolist(), strict=True)]
        vectors = torch.from_numpy(self.texts.encode(texts)).to(waveforms.device)
        return vectors.unsqueeze(1), torch.ones_like(lengths)

    def classify(self, features: Tensor, lengths: Tensor) -> Tensor:
        """What :meth:`front_end` gave -> outputs (B, K)."""
        outputs: Tensor = self.head(features.squeeze(1))
        return outputs

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Texts as samples (B, T) and lengths (B,) -> outputs (B, K)."""
        return self.classify(*self.front_end(waveforms, lengths))


FAMILY = Family(
    network=TextNetwork,
    options=TextOptions,
    recipe={"learning_rate": 3e-3, "label_smoothing": 0.0},
    not_front_end=frozenset({"dropout", "hidden"}),
)
