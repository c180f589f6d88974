"""A model directory through torch."""

from collections.abc import Sequence

import numpy as np
import torch

from affekt.audio.batching import pad_batch
from affekt.errors import ConfigError
from affekt.models import EmotionModel
from affekt.prediction.scorer import Outputs, Scores
from affekt.types import Waveform

__all__ = ["TorchScorer"]


class TorchScorer:
    """A model in evaluation mode, without gradients.

    Args:
        model: any model; it is put into evaluation mode and moved to the device.
        device: a name that torch knows, or ``auto``: cuda where there is one, else the CPU; None is where the model is.

    Raises:
        ConfigError: torch cannot compute there.
    """

    def __init__(self, model: EmotionModel, *, device: str | None = None) -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self.model = model.eval() if device is None else model.eval().to(torch.device(device))
        except (RuntimeError, AssertionError) as error:
            reason = " ".join(str(error).split()).split(". ")[0].rstrip(".")
            raise ConfigError(
                f"the device '{device}' cannot be used ({reason}); cpu or a device of this machine was expected; "
                "choose another."
            ) from None
        config = model.config
        self.outputs = Outputs(
            classes=config.classes,
            attributes=config.attributes,
            multi_label=config.multi_label,
            intents=config.intents,
            sample_rate=config.sample_rate,
            reads=model.reads,
        )

    def __call__(self, clips: Sequence[Waveform]) -> Scores:
        """Score B clips, each (T_b,); see :class:`~affekt.prediction.Scorer`."""
        device = next(self.model.parameters()).device
        with torch.inference_mode():
            waveforms, lengths = pad_batch(clips)
            heads = self.model.heads(*self.model.front_end(waveforms.to(device), lengths.to(device)))
        low, high = self.model.config.attribute_range
        attributes = heads.attributes.float().cpu().numpy()
        return Scores(
            logits=heads.logits.float().cpu().numpy(),
            attributes=np.asarray(low + (high - low) * attributes, np.float32),
            intents=heads.intents.float().cpu().numpy(),
        )
