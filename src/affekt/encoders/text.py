"""Encoders of text: a pretrained one through transformers, and one that needs no download.

The built-in one is ours: counts of words and of stretches of characters, hashed into a fixed number of places with a
sign (Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009), and the mean, deviation and
extremes of affective norms of the words that a lexicon given by the user knows.
"""

import csv
import hashlib
import itertools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from affekt.encoders.source import find_source, require
from affekt.encoders.speech import SPEECH_ENCODERS
from affekt.errors import CheckpointError, ConfigError, DataError
from affekt.types import FloatArray, PathLike

__all__ = ["HashedText", "PretrainedText", "TextEncoder", "read_lexicon"]

Lexicon = Mapping[str, tuple[float, float, float]]


class TextEncoder(Protocol):
    """Texts in, one vector a text out."""

    width: int
    """D, numbers a text."""

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """N texts -> (N, D) float32."""


class HashedText:
    """Hashed words and characters, and affective norms; deterministic, without weights.

    Args:
        lexicon: word (lower case) -> valence, arousal, dominance, from :func:`read_lexicon`; None: no norms.
        words: places for words and pairs of words.
        characters: places for stretches of 3 to 5 characters, word boundaries included.

    Raises:
        ConfigError: a number of places is not positive.

    Example:
        >>> HashedText(words=16, characters=16).encode(["so good", "so bad"]).shape
        (2, 32)
    """

    def __init__(self, *, lexicon: Lexicon | None = None, words: int = 1024, characters: int = 1024) -> None:
        for name, value in (("words", words), ("characters", characters)):
            if value < 1:
                raise ConfigError(f"{name} is {value}; 1 or more places were expected; change it.")
        self.lexicon = dict(lexicon or {})
        self.words = words
        self.characters = characters
        values = np.array(list(self.lexicon.values()), dtype=np.float64).reshape(-1, 3)
        # on the scale of the whole lexicon, so that norms of 1 to 9 and of -1 to 1 give the same numbers
        self._centre = values.mean(0) if len(values) else np.zeros(3)
        self._spread = np.maximum(values.std(0), 1e-9) if len(values) else np.ones(3)
        self.width = words + characters + (13 if self.lexicon else 0)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """N texts -> (N, D) float32: hashed words and characters, each of length 1 (0 for an empty text), then norms.

        Norms are the mean, deviation, lowest and highest of valence, arousal and dominance over the known words, in
        standard deviations of the lexicon, and the share of words that are known.
        """
        return np.stack([self._one(text) for text in texts]) if len(texts) else np.empty((0, self.width), np.float32)

    def _one(self, text: str) -> FloatArray:
        words = _words(text)
        pairs = [f"{first} {second}" for first, second in itertools.pairwise(words)]
        pieces = [f" {word} "[i : i + n] for word in words for n in (3, 4, 5) for i in range(len(word) + 3 - n)]
        parts = [_hashed([*words, *pairs], self.words, b"word"), _hashed(pieces, self.characters, b"char")]
        if self.lexicon:
            parts.append(self._norms(words))
        return np.concatenate(parts).astype(np.float32)

    def _norms(self, words: list[str]) -> FloatArray:
        known = np.array([self.lexicon[word] for word in words if word in self.lexicon])
        if not len(known):
            return np.zeros(13)
        known = (known - self._centre) / self._spread
        return np.concatenate([known.mean(0), known.std(0), known.min(0), known.max(0), [len(known) / len(words)]])


