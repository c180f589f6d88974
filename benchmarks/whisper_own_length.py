"""What Whisper costs, and what it gives, at a clip's own length against 30 s of padding, one thread.

Takes every eighth utterance of a corpus. Times are processor seconds. The comparison is between the pooled means and
deviations of each layer: over the same frames (those of the clip) in both, and over all 1,500 frames under padding.
A figure is the mean over clips of the correlation of a clip's two vectors, each without the mean over the clips.

    python benchmarks/whisper_own_length.py ENCODER CORPUS [clips]
"""

import json
import sys
import time
from typing import Any

import torch
from torch import Tensor

from affekt.audio import pad_batch
from affekt.corpora import open_corpus
from affekt.encoders import SpeechEncoder, open_encoder
from affekt.models import masked_statistics


def measure(encoder: str, corpus_path: str, *, clips: int = 40) -> dict[str, Any]:
    """Time both and compare what they give.

    Args:
        encoder: a folder with a Whisper model.
        corpus_path: what ``open_corpus`` opens.
        clips: utterances at most.

    Returns:
        Seconds a clip of each, their ratio, and correlations of layers.
    """
    torch.set_num_threads(1)
    corpus = open_corpus(corpus_path)
    waveforms = [torch.from_numpy(corpus.load(row)) for row in range(0, len(corpus), 8)][:clips]
    own, own_seconds = _run(open_encoder(encoder), waveforms)
    padded, padded_seconds = _run(open_encoder(encoder, pad_to_30_s=True), waveforms)
    frames = [layers.shape[1] for layers in own]
    short = torch.stack([_pooled(layers, count) for layers, count in zip(own, frames, strict=True)])
    same = torch.stack([_pooled(layers, count) for layers, count in zip(padded, frames, strict=True)])
    whole = torch.stack([_pooled(layers, layers.shape[1]) for layers in padded])
    return {
        "clips": len(waveforms),
        "mean_clip_seconds": sum(map(len, waveforms)) / 16000 / len(waveforms),
        "own_length_seconds": own_seconds,
        "padded_seconds": padded_seconds,
        "ratio": padded_seconds / own_seconds,
        "correlation_of_layers_same_frames": _correlations(short, same),
        "correlation_of_layers_all_frames": _correlations(short, whole),
    }


def _run(encoder: SpeechEncoder, waveforms: list[Tensor]) -> tuple[list[Tensor], float]:
    """Layers (L, F, D) of every clip, and processor seconds a clip."""
    with torch.no_grad():
        encoder(*pad_batch(waveforms[:1]))  # warms up
        began = time.process_time()
        found = [encoder(*pad_batch([waveform])).layers[0] for waveform in waveforms]
    return found, (time.process_time() - began) / len(waveforms)


def _pooled(layers: Tensor, frames: int) -> Tensor:
    return masked_statistics(layers[:, :frames], torch.full((len(layers),), frames))  # (L, 2 D)


def _correlations(first: Tensor, second: Tensor) -> list[float]:
    """(N, L, P) twice -> one figure a layer."""
    first, second = (values - values.mean(0) for values in (first, second))
    return [round(value, 3) for value in torch.cosine_similarity(first, second, dim=-1).mean(0).tolist()]


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    found = measure(sys.argv[1], sys.argv[2], clips=int(sys.argv[3]) if len(sys.argv) > 3 else 40)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
