"""Killed at any moment, a command leaves a whole result or none, and can be run again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affekt.models import EmotionModel, tensor_digest

pytestmark = pytest.mark.slow

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run a command line in a process of its own; ``after`` seconds it gets a signal, SIGKILL if not said."""
    log = tmp_path_factory.mktemp("logs") / "log.txt"
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("fork_server.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )

    def ask(*words: object, after: float | None = None, number: int = signal.SIGKILL) -> dict[str, Any]:
        assert server.stdin is not None
        assert server.stdout is not None
        request = {"words": [str(word) for word in words], "log": str(log), "after": after, "signal": int(number)}
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        answer: dict[str, Any] = json.loads(server.stdout.readline())
        return answer | {"log": log.read_text(encoding="utf-8")}

    with server:
        yield ask


def moments(seconds: float, *, seed: int) -> list[float]:
    """Twenty moments spread over a run, a little beyond its end, and six more in its last tenth."""
    generator = np.random.default_rng(seed)
    spread = (np.arange(20) + generator.uniform(size=20)) / 20 * 1.05
    late = generator.uniform(0.9, 1.02, size=6)
    return [float(share * seconds) for share in (*spread, *late)]


def digest(folder: Path) -> str:
    """Fingerprint of the weights of a model directory; loading it checks that it is whole."""
    return tensor_digest(EmotionModel.from_pretrained(folder))


def is_whole(folder: Path, *, also: tuple[str, ...]) -> bool:
    """Whether a model directory holds everything a command writes."""
    names = ("README.md", "config.json", "erasure/record.json", "model.safetensors", "run.json", *also)
    return all((folder / name).is_file() for name in names)


def test_killed_training_resumes_to_the_same_weights(
    run: Run, write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "corpus", takes=2)
    settings = tmp_path / "fast.toml"
    settings.write_text("epochs = 16\nbatch_size = 16\nheldout_fraction = 0.15\n", encoding="utf-8")

    def words(out: Path) -> list[object]:
        return ["train", corpus, "--out", out, "--config", settings, "--quiet"]

    whole = run(*words(tmp_path / "whole"))
    assert whole["code"] == 0, whole
    expected = (tmp_path / "whole" / "model.safetensors").read_bytes()
    killed = resumed = 0
    for number, after in enumerate(moments(whole["seconds"], seed=1)):
        out = tmp_path / f"out{number}"
        died = run(*words(out), after=after)
        assert died["code"] in (0, -signal.SIGKILL), died
        killed += died["code"] != 0
        if not out.exists():
            resumed += out.with_name(f".{out.name}.training").exists()
            again = run(*words(out), "--resume")
            assert again["code"] == 0, again
        assert is_whole(out, also=())
        assert digest(out) == digest(tmp_path / "whole")
        assert (out / "model.safetensors").read_bytes() == expected
    assert killed >= 10
    assert resumed >= 4  # had there been no checkpoint to go on from, this test would show little
    assert run(*words(tmp_path / "out0"))["code"] == 2


def test_killed_forgetting_can_be_repeated(
    run: Run, shared: Path, tmp_path: Path, snapshot: Callable[[Path], dict[str, str]]
) -> None:
    settings = tmp_path / "fast.toml"
    settings.write_text('stop = "steps"\nmax_steps = 8\n[attack]\nsteps = 3\ncopies = 2\n', encoding="utf-8")
    before = snapshot(shared)

    def words(out: Path) -> list[object]:
        model, corpus = shared / "model", shared / "corpus"
        request = ["--speaker", "00", "--method", "amun", "--config", settings]
        return ["forget", model, corpus, *request, "--out", out, "--quiet"]

    whole = run(*words(tmp_path / "whole"))
    assert whole["code"] in (0, 1), whole
    expected = digest(tmp_path / "whole")
    assert expected != digest(shared / "model")
    killed = 0
    for number, after in enumerate(moments(whole["seconds"], seed=2)):
        out = tmp_path / f"out{number}"
        died = run(*words(out), after=after)
        assert died["code"] in (whole["code"], -signal.SIGKILL), died
        killed += died["code"] != whole["code"]
        left = list(tmp_path.glob(f".{out.name}.*"))
        if not out.exists() and (left or number % 4 == 0):  # where nothing is left, one run is like the other
            assert run(*words(out))["code"] == whole["code"]
        if out.exists():
            assert is_whole(out, also=("report.html", "report.json"))
            assert digest(out) == expected
    assert killed >= 10
    assert snapshot(shared) == before


def test_interrupted_training_says_how_to_go_on(run: Run, shared: Path, tmp_path: Path) -> None:
    settings = tmp_path / "long.toml"
    settings.write_text("epochs = 2000\npatience = 2000\nbatch_size = 16\n", encoding="utf-8")
    out = tmp_path / "out"
    ran = run("train", shared / "corpus", "--out", out, "--config", settings, after=4.0, number=signal.SIGINT)
    assert ran["code"] == 130
    assert not out.exists()
    last = ran["log"].splitlines()[-1]
    assert last == "affekt: interrupted; give the same command with --resume to go on from the last finished epoch."
    assert "Traceback" not in ran["log"]


def is_running(group: int) -> bool:
    """Whether any process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_interrupted_comparison_stops_its_workers_and_goes_on(shared: Path, tmp_path: Path) -> None:
    """Ctrl-C reaches every process of a terminal; only the first may speak, and none may stay."""
    settings = tmp_path / "fast.toml"
    settings.write_text("[train]\nepochs = 3\nbatch_size = 16\nheldout_fraction = 0.15\n", encoding="utf-8")
    line = [sys.executable, "-m", "affekt", "compare", shared / "corpus", "--out", tmp_path / "out", "--workers", 2]
    line += ["--config", settings, "--methods", "random_labels", "--sizes", 1, "--seeds", 2, "--draws", 2, "--quiet"]
    words = [str(word) for word in line]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    work = tmp_path / ".out.comparing"
    with subprocess.Popen(
        words, stdout=pipe, stderr=pipe, text=True, start_new_session=True, env=environment
    ) as running:
        deadline = time.monotonic() + 120
        while not list(work.glob("original-*/original.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, "")
    assert err == "affekt: interrupted; give the same command again to go on; what is finished is kept.\n"
    deadline = time.monotonic() + 20
    while is_running(running.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(running.pid)
    assert not (tmp_path / "out").exists()
    assert list(work.glob("original-*/original.json"))
    again = subprocess.run(words, capture_output=True, text=True, env=environment, check=True)
    assert "random_labels" in again.stdout
    assert (tmp_path / "out" / "results.json").is_file()
    assert not work.exists()
