"""wav2vec 2.0, HuBERT and WavLM: one family of shapes, three kinds of attention and pretraining.

Baevski et al. (2020), Hsu et al. (2021), Chen et al. (2022), with the weights and layers of transformers. What differs
from running transformers on a padded batch: the group norm over time of the base models looks only at the frames that
exist, so a clip's outputs are those it has alone.
"""

import math
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from affekt.audio.batching import length_mask
from affekt.encoders.interface import SpeechEncoder
from affekt.encoders.whisper import attention_mask

__all__ = ["Wav2Vec2SpeechEncoder"]

KEYS = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout",
    "activation_dropout",
    "attention_dropout",
    "feat_proj_dropout",
    "layer_norm_eps",
    "feat_extract_norm",
    "feat_extract_activation",
    "conv_dim",
    "conv_stride",
    "conv_kernel",
    "conv_bias",
    "num_conv_pos_embeddings",
    "num_conv_pos_embedding_groups",
    "do_stable_layer_norm",
)
"""What of a config.json of transformers shapes the encoder; each kind adds its own."""

OWN_KEYS = {
    "hubert": ("conv_pos_batch_norm", "feat_proj_layer_norm"),
    "wav2vec2": (),
    "wavlm": ("num_buckets", "max_bucket_distance"),
}


class Wav2Vec2SpeechEncoder(SpeechEncoder):
    """The encoder of a wav2vec 2.0, HuBERT or WavLM model.

    Args:
        architecture: the values of :data:`KEYS`, ``model_type`` (a key of :data:`OWN_KEYS`) and its own keys,
            ``do_normalize`` (each clip to zero mean and unit variance), and ``closing_norm`` (False: layers were left
            out).
    """

    prefixes = ("", "wav2vec2.", "hubert.", "wavlm.")

    def __init__(self, architecture: dict[str, Any]) -> None:
        super().__init__()
        self.architecture = architecture
        kind = architecture["model_type"]
        names = (*KEYS, *OWN_KEYS[kind])
        values = {name: architecture[name] for name in names if name in architecture}
        # without masking of the input, which is never done here, there is no vector to learn for it
        values |= {"mask_time_prob": 0.0, "mask_feature_prob": 0.0, "layerdrop": 0.0}
        self.module = _module(kind, values)
        if not architecture.get("closing_norm", True) and architecture["do_stable_layer_norm"]:
            self.module.encoder.layer_norm = nn.Identity()  # type: ignore[union-attr]
        # WavLM reads the weights of its attention directly, past any adapter on them
        self.lora_targets = ("intermediate_dense", "output_dense") if kind == "wavlm" else ("q_proj", "v_proj")

    @property
    def width(self) -> int:
        """D, numbers a frame."""
        return int(self.architecture["hidden_size"])

    @property
    def frames_per_second(self) -> float:
        """Frames the encoder makes of a second of audio."""
        return float(16000 / math.prod(self.architecture["conv_stride"]))

    def blocks(self) -> nn.ModuleList:
        """The layers, first to last."""
        layers: nn.ModuleList = self._encoder().layers
        return layers

    def prepare(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Waveforms (B, T), each clip normalised over its own samples where the encoder expects it."""
        least = 1
        for kernel, stride in zip(
            reversed(self.architecture["conv_kernel"]), reversed(self.architecture["conv_stride"]), strict=True
        ):
            least = (least - 1) * stride + kernel
        self._check_lengths(lengths, least)
        mask = length_mask(lengths, waveforms.shape[1])
        if not self.architecture["do_normalize"]:
            return waveforms * mask, lengths
        count = lengths.unsqueeze(1)
        centred = (waveforms - (waveforms * mask).sum(1, keepdim=True) / count) * mask
        return centred / (centred.square().sum(1, keepdim=True) / count + 1e-7).sqrt(), lengths

    def embed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Convolutions, projection and positions: (B, F, D), (B,)."""
        module, encoder = self.module, self._encoder()
        x = inputs.unsqueeze(1)  # (B, C, F)
        # a clip alone has no padding that its norm would have to look past
        padded = torch.compiler.is_exporting() or bool((lengths < inputs.shape[1]).any())
        for number, layer in enumerate(module.feature_extractor.conv_layers):  # type: ignore[union-attr,arg-type]
            # no padding anywhere: frames that exist see only samples that exist
            lengths = (lengths - self.architecture["conv_kernel"][number]) // self.architecture["conv_stride"][
                number
            ] + 1
            x = (
                _grouped(layer, x, lengths)
                if padded and isinstance(getattr(layer, "layer_norm", None), nn.GroupNorm)
                else layer(x)
            )
        x = module.feature_projection(x.transpose(1, 2))  # type: ignore[operator]
        x = x[0] if isinstance(x, tuple) else x  # (B, F, D)
        mask = length_mask(lengths, x.shape[1]).unsqueeze(-1)
        x = x * mask
        x = x + _positions(encoder.pos_conv_embed, x, mask)
        if not self.architecture["do_stable_layer_norm"]:
            x = encoder.layer_norm(x)
        return encoder.dropout(x), lengths

    def run(self, hidden: Tensor, lengths: Tensor, *, first: int = 0, last: int | None = None) -> list[Tensor]:
        """Outputs (B, F, D) of the layers ``first`` to before ``last``."""
        outputs: list[Tensor] = []
        if self.name == "wavlm":
            outputs = self._run_wavlm(hidden, lengths, self.blocks()[first:last])
        else:
            mask = attention_mask(lengths, hidden)
            for layer in self.blocks()[first:last]:
                output = layer(hidden, attention_mask=mask)
                hidden = output[0] if isinstance(output, tuple) else output
                outputs.append(hidden)
        whole = last is None or last == len(self.blocks())
        if outputs and whole and self.architecture["do_stable_layer_norm"]:
            outputs[-1] = self._encoder().layer_norm(outputs[-1])
        return outputs

    def _run_wavlm(self, hidden: Tensor, lengths: Tensor, layers: Any) -> list[Tensor]:
        """The first layer holds the table of relative positions, whichever layer is run first."""
        batch, size, _ = hidden.shape
        valid = length_mask(lengths, size)
        mask = None if not torch.compiler.is_exporting() and bool(valid.all()) else valid
        if not len(layers):
            return []
        bias = self.blocks()[0].attention.compute_bias(size, size)  # type: ignore[union-attr,operator]  # (H, F, F)
        bias = bias.unsqueeze(0).repeat(batch, 1, 1, 1).view(-1, size, size)  # (B H, F, F)
        outputs = []
        with warnings.catch_warnings():
            # torch would rather have both masks of one type; transformers gives it one of each
            warnings.filterwarnings("ignore", message="Support for mismatched")
            for layer in layers:
                hidden = layer(hidden, attention_mask=mask, position_bias=bias)[0]
                outputs.append(hidden)
        return outputs

    def _encoder(self) -> Any:
        return self.module.encoder


