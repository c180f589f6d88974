"""What is trained, saved, loaded and forgotten.

- :class:`EmotionModel`, :class:`ModelConfig`, :data:`FAMILIES`: a recogniser and its directory format
- :class:`ErasureRecord`, :class:`MeanLoss`: what training leaves beside a model for later deletions
- :class:`LogmelCnn`, :class:`Emo18`, :class:`Zhao19`: the three networks without pretraining
- :class:`EncoderNetwork`: a pretrained encoder with a head
- :class:`RidgeNetwork`, :class:`HeadSums`: a head solved from sums over recordings, which can be subtracted again
- :class:`AttentiveStatisticsPooling`, :func:`masked_mean`, :func:`masked_statistics`, :class:`LayerMix`: pooling
- :func:`model_digest`, :func:`model_manifest`: what a statement names a model by, the same however it is written down
- :func:`tensor_digest`: a fingerprint of a model's weights
"""

from affekt.models.digest import model_digest, model_manifest
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
from affekt.models.ridge_network import RidgeNetwork, RidgeOptions
from affekt.models.zhao19 import Zhao19, Zhao19Options

__all__ = [
    "ATTRIBUTES",
    "FAMILIES",
    "FORMAT_VERSION",
    "SIDES",
    "AttentiveStatisticsPooling",
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
    "RidgeNetwork",
    "RidgeOptions",
    "Zhao19",
    "Zhao19Options",
    "masked_mean",
    "masked_statistics",
    "model_digest",
    "model_manifest",
    "tensor_digest",
]
