"""encoder: a pretrained speech encoder with a small head, the encoder frozen, partly trained or trained whole.

Ours, not a paper's: statistics over time of every layer, a learned weighted mean of the layers, a normalisation of each
clip by itself, a linear head. The encoder is one of :mod:`affekt.encoders`; its weights lie in the model directory, so
a saved model needs nothing of where they came from. No statistic of the training speakers lives outside the weights.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from affekt.encoders import SpeechEncoder, build_encoder, describe, find_source, require
from affekt.errors import CheckpointError, ConfigError
from affekt.models.family import Family
from affekt.models.pooling import AttentiveStatisticsPooling, LayerMix, masked_mean, masked_statistics

__all__ = ["FAMILY", "EncoderNetwork", "EncoderOptions"]

TRAINED = ("head", "last", "lora", "all")
POOLINGS = ("attentive", "mean", "mean+std")


@dataclass(frozen=True, kw_only=True)
class EncoderOptions:
    """Which encoder, what of it is trained, and the head."""

    encoder: str = ""
    """A folder with the encoder in the layout of transformers, or its name on the Hugging Face hub."""
    download: bool = False
    """Fetch the encoder from the hub if it is not in its local cache."""
    pooling: Literal["attentive", "mean", "mean+std"] = "mean+std"
    """How frames become one vector: their mean, mean and standard deviation, or attentive statistics."""
    layer: int | Literal["all"] = "all"
    """``all``: a learned weighted mean of all layers. A number: this layer alone, 0 for the input to the first one,
    negative from the end; the layers above it are left out of the model."""
    train: Literal["head", "last", "lora", "all"] = "head"
    """What is learned besides the head: nothing, the last layers, low-rank adapters, or the whole encoder."""
    train_layers: int = 2
    """With ``last``: how many layers."""
    lora_rank: int = 8
    """With ``lora``: rank of the adapters."""
    lora_alpha: int = 16
    """With ``lora``: the adapters' output is multiplied by this over the rank."""
    hidden: int = 0
    """Width of a hidden layer in the head; 0: the head is linear."""
    dropout: float = 0.3
    """Dropout before each linear map of the head."""
    standardise: bool = True
    """Normalise each clip's means, and its deviations, over the D features: without this, a few features of some
    encoders are hundreds of times larger than the rest. It needs no statistic of other clips."""
    pad_to_30_s: bool = False
    """Whisper only: pad every clip to 30 s and pool over all frames, as the original does."""
    architecture: dict[str, Any] = field(default_factory=dict)
    """The encoder's shape; filled when the model is first built."""
    source_sha256: str = ""
    """SHA-256 of the encoder's weight files; filled when the model is first built."""

    def __post_init__(self) -> None:
        for name, known in (("pooling", POOLINGS), ("train", TRAINED)):
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"{name} is {getattr(self, name)!r}; one of {', '.join(known)} was expected; choose one of these."
                )
        if self.layer != "all" and (not isinstance(self.layer, int) or isinstance(self.layer, bool)):
            raise ConfigError(f"layer is {self.layer!r}; a whole number or 'all' was expected; change it.")
        for name, low, high in (
            ("train_layers", 1, 1000),
            ("lora_rank", 1, 10_000),
            ("lora_alpha", 1, 1_000_000),
            ("hidden", 0, 100_000),
            ("dropout", 0.0, 0.99),
        ):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; a value from {low} to {high} was expected; change it."
                )
        if not self.encoder and not self.architecture:
            raise ConfigError(
                "the model family encoder has no encoder (got none); a folder or a name on the Hugging Face hub was "
                "expected; set encoder in the model's options."
            )