def _module(kind: str, values: dict[str, Any]) -> nn.Module:
    import transformers

    names = {"hubert": "Hubert", "wav2vec2": "Wav2Vec2", "wavlm": "WavLM"}
    config = getattr(transformers, f"{names[kind]}Config")(**values)
    module: nn.Module = getattr(transformers, f"{names[kind]}Model")(config)
    return module


def _grouped(layer: Any, x: Tensor, lengths: Tensor) -> Tensor:
    """Convolution, norm over time of each channel and activation, the norm over the frames that exist alone."""
    x = layer.conv(x)  # (B, C, F)
    mask = length_mask(lengths, x.shape[2]).unsqueeze(1)
    count = lengths.view(-1, 1, 1)
    centred = (x - (x * mask).sum(2, keepdim=True) / count) * mask
    scale = (centred.square().sum(2, keepdim=True) / count + layer.layer_norm.eps).rsqrt()
    x = centred * scale * layer.layer_norm.weight[:, None] + layer.layer_norm.bias[:, None]
    activated: Tensor = layer.activation(x)
    return activated


def _positions(embedding: Any, x: Tensor, mask: Tensor) -> Tensor:
    """The convolution that stands for positions, with zeros behind a clip's end as the clip alone would see."""
    x = x.transpose(1, 2)  # (B, D, F)
    if getattr(embedding, "batch_norm", None) is not None:
        x = embedding.batch_norm(x) * mask.transpose(1, 2)
    x = embedding.activation(embedding.padding(embedding.conv(x)))
    return x.transpose(1, 2)
