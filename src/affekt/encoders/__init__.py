"""Floor of encoders: waveforms, texts and speakers become representations.

- :func:`open_encoder`, :class:`SpeechEncoder`, :class:`Layers`: pretrained speech encoders and all their layers
- :func:`describe`, :func:`build_encoder`, :data:`SPEECH_ENCODERS`: their shapes, without their weights
- :func:`find_source`, :class:`Source`, :func:`require`: where pretrained weights come from
- :class:`EmbeddingCache`, :func:`chosen_cache`: representations on disk, named by what they were made of
- :class:`TextEncoder`, :class:`HashedText`, :class:`PretrainedText`, :func:`read_lexicon`: texts
- :mod:`~affekt.encoders.text_augmentation`: texts changed a little or a lot; import it by its own name
- :class:`SpeakerEncoder`, :class:`SpeakerStatistics`, :func:`similarity`: voices

Importing this package loads neither torch nor transformers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from affekt.encoders.cache import EmbeddingCache, chosen_cache
from affekt.encoders.source import Source, find_source, require
from affekt.encoders.speaker import SpeakerEncoder, SpeakerStatistics, similarity
from affekt.encoders.speech import SPEECH_ENCODERS, build_encoder, describe, open_encoder
from affekt.encoders.text import HashedText, PretrainedText, TextEncoder, read_lexicon

if TYPE_CHECKING:
    from affekt.encoders.interface import Layers, SpeechEncoder

__all__ = [
    "SPEECH_ENCODERS",
    "EmbeddingCache",
    "HashedText",
    "Layers",
    "PretrainedText",
    "Source",
    "SpeakerEncoder",
    "SpeakerStatistics",
    "SpeechEncoder",
    "TextEncoder",
    "build_encoder",
    "chosen_cache",
    "describe",
    "find_source",
    "open_encoder",
    "read_lexicon",
    "require",
    "similarity",
]


def __getattr__(name: str) -> Any:
    if name in ("Layers", "SpeechEncoder"):  # these need torch
        return getattr(import_module("affekt.encoders.interface"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
