"""Small options for every family, and models built from them."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from affekt.models import EmotionModel
from affekt.training import build_model

CLASSES = ("anger", "joy", "sadness")
TINY_WHISPER = {
    "model_type": "whisper",
    "d_model": 8,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 8,
    "num_mel_bins": 10,
    "max_source_positions": 100,
    "activation_function": "gelu",
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
}
TINY_CNN = {"channels": (4, 6, 8), "width": 16, "n_mels": 40}
SMALL: dict[str, dict[str, Any]] = {
    "audio-text": {"settings": TINY_CNN, "words": 8, "characters": 8},
    "emo18": {"hidden": 16},
    "encoder": {"architecture": TINY_WHISPER, "train": "all"},
    "logmel-cnn": TINY_CNN,
    "ranker": {"settings": TINY_CNN},
    "ridge": {"n_mels": 20},
    "text": {"words": 8, "characters": 8, "hidden": 4},
    "zhao19": {"hidden": 16},
}


@pytest.fixture(scope="session")
def small_options() -> dict[str, dict[str, Any]]:
    """Family -> options that make its network small; every family has its entry."""
    return copy.deepcopy(SMALL)


@pytest.fixture(scope="session")
def small_model(small_options: dict[str, dict[str, Any]]) -> Callable[..., EmotionModel]:
    """A small model of a family, of three classes if not told otherwise, with lively batch statistics, in evaluation
    mode; heads as for ``build_model``."""

    def build(
        family: str = "logmel-cnn", classes: tuple[str, ...] = CLASSES, *, seed: int = 3, **heads: Any
    ) -> EmotionModel:
        model = build_model(family, classes, seed=seed, options=small_options[family], **heads)
        generator = torch.Generator().manual_seed(0)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0.0, 0.3, generator=generator)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 2.0, generator=generator)
        return model.eval()

    return build
