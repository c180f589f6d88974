"""Runs command lines in forked children, so that a trial does not pay for importing torch; killed on time.

Reads one JSON object a line: ``{"words": [...], "log": path, "after": seconds or null, "signal": number}``. Answers
one JSON object a line: ``{"code": exit code or minus the signal, "seconds": wall time}``.
"""

import json
import os
import signal
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path

import torch

from affekt.cli import main

for name in ("affekt.cli.app", "affekt.reports", "affekt.training"):  # what children then need not import
    import_module(name)


def child(words: list[str], log: str) -> None:
    """Run a command line and end the process with its exit code."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = 70
    try:
        code = main(words)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Answer requests until standard input ends."""
    torch.set_num_threads(1)
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])  # loads half of torch at its first call
    for line in sys.stdin:
        request = json.loads(line)
        Path(request["log"]).parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        process = os.fork()
        if process == 0:
            child(request["words"], request["log"])
        deadline = None if request["after"] is None else started + request["after"]
        while True:
            done, status = os.waitpid(process, os.WNOHANG)
            if done:
                break
            if deadline is not None and time.monotonic() >= deadline:
                os.kill(process, request["signal"])
                deadline = None
            time.sleep(0.001)
        answer = {"code": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - started}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


serve()
