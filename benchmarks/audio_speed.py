"""Time the log mel spectrogram against kaldi-native-fbank, one thread each.

Both turn the same 32 clips of 3 s at 16 kHz into 64 bands with the same settings. Runs alternate, so that a busy
machine slows both; the ratio is the median over the pairs. Of Kaldi only the computation is timed, not the fetching of
its frames.

    python benchmarks/audio_speed.py [repeats]
"""

import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import kaldi_native_fbank
import numpy as np
import torch

from affekt.audio import LogMel

CLIPS = 32
SECONDS = 3.0
SAMPLE_RATE = 16000
BANDS = 64


def measure(*, repeats: int = 15) -> dict[str, Any]:
    """Time both.

    Args:
        repeats: Pairs of runs.

    Returns:
        Milliseconds per second of audio for each (medians), the median ratio of the pairs and the smallest ratio.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours, theirs = _contestants()
        ours()
        theirs()
        pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(repeats)]
    finally:
        torch.set_num_threads(threads)
    audio = CLIPS * SECONDS
    ratios = [a / b for a, b in pairs]
    return {
        "clips": CLIPS,
        "seconds_per_clip": SECONDS,
        "bands": BANDS,
        "repeats": repeats,
        "threads": 1,
        "log_mel_ms_per_audio_second": round(1000 * median(a for a, _ in pairs) / audio, 4),
        "kaldi_ms_per_audio_second": round(1000 * median(b for _, b in pairs) / audio, 4),
        "ratio_median": round(median(ratios), 3),
        "ratio_best": round(min(ratios), 3),
        "versions": {"torch": torch.__version__, "kaldi_native_fbank": kaldi_native_fbank.__version__},
    }


def _contestants() -> tuple[Callable[[], None], Callable[[], None]]:
    rng = np.random.default_rng(0)
    clips = (0.1 * rng.standard_normal((CLIPS, round(SECONDS * SAMPLE_RATE)))).astype(np.float32)
    waveforms = torch.from_numpy(clips)
    lengths = torch.full((CLIPS,), clips.shape[1])
    module = LogMel(sample_rate=SAMPLE_RATE, n_mels=BANDS)
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = BANDS
    options.mel_opts.low_freq = 50.0

    def ours() -> None:
        with torch.inference_mode():
            module(waveforms, lengths)

    def theirs() -> None:
        for clip in clips:
            bank = kaldi_native_fbank.OnlineFbank(options)
            bank.accept_waveform(SAMPLE_RATE, clip)
            bank.input_finished()

    return ours, theirs


def _seconds(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


if __name__ == "__main__":
    result = measure(repeats=int(sys.argv[1]) if len(sys.argv) > 1 else 15)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