class EncoderNetwork(nn.Module):
    """The network of the family encoder; see the module.

    ``front_end`` is all that is never trained: with ``train="head"`` the whole encoder and the pooling, with ``last``
    the encoder up to the trained layers, otherwise the input part alone. What it gives can be computed once and kept.

    Args:
        n_outputs: width of the last map.
        options: see there; with ``architecture`` the encoder gets fresh weights (a state dict is to be loaded, or
            :meth:`load_source` called), without it the shape is read from the source.
    """

    def __init__(self, n_outputs: int, options: EncoderOptions) -> None:
        super().__init__()
        if not options.architecture:
            source = find_source(options.encoder, download=options.download)
            shape = describe(source)
            depth = shape["encoder_layers" if shape["model_type"] == "whisper" else "num_hidden_layers"]
            if options.layer != "all":
                wanted = options.layer if options.layer >= 0 else depth + 1 + options.layer
                shape = describe(source, layers=wanted if wanted >= 0 else options.layer)
            options = replace(options, architecture=shape, source_sha256=source.digest())
        self.options = options
        self.encoder: SpeechEncoder = build_encoder(options.architecture, pad_to_30_s=options.pad_to_30_s)
        depth = self.encoder.layer_count - 1
        if options.train == "last" and options.train_layers > depth:
            raise ConfigError(
                f"train_layers is {options.train_layers} and the encoder has {depth} layers; at most as many were "
                "expected; lower it."
            )
        self.first_trained = {"head": depth, "last": depth - options.train_layers}.get(options.train, 0)
        width = self.encoder.width * (1 if options.pooling == "mean" else 2)
        self.mix = LayerMix(self.encoder.layer_count) if options.layer == "all" else None
        self.pooling = AttentiveStatisticsPooling(self.encoder.width) if options.pooling == "attentive" else None
        self.norm = _Standardise(self.encoder.width) if options.standardise else nn.Identity()
        if options.hidden:
            hidden = [nn.Linear(width, options.hidden), nn.GELU(), nn.Dropout(options.dropout)]
            self.head = nn.Sequential(nn.Dropout(options.dropout), *hidden, nn.Linear(options.hidden, n_outputs))
        else:
            self.head = nn.Sequential(nn.Dropout(options.dropout), nn.Linear(width, n_outputs))
        if options.train == "lora":
            _add_adapters(self.encoder, rank=options.lora_rank, alpha=options.lora_alpha)
        self.frozen_names = frozenset(self.encoder.state_dict()) - self._trained_names()
        for name, parameter in self.encoder.named_parameters():
            parameter.requires_grad_(name not in self.frozen_names)
        self.train(self.training)

    @property
    def resolved(self) -> dict[str, Any]:
        """Options that were filled when the shape was read from the source."""
        found: dict[str, Any] = {"architecture": self.options.architecture}
        return found | ({"source_sha256": self.options.source_sha256} if self.options.source_sha256 else {})

    def load_source(self, *, only_trained: bool = False) -> None:
        """Copy the pretrained weights into the encoder.

        Raises:
            DataError: the source is gone.
            CheckpointError: the source is not the one the model was first built from.
        """
        if not self.options.encoder:  # a shape without weights was asked for
            return
        source = find_source(self.options.encoder, download=self.options.download)
        if source.digest() != self.options.source_sha256:
            raise CheckpointError(
                f"the encoder {self.options.encoder} is not the one this model was built from (its SHA-256 differs); "
                "the same weights were expected; restore them, or train a new model."
            )
        names = frozenset(self.encoder.state_dict())
        self.encoder.load_weights(source.tensors(), only=names - self.frozen_names if only_trained else names)

    def adopt(self, other: "EncoderNetwork") -> None:
        """Take the pretrained encoder of another network of the same options: frozen weights from it, which no
        training has touched, trained ones from the source.

        Raises:
            DataError: weights are to come from the source and it is gone.
            CheckpointError: the source has changed.
        """
        theirs = other.encoder.state_dict()
        with torch.no_grad():
            for name, tensor in self.encoder.state_dict().items():
                if name in self.frozen_names:
                    tensor.copy_(theirs[name])
        if any(".lora_" not in name for name in theirs if name not in self.frozen_names):
            self.load_source(only_trained=True)

    def front_end_state(self) -> dict[str, Tensor]:
        """The weights that :meth:`front_end` depends on, by name."""
        if self.options.train not in ("head", "last"):
            return {}
        return {name: tensor for name, tensor in self.encoder.state_dict().items() if name in self.frozen_names}

    def train(self, mode: bool = True) -> "EncoderNetwork":
        """Training mode for what is trained; frozen layers, and statistics of batches anywhere, stay as they are."""
        super().train(mode)
        if self.options.train in ("head", "last"):
            self.encoder.eval()
            for block in self.encoder.blocks()[self.first_trained :]:
                block.train(mode)
        for module in self.encoder.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.eval()
        return self

    def front_end(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """What is never trained: (B, T), (B,) -> features (B, F, ...), (B,).

        With a frozen encoder these are pooled layers (B, 1, L, P), or frames (B, F, L, D) for attentive pooling;
        with the last layers trained, frames (B, F, L', D) of the layers below; else the encoder's input.
        """
        options = self.options
        if options.train not in ("head", "last"):
            return self.encoder.prepare(waveforms, lengths)
        if waveforms.device.type != "cpu" or torch.compiler.is_exporting():
            return self._frozen(waveforms, lengths)
        # on a CPU one clip after the other is faster than a padded batch, and exactly what each clip alone gives
        items = [
            self._frozen(waveforms[row : row + 1, :length], lengths[row : row + 1])
            for row, length in enumerate(lengths.tolist())
        ]
        padded = nn.utils.rnn.pad_sequence([features[0] for features, _ in items], batch_first=True)
        return padded, torch.cat([counts for _, counts in items])

    def classify(self, features: Tensor, lengths: Tensor) -> Tensor:
        """What :meth:`front_end` gave -> outputs (B, K)."""
        if self.options.train == "head":
            layers = features
        elif self.options.train == "last":
            below, hidden = features, features[:, :, -1]
            outputs = self.encoder.run(hidden, lengths, first=self.first_trained)
            layers = torch.stack(outputs, dim=2)  # (B, F, L'', D)
            layers = layers[:, :, -1:] if self.mix is None else torch.cat([below, layers], dim=2)
        else:
            hidden, lengths = self.encoder.embed(features, lengths)
            layers = torch.stack([hidden, *self.encoder.run(hidden, lengths)], dim=2)  # (B, F, L, D)
            layers = layers[:, :, -1:] if self.mix is None else layers
        if self.pooling is None:
            if self.options.train != "head":
                layers = self._pooled(layers, lengths)
            pooled = self._mixed(self.norm(layers.squeeze(1)))  # (B, P)
        else:
            pooled = self.norm(self.pooling(self._mixed(layers), lengths))
        outputs_: Tensor = self.head(pooled)
        return outputs_

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Waveforms (B, T) and lengths (B,) -> outputs (B, K)."""
        return self.classify(*self.front_end(waveforms, lengths))

    def _frozen(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        hidden, counts = self.encoder.embed(*self.encoder.prepare(waveforms, lengths))
        layers = [hidden, *self.encoder.run(hidden, counts, last=self.first_trained)]
        frames = torch.stack(layers[-1:] if self.mix is None else layers, dim=2)  # (B, F, L, D)
        if self.options.train == "head" and self.pooling is None:
            return self._pooled(frames, counts), torch.ones_like(counts)
        return frames, counts

    def _pooled(self, layers: Tensor, lengths: Tensor) -> Tensor:
        """Statistics of each layer: (B, F, L, D), (B,) -> (B, 1, L, P)."""
        pool = masked_mean if self.options.pooling == "mean" else masked_statistics
        return torch.stack([pool(frames, lengths) for frames in layers.unbind(2)], dim=1).unsqueeze(1)

    def _mixed(self, layers: Tensor) -> Tensor:
        mixed: Tensor = layers[..., -1, :] if self.mix is None else self.mix(layers)
        return mixed

    def _trained_names(self) -> frozenset[str]:
        """Names, in the encoder's state dict, of what is learned."""
        names = frozenset(self.encoder.state_dict())
        if self.options.train == "all":
            return names
        if self.options.train == "lora":
            return frozenset(name for name in names if ".lora_" in name)
        last = {id(block) for block in self.encoder.blocks()[self.first_trained :]}
        starts = tuple(f"{name}." for name, module in self.encoder.named_modules() if id(module) in last)
        return frozenset(name for name in names if starts and name.startswith(starts))


class _Standardise(nn.Module):
    """Each stretch of ``width`` numbers to zero mean and unit variance."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, values: Tensor) -> Tensor:
        """(..., N width) -> (..., N width)."""
        parts = values.view(*values.shape[:-1], -1, self.width)  # (..., N, width)
        return nn.functional.layer_norm(parts, (self.width,)).flatten(-2)


def _add_adapters(encoder: SpeechEncoder, *, rank: int, alpha: int) -> None:
    """Low-rank adapters (Hu et al., "LoRA", 2021) beside the encoder's linear maps, by peft; they start as nothing."""
    require("peft")
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=list(encoder.lora_targets))
    inject_adapter_in_model(config, encoder.module)


FAMILY = Family(
    network=EncoderNetwork,
    options=EncoderOptions,
    # for a head on a frozen encoder
    recipe={"epochs": 40, "learning_rate": 3e-3},
    not_front_end=frozenset({"download", "dropout", "encoder", "hidden", "lora_alpha", "lora_rank", "standardise"}),
)
