"""What is trained, saved, loaded and forgotten.

- :class:`EmotionModel`, :class:`ModelConfig`, :data:`FAMILIES`: a recogniser and its directory format
- :class:`ErasureRecord`, :class:`MeanLoss`: what training leaves beside a model for later deletions
- :class:`LogmelCnn`, :class:`Emo18`, :class:`Zhao19`: the three networks without pretraining
- :class:`EncoderNetwork`: a pretrained encoder with a head
- :class:`RidgeNetwork`, :class:`HeadSums`: a head solved from sums over recordings, which can be subtracted again
- :class:`TextNetwork`: reads the words of an utterance
- :class:`RankerNetwork`: one score by another family's network, and an ordinal reading of it as classes
- :class:`AudioTextNetwork`: recordings and sentences in one space
- :class:`AttentiveStatisticsPooling`, :func:`masked_mean`, :func:`masked_statistics`, :class:`LayerMix`: pooling
- :func:`model_digest`, :func:`model_manifest`: what a statement names a model by, the same however it is written down
- :func:`tensor_digest`: a fingerprint of a model's weights

Importing this package loads no torch; each name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from affekt.models.digest import model_digest, model_manifest

if TYPE_CHECKING:
    from affekt.models.audio_text_network import AudioTextNetwork, AudioTextOptions
    from affekt.models.emo18 import Emo18, Emo18Options
    from affekt.models.emotion_model import (
        ATTRIBUTES,
        FAMILIES,
        FORMAT_VERSION,
        EmotionModel,
        Heads,
        ModelConfig,
        tensor_digest,
    )
    from affekt.models.encoder_network import EncoderNetwork, EncoderOptions
    from affekt.models.erasure_record import SIDES, Drift, ErasureRecord, MeanLoss
    from affekt.models.head_sums import HeadSums
    from affekt.models.logmel_cnn import LogmelCnn, LogmelCnnOptions
    from affekt.models.pooling import AttentiveStatisticsPooling, LayerMix, masked_mean, masked_statistics
    from affekt.models.ranker_network import RankerNetwork, RankerOptions
    from affekt.models.ridge_network import RidgeNetwork, RidgeOptions
    from affekt.models.text_network import TextNetwork, TextOptions
    from affekt.models.zhao19 import Zhao19, Zhao19Options

__all__ = [
    "ATTRIBUTES",
    "FAMILIES",
    "FORMAT_VERSION",
    "SIDES",
    "AttentiveStatisticsPooling",
    "AudioTextNetwork",
    "AudioTextOptions",
    "Drift",
    "Emo18",
    "Emo18Options",
    "EmotionModel",
    "EncoderNetwork",
    "EncoderOptions",
    "ErasureRecord",
    "HeadSums",
    "Heads",
    "LayerMix",
    "LogmelCnn",
    "LogmelCnnOptions",
    "MeanLoss",
    "ModelConfig",
    "RankerNetwork",
    "RankerOptions",
    "RidgeNetwork",
    "RidgeOptions",
    "TextNetwork",
    "TextOptions",
    "Zhao19",
    "Zhao19Options",
    "masked_mean",
    "masked_statistics",
    "model_digest",
    "model_manifest",
    "tensor_digest",
]

_HOMES = {
    "ATTRIBUTES": "emotion_model",
    "AttentiveStatisticsPooling": "pooling",
    "AudioTextNetwork": "audio_text_network",
    "AudioTextOptions": "audio_text_network",
    "Drift": "erasure_record",
    "Emo18": "emo18",
    "Emo18Options": "emo18",
    "EmotionModel": "emotion_model",
    "EncoderNetwork": "encoder_network",
    "EncoderOptions": "encoder_network",
    "ErasureRecord": "erasure_record",
    "FAMILIES": "emotion_model",
    "FORMAT_VERSION": "emotion_model",
    "HeadSums": "head_sums",
    "Heads": "emotion_model",
    "LayerMix": "pooling",
    "LogmelCnn": "logmel_cnn",
    "LogmelCnnOptions": "logmel_cnn",
    "MeanLoss": "erasure_record",
    "ModelConfig": "emotion_model",
    "RankerNetwork": "ranker_network",
    "RankerOptions": "ranker_network",
    "RidgeNetwork": "ridge_network",
    "RidgeOptions": "ridge_network",
    "SIDES": "erasure_record",
    "TextNetwork": "text_network",
    "TextOptions": "text_network",
    "Zhao19": "zhao19",
    "Zhao19Options": "zhao19",
    "masked_mean": "pooling",
    "masked_statistics": "pooling",
    "tensor_digest": "emotion_model",
}
"""Name -> the module it is loaded from."""


def __getattr__(name: str) -> Any:
    """Load a name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
