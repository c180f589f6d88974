"""Whisper's encoder on clips at their own length.

Radford et al. (2022) pad every clip to 30 s. Here a clip keeps its length and gets the first rows of the position
table; frames of other clips' padding are masked. ``pad_to_30_s`` brings the original behaviour back.
"""

from typing import Any

import torch
from torch import Tensor, nn

from affekt.audio.batching import length_mask
from affekt.encoders.interface import SpeechEncoder
from affekt.encoders.whisper_mel import HOP, SAMPLE_RATE, WINDOW, WhisperMel

__all__ = ["WhisperSpeechEncoder"]

KEYS = (
    "d_model",
    "encoder_layers",
    "encoder_attention_heads",
    "encoder_ffn_dim",
    "num_mel_bins",
    "max_source_positions",
    "activation_function",
    "dropout",
    "attention_dropout",
    "activation_dropout",
)
"""What of a config.json of transformers shapes the encoder."""


class WhisperSpeechEncoder(SpeechEncoder):
    """The encoder of a Whisper model.

    Clips longer than the position table (30 s) are attended in stretches of that length.

    Args:
        architecture: the values of :data:`KEYS`, ``model_type``, and ``closing_norm`` (False: layers were left out).
        pad_to_30_s: pad every clip with silence to 30 s, attend and return all 1,500 frames, as the original does.
    """

    prefixes = ("", "encoder.", "model.encoder.")
    lora_targets = ("q_proj", "v_proj")

    def __init__(self, architecture: dict[str, Any], *, pad_to_30_s: bool = False) -> None:
        from transformers import WhisperConfig
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        super().__init__()
        self.architecture = architecture
        self.pad_to_30_s = pad_to_30_s
        self.module = WhisperEncoder(WhisperConfig(**{key: architecture[key] for key in KEYS}))
        if not architecture.get("closing_norm", True):
            self.module.layer_norm = nn.Identity()  # type: ignore[assignment]
        self.mel = WhisperMel(architecture["num_mel_bins"])
        self.positions = int(architecture["max_source_positions"])

    @property
    def width(self) -> int:
        """D, numbers a frame."""
        return int(self.architecture["d_model"])

    @property
    def frames_per_second(self) -> float:
        """Frames the encoder makes of a second of audio."""
        return SAMPLE_RATE / HOP / 2

    def blocks(self) -> nn.ModuleList:
        """The layers, first to last."""
        layers: nn.ModuleList = self.module.layers  # type: ignore[assignment]
        return layers

    def prepare(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Log mel frames (B, 2 F, M) and their counts (B,)."""
        self._check_lengths(lengths, WINDOW)
        if self.pad_to_30_s:
            whole = 2 * self.positions * HOP
            size = -(-int(lengths.max()) // whole) * whole
            valid = length_mask(lengths, waveforms.shape[1])
            waveforms = nn.functional.pad(waveforms * valid, (0, max(0, size - waveforms.shape[1])))
            lengths = -(-lengths // whole) * whole
        mel, counts = self.mel(waveforms, lengths)
        return mel, counts

    def embed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Two convolutions and the position table: (B, F, D), (B,)."""
        mask = length_mask(lengths, inputs.shape[1]).unsqueeze(1)  # (B, 1, 2 F)
        x = nn.functional.gelu(self.module.conv1(inputs.transpose(1, 2) * mask)) * mask  # type: ignore[operator]
        x = nn.functional.gelu(self.module.conv2(x)).transpose(1, 2)  # type: ignore[operator]  # (B, F, D)
        place = torch.arange(x.shape[1], device=x.device) % self.positions
        x = x + self.module.embed_positions(place)  # type: ignore[operator]
        return nn.functional.dropout(x, self.architecture["dropout"], self.training), (lengths + 1) // 2

    def run(self, hidden: Tensor, lengths: Tensor, *, first: int = 0, last: int | None = None) -> list[Tensor]:
        """Outputs (B, F, D) of the layers ``first`` to before ``last``."""
        batch, size, width = hidden.shape
        pieces = -(-size // self.positions)
        if pieces > 1:  # each stretch of the position table on its own
            hidden = nn.functional.pad(hidden, (0, 0, 0, pieces * self.positions - size))
            hidden = hidden.reshape(batch * pieces, self.positions, width)  # (B P, F', D)
            start = torch.arange(pieces, device=lengths.device) * self.positions
            lengths = (lengths.unsqueeze(1) - start).clamp(0, self.positions).reshape(-1)  # (B P,)
        mask = attention_mask(lengths, hidden)
        outputs = []
        for layer in self.blocks()[first:last]:
            hidden = _tensor(layer(hidden, mask))
            outputs.append(hidden)
        if outputs and (last is None or last == len(self.blocks())):
            outputs[-1] = self.module.layer_norm(outputs[-1])  # type: ignore[operator]
        if pieces > 1:
            outputs = [output.reshape(batch, -1, width)[:, :size] for output in outputs]
        return outputs


def attention_mask(lengths: Tensor, hidden: Tensor) -> Tensor | None:
    """What is added to attention scores, (B, 1, 1, F): a large negative number behind a clip's end; None if all is."""
    valid = length_mask(lengths, hidden.shape[1])
    if not torch.compiler.is_exporting() and bool(valid.all()):
        return None
    lowest = torch.finfo(hidden.dtype).min
    return torch.zeros_like(valid, dtype=hidden.dtype).masked_fill(~valid, lowest)[:, None, None, :]


def _tensor(output: Any) -> Tensor:
    """The hidden states a layer of transformers gives, alone or first of a tuple."""
    hidden: Tensor = output[0] if isinstance(output, tuple) else output
    return hidden
