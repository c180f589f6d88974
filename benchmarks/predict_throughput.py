"""Time ``affekt.prediction`` against a loop over files with transformers, on the same encoder and the same files.

The loop is what the examples of transformers do: read a file, feature extractor, model, mean over time, one file after
the other; Whisper's extractor pads every clip to 30 s. affekt reads the same files, hears them at their own length in
batches of similar length, and gives probabilities. Both go from files to numbers, on the same threads, without
gradients; the weights are random, and the encoder of both holds the same ones. Runs alternate, so that a busy machine
slows both; ratios are medians over the pairs, after one unmeasured run of each. The ratio of CPU time is what is left
when other processes take turns on the same cores.

The gain on Whisper is the padding that is not computed, so it depends on how long the clips are: by default their
lengths are spread evenly on a logarithmic scale, as short clips are the most frequent in corpora; ``even`` spreads them
evenly in seconds.

    python benchmarks/predict_throughput.py [whisper|wav2vec2] [clips] [repeats] [device] [log|even]
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import soundfile
import torch
import transformers

from affekt.encoders import describe, find_source
from affekt.models import EmotionModel, ModelConfig
from affekt.prediction import find_recordings, predict
from affekt.prediction.torch_scorer import TorchScorer

SAMPLE_RATE = 16000
SECONDS = (1.0, 10.0)
CLASSES = ("anger", "happiness", "neutral", "sadness")
SHAPES: dict[str, Any] = {
    # whisper-base's encoder; its decoder is not run
    "whisper": lambda: transformers.WhisperConfig(
        d_model=512,
        encoder_layers=6,
        encoder_attention_heads=8,
        encoder_ffn_dim=2048,
        decoder_layers=1,
        decoder_attention_heads=8,
    ),
    "wav2vec2": lambda: transformers.Wav2Vec2Config(),  # wav2vec2-base
}
EXTRACTORS = {
    "whisper": transformers.WhisperFeatureExtractor,
    "wav2vec2": transformers.Wav2Vec2FeatureExtractor,
}


def measure(
    kind: str, *, clips: int = 48, repeats: int = 3, device: str = "cpu", spread: str = "log"
) -> dict[str, Any]:
    """Time both.

    Args:
        kind: ``whisper`` or ``wav2vec2``.
        clips: How many recordings, of 1 to 10 s.
        repeats: Pairs of runs.
        device: Where torch computes.
        spread: Of the lengths, ``log`` or ``even``.

    Returns:
        Seconds of audio a second for each (medians), and the median ratios of the pairs.
    """
    with tempfile.TemporaryDirectory() as folder:
        files, seconds = _write_clips(Path(folder), clips, spread)
        ours, theirs, difference = _contestants(kind, Path(folder), files, torch.device(device))
        ours()
        theirs()
        pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(repeats)]
    words = ["python", "benchmarks/predict_throughput.py", *sys.argv[1:]]
    return {
        "command_line": " ".join(words),
        "encoder": kind,
        "clips": clips,
        "spread": spread,
        "audio_seconds": round(seconds, 1),
        "repeats": repeats,
        "device": device,
        "threads": torch.get_num_threads(),
        "affekt_audio_seconds_per_second": round(seconds / median(a[0] for a, _ in pairs), 2),
        "transformers_audio_seconds_per_second": round(seconds / median(b[0] for _, b in pairs), 2),
        "ratio_median": round(median(b[0] / a[0] for a, b in pairs), 2),
        "ratio_of_cpu_time_median": round(median(b[1] / a[1] for a, b in pairs), 2),
        "largest_difference_of_last_frames": difference,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }


def _write_clips(folder: Path, clips: int, spread: str) -> tuple[list[str], float]:
    """Noise that swells, of lengths in random order."""
    random = np.random.default_rng(0)
    lengths = random.permutation((np.geomspace if spread == "log" else np.linspace)(*SECONDS, clips))
    files = []
    for number, seconds in enumerate(lengths):
        samples = round(seconds * SAMPLE_RATE)
        swell = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * np.arange(samples) / SAMPLE_RATE)
        files.append(str(folder / f"{number}.wav"))
        soundfile.write(files[-1], 0.1 * swell * random.standard_normal(samples), SAMPLE_RATE, subtype="PCM_16")
    return files, float(lengths.sum())


def _contestants(
    kind: str, folder: Path, files: list[str], device: torch.device
) -> tuple[Callable[[], None], Callable[[], None], float]:
    """Both ways from files to numbers, and how far their last frames lie apart on clips that fill the extractor."""
    torch.manual_seed(0)
    config = SHAPES[kind]()
    (folder / "config.json").write_text(config.to_json_string(), encoding="utf-8")
    whole = (transformers.WhisperModel if kind == "whisper" else transformers.Wav2Vec2Model)(config).eval()
    encoder = whole.encoder if kind == "whisper" else whole
    model = EmotionModel(
        ModelConfig(
            family="encoder", classes=CLASSES, options={"architecture": describe(find_source(str(folder))), "layer": -1}
        )
    ).eval()
    model.network.encoder.module.load_state_dict(encoder.state_dict(), strict=False)
    extractor = EXTRACTORS[kind]()
    encoder.to(device)
    scorer = TorchScorer(model, device=str(device))

    def theirs() -> None:
        with torch.inference_mode():
            for file in files:
                samples = soundfile.read(file, dtype="float32")[0]
                inputs = extractor(samples, sampling_rate=SAMPLE_RATE, return_tensors="pt").to(device)
                encoder(**inputs).last_hidden_state.mean(1).cpu()

    def ours() -> None:
        for _ in predict(scorer, find_recordings(files)):
            pass

    return ours, theirs, _difference(model, encoder, extractor, 30.0 if kind == "whisper" else 3.0, device)


def _difference(model: Any, encoder: Any, extractor: Any, seconds: float, device: torch.device) -> float:
    """Largest difference of a frame between both encoders, for a clip whose length is what the extractor wants."""
    samples = 0.1 * np.random.default_rng(1).standard_normal(round(seconds * SAMPLE_RATE)).astype(np.float32)
    with torch.inference_mode():
        inputs = extractor(samples, sampling_rate=SAMPLE_RATE, return_tensors="pt").to(device)
        wanted = encoder(**inputs).last_hidden_state
        waveforms = torch.from_numpy(samples)[None].to(device)
        found = model.network.encoder(waveforms, torch.tensor([len(samples)], device=device)).layers[:, -1]
    return float((found - wanted).abs().max())


def _seconds(run: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    started = time.perf_counter(), time.process_time()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started[0], time.process_time() - started[1]


if __name__ == "__main__":
    words = dict(enumerate(sys.argv[1:]))
    result = measure(
        words.get(0, "whisper"),
        clips=int(words.get(1, "48")),
        repeats=int(words.get(2, "3")),
        device=words.get(3, "cpu"),
        spread=words.get(4, "log"),
    )
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
