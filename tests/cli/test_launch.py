"""Two processes under ``accelerate launch`` train one model, and only the main one speaks."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affekt.models import EmotionModel

pytestmark = pytest.mark.slow


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch(*words: object) -> subprocess.CompletedProcess[str]:
    """Run ``affekt`` in two processes on the CPU.

    Accelerate starts one process only when it is given --cpu (its issue 2741); without a GPU, --multi_gpu starts as
    many as it is told.
    """
    line = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", 2]
    line += ["--num_machines", 1, "--mixed_precision", "no", "--dynamo_backend", "no", "--num_cpu_threads_per_process"]
    line += [1, "--main_process_port", free_port(), "-m", "affekt", *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [str(word) for word in line], capture_output=True, text=True, timeout=240, env=environment, check=False
    )


def test_two_processes_train_as_well_as_one(
    affekt: Callable[..., Any], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "corpus", easy=True, takes=6)
    settings = tmp_path / "fast.toml"
    settings.write_text("epochs = 12\nbatch_size = 16\n", encoding="utf-8")
    rest = ["--config", settings, "--json"]
    one = affekt("train", corpus, "--out", tmp_path / "one", *rest)
    two = launch("train", corpus, "--out", tmp_path / "two", *rest)
    assert one.code == 0, one.err
    assert two.returncode == 0, two.stderr
    alone, together = json.loads(one.out), json.loads(two.stdout)  # one JSON value: one process has spoken
    assert alone["test"]["uar"]["estimate"] >= 0.9
    assert together["test"]["uar"]["estimate"] == pytest.approx(alone["test"]["uar"]["estimate"], abs=0.1)
    assert together["dev"]["uar"]["estimate"] == pytest.approx(alone["dev"]["uar"]["estimate"], abs=0.1)
    assert together["utterances"] == alone["utterances"]
    assert (
        EmotionModel.from_pretrained(tmp_path / "two").classes == EmotionModel.from_pretrained(tmp_path / "one").classes
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "fast.toml", "one", "two"]


def test_bad_input_under_launch(tmp_path: Path) -> None:
    ran = launch("train", tmp_path / "nowhere", "--out", tmp_path / "model")
    assert ran.returncode != 0
    assert ran.stdout == ""
    assert f"affekt: there is no corpus at {tmp_path / 'nowhere'}" in ran.stderr
    assert f"affekt (process 1): there is no corpus at {tmp_path / 'nowhere'}" in ran.stderr  # there are two
    assert not (tmp_path / "model").exists()