class PretrainedText:
    """A pretrained text encoder of transformers: the mean of the last layer over the tokens that exist.

    Args:
        name: a local folder, or a name on the Hugging Face hub.
        download: fetch from the hub what is not in its local cache.
        batch_size: texts at once.

    Raises:
        MissingExtraError: transformers is not installed.
        DataError: there is no such encoder, or it would have to be fetched.
        CheckpointError: the folder is incomplete or damaged.
        ConfigError: it is an encoder of speech.
    """

    def __init__(self, name: str, *, download: bool = False, batch_size: int = 32) -> None:
        require("transformers")
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        source = find_source(
            name, download=download, patterns=("tokenizer*", "vocab*", "merges.txt", "special_tokens*")
        )
        kind = source.config().get("model_type")
        if kind in SPEECH_ENCODERS:
            raise ConfigError(f"{name} is a speech encoder ({kind}); an encoder of text was expected; choose another.")
        source.files()
        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        where: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(source.folder, **where)
            self._model = AutoModel.from_pretrained(source.folder, use_safetensors=True, **where).eval().float()
        except Exception as error:  # transformers raises many kinds for files it does not like
            raise CheckpointError(
                f"the text encoder {name} cannot be loaded ({str(error).splitlines()[0]}); a folder with config.json, "
                "a tokenizer and model.safetensors was expected; fetch it again."
            ) from None
        finally:
            if shown:
                logging.enable_progress_bar()  # type: ignore[no-untyped-call]
        if self._model.config.is_encoder_decoder:
            self._model = self._model.get_encoder()
        self._batch_size = batch_size
        self.width = int(self._model.config.hidden_size)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """N texts -> (N, D) float32; a text longer than the encoder allows is cut."""
        import torch

        result = np.empty((len(texts), self.width), np.float32)
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        limit = min(self._tokenizer.model_max_length, getattr(self._model.config, "max_position_embeddings", 512))
        for start in range(0, len(order), self._batch_size):
            rows = order[start : start + self._batch_size]
            batch = self._tokenizer(
                [texts[i] for i in rows], padding=True, truncation=True, max_length=limit, return_tensors="pt"
            )
            with torch.no_grad():
                hidden = self._model(**batch).last_hidden_state  # (B, N, D)
            mask = batch["attention_mask"].unsqueeze(-1)
            result[rows] = ((hidden * mask).sum(1) / mask.sum(1).clamp_min(1)).numpy()
        return result


def read_lexicon(path: PathLike) -> dict[str, tuple[float, float, float]]:
    """Affective norms from a CSV file: word (lower case) -> valence, arousal, dominance.

    Columns are found by their names, in any case: ``word``, ``valence``, ``arousal``, ``dominance``; or ``Word``,
    ``V.Mean.Sum``, ``A.Mean.Sum``, ``D.Mean.Sum`` as Warriner, Kuperman and Brysbaert (2013) publish theirs. The words'
    language is the user's.

    Raises:
        DataError: the file is missing, lacks a column, holds no words, or a value is not a number.
    """
    path = Path(path)
    names = {"word": "word", "v.mean.sum": "valence", "a.mean.sum": "arousal", "d.mean.sum": "dominance"}
    names |= {name: name for name in ("valence", "arousal", "dominance")}
    found: dict[str, tuple[float, float, float]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = {names[c.lower()]: c for c in reader.fieldnames or () if c.lower() in names}
            missing = [name for name in ("word", "valence", "arousal", "dominance") if name not in columns]
            if missing:
                raise DataError(
                    f"the lexicon {path} has no column {missing[0]}; word, valence, arousal and dominance were "
                    "expected; rename its columns."
                )
            for number, row in enumerate(reader, 2):
                try:
                    values = [float(row[columns[name]]) for name in ("valence", "arousal", "dominance")]
                    if not np.isfinite(values).all():
                        raise ValueError
                except (TypeError, ValueError):
                    raise DataError(
                        f"line {number} of the lexicon {path} has a value that is not a number; three finite numbers "
                        "were expected; correct or remove the line."
                    ) from None
                found[_fold(row[columns["word"]])] = (values[0], values[1], values[2])
    except OSError as error:
        raise DataError(
            f"the lexicon {path} cannot be read ({error.strerror}); a CSV file was expected; check the path."
        ) from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"the lexicon {path} is not CSV in UTF-8; such a file was expected; convert it.") from None
    if not found:
        raise DataError(f"the lexicon {path} holds no words; at least one was expected; check the file.")
    return found


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _words(text: str) -> list[str]:
    return re.findall(r"\w+(?:['’]\w+)*", _fold(text))


def _hashed(items: Sequence[str], size: int, purpose: bytes) -> FloatArray:
    """Counts with a sign, each item at a place its hash names, scaled to length 1."""
    vector = np.zeros(size)
    for item in items:
        digest = hashlib.blake2b(item.encode(), digest_size=8, person=purpose).digest()
        number = int.from_bytes(digest, "little")
        vector[(number >> 1) % size] += 1.0 if number & 1 else -1.0
    length = np.linalg.norm(vector)
    return np.asarray(vector / length if length else vector)
