"""How many copies the audit finds, and how many different recordings it takes for copies.

python benchmarks/duplicate_detection.py CORPUS... [--clips 150] [--copies 1] [--out FILE]

False alarms: every pair of recordings of the corpus that is flagged; and, of the 3,000 pairs that share most keys, the
highest correlation that is not.
Recall: some clips are copied with one change each, added to the corpus, and looked for among all. With --copies N
everything is also copied N times with all changes in turn and looked for at once, which times a large corpus.
"""

import argparse
import io
import json
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from affekt.audio import resample
from affekt.audio.fingerprint import RATE, align, candidates, landmarks
from affekt.corpora import open_corpus
from affekt.files import write_json
from affekt.training import run_record
from affekt.types import Waveform

THRESHOLD = 0.75
"""As in affekt.corpora.find_duplicates."""

WIDE = 3000
"""Pairs of different recordings to look at."""

Change = Callable[[Waveform, np.random.Generator], Waveform]


def coded(clip: Waveform, file_format: str, subtype: str) -> Waveform:
    """Through an encoder and back."""
    buffer = io.BytesIO()
    soundfile.write(buffer, clip, 16000, format=file_format, subtype=subtype)
    buffer.seek(0)
    decoded: Waveform = soundfile.read(buffer, dtype="float32")[0]
    return decoded


def trimmed(clip: Waveform, random: np.random.Generator) -> Waveform:
    """Up to 0.3 s less at each end, but 0.4 s stay."""
    most = max(0, min(4800, (clip.size - 6400) // 2))
    first, last = random.integers(0, most + 1, 2)
    return clip[first : clip.size - last]


def noisy(clip: Waveform, random: np.random.Generator, snr_db: float) -> Waveform:
    """White noise."""
    noise = random.standard_normal(clip.size)
    return np.asarray(clip + noise * np.sqrt(np.mean(clip.astype(np.float64) ** 2) / 10 ** (snr_db / 10)), np.float32)


CHANGES: dict[str, Change] = {
    "gain -14 dB": lambda clip, random: clip * np.float32(0.2),
    "trimmed": trimmed,
    "mp3": lambda clip, random: coded(clip, "MP3", "MPEG_LAYER_III"),
    "ogg vorbis": lambda clip, random: coded(clip, "OGG", "VORBIS"),
    "ogg opus": lambda clip, random: coded(clip, "OGG", "OPUS"),
    "8 kHz": lambda clip, random: resample(
        resample(clip, from_rate=16000, to_rate=8000), from_rate=8000, to_rate=16000
    ),
    "noise 30 dB": lambda clip, random: noisy(clip, random, 30.0),
    "noise 20 dB": lambda clip, random: noisy(clip, random, 20.0),
    "gain, trimmed, noise 30 dB, mp3": lambda clip, random: coded(
        noisy(trimmed(clip * np.float32(0.5), random), random, 30.0), "MP3", "MPEG_LAYER_III"
    ),
}


def main() -> int:
    """Measure one corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", nargs="+")
    parser.add_argument("--clips", type=int, default=150)
    parser.add_argument("--copies", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    corpora = [open_corpus(source) for source in options.corpus]
    random = np.random.default_rng(0)
    started = time.perf_counter()
    clips = [corpus.load(row) for corpus in corpora for row in range(len(corpus))]
    low = [resample(clip, from_rate=16000, to_rate=RATE) for clip in clips]
    keys = [landmarks(clip) for clip in low]
    pairs = candidates(keys)
    found = [align(low[pair.first], low[pair.second]).correlation for pair in pairs]
    seconds = time.perf_counter() - started
    # a wider net than the audit's, to see how near different recordings come to the threshold
    wide = candidates(keys, votes=4, share=0.0)[:WIDE]
    near = [align(low[pair.first], low[pair.second]).correlation for pair in wide]
    value: dict[str, Any] = {
        "utterances": len(clips),
        "candidates": len(pairs),
        "flagged": sum(correlation >= THRESHOLD for correlation in found),
        "seconds": seconds,
        "wide_candidates": len(wide),
        "wide_flagged": sum(correlation >= THRESHOLD for correlation in near),
        "wide_highest_below_threshold": max((c for c in near if c < THRESHOLD), default=0.0),
    }
    # of a clip that is so short or so quiet that it has no keys nothing can be found
    rows = np.sort(random.permutation(len(clips))[: options.clips])
    value["changes"] = {}
    for name, change in CHANGES.items() if rows.size else ():
        copies = [resample(change(clips[row], random), from_rate=16000, to_rate=RATE) for row in rows]
        together = {(pair.first, pair.second) for pair in candidates(keys + [landmarks(copy) for copy in copies])}
        scores = [align(low[row], copy).correlation for row, copy in zip(rows, copies, strict=True)]
        hits = [
            (int(row), len(clips) + number) in together and score >= THRESHOLD
            for number, (row, score) in enumerate(zip(rows, scores, strict=True))
        ]
        value["changes"][name] = {"recall": float(np.mean(hits)), "clips": len(hits), "lowest": min(scores)}
    if options.copies:
        value["large"] = large(clips, keys, low, copies=options.copies, random=random)
    names = [corpus.name for corpus in corpora]
    words = ["python", "benchmarks/duplicate_detection.py", *sys.argv[1:]]
    record = run_record("duplicate-detection", command_line=shlex.join(words), corpora=names, **value)
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
    if options.out is not None:
        write_json(options.out, record)
    return 0


def large(
    clips: list[Waveform], keys: list[Any], low: list[Waveform], *, copies: int, random: np.random.Generator
) -> dict[str, Any]:
    """Copies of everything, all to be found at once."""
    changes = list(CHANGES.values())
    all_low, all_keys = list(low), list(keys)
    started = time.perf_counter()
    for copy in range(copies):
        for row, clip in enumerate(clips):
            changed = resample(changes[(row + copy) % len(changes)](clip, random), from_rate=16000, to_rate=RATE)
            all_low.append(changed)
            all_keys.append(landmarks(changed))
    made = time.perf_counter() - started
    started = time.perf_counter()
    pairs = candidates(all_keys)
    looked_up = time.perf_counter() - started
    started = time.perf_counter()
    found = {
        (pair.first, pair.second)
        for pair in pairs
        if align(all_low[pair.first], all_low[pair.second]).correlation >= THRESHOLD
    }
    compared = time.perf_counter() - started
    size = len(clips)
    wanted = {(row, row + size * (copy + 1)) for copy in range(copies) for row in range(size)}
    other = {(first, second) for first, second in found if first % size != second % size}
    return {
        "clips": len(all_low),
        "pairs": len(pairs),
        "recall": len(wanted & found) / len(wanted),
        "different_recordings_flagged": len(other),
        "seconds_making_copies_and_keys": made,
        "seconds_looking_up": looked_up,
        "seconds_comparing": compared,
    }


if __name__ == "__main__":
    sys.exit(main())
