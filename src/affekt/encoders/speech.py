"""Opening speech encoders: from a pretrained source, or from the description a saved model keeps."""

from typing import TYPE_CHECKING, Any

from affekt.encoders.source import Source, find_source, require
from affekt.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from affekt.encoders.interface import SpeechEncoder

__all__ = ["SPEECH_ENCODERS", "build_encoder", "describe", "open_encoder"]

SPEECH_ENCODERS = ("hubert", "wav2vec2", "wavlm", "whisper")
"""Kinds of encoders, by the ``model_type`` of their config.json."""


def open_encoder(
    name: str, *, download: bool = False, layers: int | None = None, pad_to_30_s: bool = False
) -> "SpeechEncoder":
    """A pretrained speech encoder in evaluation mode.

    Args:
        name: a local folder, or a name on the Hugging Face hub.
        download: fetch from the hub what is not in its local cache.
        layers: keep only so many layers; None is all.
        pad_to_30_s: Whisper only: pad every clip to 30 s as the original does.

    Raises:
        MissingExtraError: transformers is not installed.
        DataError: there is no such encoder, or it would have to be fetched.
        CheckpointError: the folder is incomplete or damaged.
        ConfigError: the encoder is of an unknown kind or has fewer layers.

    Example:
        >>> encoder = open_encoder("openai/whisper-base")  # doctest: +SKIP
        >>> encoder(torch.zeros(1, 16000), torch.tensor([16000])).layers.shape  # doctest: +SKIP
        torch.Size([1, 7, 50, 512])
    """
    source = find_source(name, download=download)
    encoder = build_encoder(describe(source, layers=layers), pad_to_30_s=pad_to_30_s)
    encoder.load_weights(source.tensors())
    return encoder.eval()


def describe(source: Source, *, layers: int | None = None) -> dict[str, Any]:
    """JSON values from which :func:`build_encoder` makes the source's encoder, with its first layers only if asked.

    Raises:
        CheckpointError: config.json is missing, damaged or lacks something.
        ConfigError: the encoder is of an unknown kind or has fewer layers.
    """
    require("transformers")
    import transformers

    from affekt.encoders import wav2vec2, whisper

    content = source.config()
    kind = content.get("model_type")
    if kind not in SPEECH_ENCODERS:
        raise ConfigError(
            f"{source.name} is a model of the kind {kind!r}; one of {', '.join(SPEECH_ENCODERS)} was expected; choose "
            "another encoder."
        )
    names = {"hubert": "HubertConfig", "wav2vec2": "Wav2Vec2Config", "wavlm": "WavLMConfig", "whisper": "WhisperConfig"}
    try:
        whole = getattr(transformers, names[kind]).from_dict(content).to_dict()
    except Exception as error:  # transformers raises many kinds for values it does not like
        raise CheckpointError(
            f"the config.json of {source.name} cannot be used ({str(error).splitlines()[0]}); one of transformers was "
            "expected; fetch the encoder again."
        ) from None
    keys = whisper.KEYS if kind == "whisper" else (*wav2vec2.KEYS, *wav2vec2.OWN_KEYS[kind])
    found = {"model_type": kind} | {key: _plain(whole[key]) for key in keys if key in whole}
    if kind != "whisper":
        found["do_normalize"] = bool(source.preprocessor().get("do_normalize", True))
    depth = "encoder_layers" if kind == "whisper" else "num_hidden_layers"
    if layers is not None and not 0 <= layers <= found[depth]:
        raise ConfigError(
            f"layer {layers} was asked of {source.name}, which has {found[depth]}; 0 (the input to the first layer) to "
            f"{found[depth]}, or -{found[depth] + 1} to -1 from the end, was expected; change layer."
        )
    if layers is not None and layers < found[depth]:
        found |= {depth: layers, "closing_norm": False}
    return found


def build_encoder(architecture: dict[str, Any], *, pad_to_30_s: bool = False) -> "SpeechEncoder":
    """An encoder with fresh weights from what :func:`describe` gave.

    Raises:
        MissingExtraError: transformers is not installed.
        CheckpointError: the description is not one this version can build.
    """
    require("transformers")
    from affekt.encoders.wav2vec2 import Wav2Vec2SpeechEncoder
    from affekt.encoders.whisper import WhisperSpeechEncoder

    kind = architecture.get("model_type")
    if pad_to_30_s and kind != "whisper":
        raise ConfigError(f"pad_to_30_s is for Whisper alone (got an encoder of the kind {kind}); leave it out.")
    try:
        if kind == "whisper":
            return WhisperSpeechEncoder(architecture, pad_to_30_s=pad_to_30_s)
        return Wav2Vec2SpeechEncoder(architecture)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"the description of the {kind} encoder cannot be used ({type(error).__name__}: {error}); the one affekt "
            "wrote was expected; restore the model directory from a copy."
        ) from None


def _plain(value: Any) -> Any:
    """Tuples as lists, so that a description is the same before and after JSON."""
    return list(value) if isinstance(value, tuple) else value
