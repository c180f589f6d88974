"""Time the attack on a batch of clips of mixed length against the same clips one at a time, one thread.

Both make the same copies: targeted PGD on the waveform of a logmel-cnn with fresh weights, no random start, clips of
1 to 4 s. Runs alternate, so that a busy machine slows both; the ratio is the median over the pairs. The largest
difference between the two results is printed as well (in samples; float32 rounding decides the sign of gradients
that are nearly 0, so a share of the samples differs by up to twice the radius).

    python benchmarks/attack_speed.py [repeats]
"""

import json
import sys
import time
from statistics import median
from typing import Any

import numpy as np
import torch

from affekt.audio.batching import pad_batch
from affekt.training import build_model
from affekt.unlearning.attack import AttackConfig, frozen, pgd

CLIPS = 32
SHORTEST, LONGEST = 1.0, 4.0
SAMPLE_RATE = 16000
CLASSES = ("anger", "joy", "neutral", "sadness")


def measure(*, repeats: int = 5) -> dict[str, Any]:
    """Time both.

    Args:
        repeats: Pairs of runs.

    Returns:
        Seconds of each (medians), the median ratio batched : one by one of the pairs, and how far the results agree.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        attack = AttackConfig()
        model = build_model("logmel-cnn", CLASSES, seed=0).eval()
        random = np.random.default_rng(0)
        sizes = random.uniform(SHORTEST, LONGEST, CLIPS) * SAMPLE_RATE
        clips = sorted((_clip(random, int(size)) for size in sizes), key=len)
        labels = torch.as_tensor(random.integers(0, len(CLASSES), CLIPS))
        together, alone, times = [], [], []
        for _ in range(repeats + 1):  # the first pair warms up
            began = time.perf_counter()
            together = _attack(model, clips, labels, attack)
            between = time.perf_counter()
            alone = [_attack(model, [clip], labels[i : i + 1], attack)[0] for i, clip in enumerate(clips)]
            times.append((between - began, time.perf_counter() - between))
    finally:
        torch.set_num_threads(threads)
    pairs = times[1:]
    same = np.concatenate([(a - b).abs().numpy() < 1e-6 for a, b in zip(together, alone, strict=True)])
    return {
        "clips": CLIPS,
        "seconds_of_audio": round(float(sizes.sum()) / SAMPLE_RATE, 1),
        "steps": attack.steps,
        "repeats": repeats,
        "threads": 1,
        "batched_seconds": round(median(a for a, _ in pairs), 4),
        "one_by_one_seconds": round(median(b for _, b in pairs), 4),
        "ratio_median": round(median(a / b for a, b in pairs), 3),
        "ratio_best": round(min(a / b for a, b in pairs), 3),
        "share_of_equal_samples": round(float(same.mean()), 5),
        "versions": {"torch": torch.__version__},
    }


def _clip(random: np.random.Generator, size: int) -> torch.Tensor:
    return torch.as_tensor(0.1 * random.standard_normal(size), dtype=torch.float32)


def _attack(
    model: torch.nn.Module, clips: list[torch.Tensor], labels: torch.Tensor, attack: AttackConfig
) -> list[torch.Tensor]:
    waveforms, lengths = pad_batch(clips)
    radius = torch.full((len(clips),), attack.epsilon)
    with frozen(model):
        found = pgd(
            model,
            waveforms,
            lengths,
            labels,
            radius=radius,
            step=attack.step,
            steps=attack.steps,
            random_start=False,
        )
    return [clip[: len(original)] for clip, original in zip(found, clips, strict=True)]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(repeats=int(sys.argv[1]) if len(sys.argv) > 1 else 5), indent=2) + "\n")
