"""What every speech encoder is: waveforms in, the outputs of all its layers and the frames that exist out."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from affekt.errors import CheckpointError, ShapeError

__all__ = ["Layers", "SpeechEncoder"]


class Layers(NamedTuple):
    """What an encoder says about a batch."""

    layers: Tensor
    """(B, L, F, D): the input to the first layer, then the output of each; values behind a clip's end mean nothing."""
    lengths: Tensor
    """(B,) frames that exist, int64; :func:`affekt.audio.length_mask` makes a mask of them."""


class SpeechEncoder(nn.Module):
    """A pretrained encoder, cut where its parameters and its layers begin.

    ``prepare`` has no parameters; ``embed`` is what stands before the first layer; ``run`` is any stretch of layers.
    A clip's frames do not depend on the clips beside it or on its padding, to float rounding. Layer dropping and
    masking of the input, which some encoders were pretrained with, are never done.

    Conventions: layer 0 is the input to the first layer, layer i the output of the i-th; the last one is taken after
    the encoder's closing layer norm where it has one, unless it was opened with fewer layers than it has.
    """

    architecture: dict[str, Any]
    """JSON values from which :func:`affekt.encoders.build_encoder` makes the same encoder with fresh weights."""
    module: nn.Module
    """The module of transformers that holds the weights."""
    prefixes: tuple[str, ...]
    """What may stand before the weights' names in a file."""
    lora_targets: tuple[str, ...]
    """Names of the linear maps that low-rank adapters are put on."""

    @property
    def name(self) -> str:
        """The kind of encoder, such as whisper."""
        return str(self.architecture["model_type"])

    @property
    def width(self) -> int:
        """D, numbers a frame."""
        raise NotImplementedError

    @property
    def layer_count(self) -> int:
        """L, counting the input to the first layer."""
        return len(self.blocks()) + 1

    @property
    def frames_per_second(self) -> float:
        """Frames the encoder makes of a second of audio."""
        raise NotImplementedError

    def blocks(self) -> nn.ModuleList:
        """The layers, first to last."""
        raise NotImplementedError

    def prepare(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The part without parameters: (B, T), (B,) -> what :meth:`embed` takes, (B, T', ...), (B,).

        Raises:
            ShapeError: a clip is too short for one frame.
        """
        raise NotImplementedError

    def embed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The input to the first layer: (B, F, D), (B,)."""
        raise NotImplementedError

    def run(self, hidden: Tensor, lengths: Tensor, *, first: int = 0, last: int | None = None) -> list[Tensor]:
        """Outputs (B, F, D) of the layers ``first`` to before ``last``, given the input to the first of them."""
        raise NotImplementedError

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Layers:
        """Waveforms (B, T) float32 in [-1, 1] at 16 kHz and lengths (B,) -> :class:`Layers`."""
        hidden, counts = self.embed(*self.prepare(waveforms, lengths))
        return Layers(torch.stack([hidden, *self.run(hidden, counts)], dim=1), counts)

    def load_weights(self, tensors: Mapping[str, Tensor], *, only: frozenset[str] | None = None) -> None:
        """Copy pretrained weights into the module; what else is in ``tensors`` is left out.

        Args:
            tensors: names as in a file of transformers.
            only: names (of this module's state dict) to copy; None is all.

        Raises:
            CheckpointError: a weight is missing, has another shape or is not finite.
        """
        own = {
            name: tensor
            for name, tensor in self.state_dict().items()
            if ".lora_" not in name and (only is None or name in only)
        }
        for name, tensor in own.items():
            plain = _plain_name(name)
            found = next((tensors[prefix + plain] for prefix in self.prefixes if prefix + plain in tensors), None)
            if found is None:
                older = plain.replace("parametrizations.weight.original0", "weight_g")
                older = older.replace("parametrizations.weight.original1", "weight_v")
                found = next((tensors[prefix + older] for prefix in self.prefixes if prefix + older in tensors), None)
            if found is None or found.shape != tensor.shape or not bool(torch.isfinite(found).all()):
                what = (
                    "missing"
                    if found is None
                    else f"of shape {tuple(found.shape)}"
                    if found.shape != tensor.shape
                    else "not finite"
                )
                raise CheckpointError(
                    f"the weights of the {self.name} encoder do not fit its config.json ({plain} is {what}); weights "
                    "and config.json of one model were expected; fetch the encoder again."
                )
            with torch.no_grad():
                tensor.copy_(found)

    def _check_lengths(self, lengths: Tensor, least: int) -> None:
        if torch.compiler.is_exporting():  # a graph cannot refuse; what runs it does
            return
        shortest = int(lengths.min())
        if shortest < least:
            raise ShapeError(
                f"a clip is too short for the {self.name} encoder (got {shortest} samples); at least {least} at 16 kHz "
                "were expected; leave it out or add silence."
            )


def _plain_name(name: str) -> str:
    """A weight's name as transformers writes it, without this wrapper's and the adapters' additions."""
    return name.removeprefix("module.").replace(".base_layer.", ".")
