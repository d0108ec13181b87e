"""Training commands in forked processes that die, or meet a full disk, at a chosen instant.

Started as a process of its own that has torch imported: a run then costs milliseconds, and no
thread of the test session is forked. Each line on stdin is a job, each on stdout how it ended:

``arguments``: of ``reference_model.train``; ``at``: the number, from 1, of the call into the
system that the event precedes (only calls made while a run writes its files are counted, and for
"kill" only those that change the disk);
``event``: "kill"; "refuse", that call fails as on a full disk; "limit", no file may from then on
grow past ``bytes``; "tear", the same and the process dies at the attempt.
"""

import contextlib
import errno
import gc
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

CHANGES = {"open", "write", "truncate", "replace", "serialize_file"}
"""Calls after which a killed process leaves something else behind; the last is safetensors'."""
CALLS = CHANGES | {"chmod", "fsync"}
"""Calls that the system may refuse."""
WRITERS = ("reference_model/files.py", "reference_model/training/metrics.py")
NEVER = 10**9
MINI = {
    "vocab_size": 256,
    "n_layers": 1,
    "n_heads": 2,
    "d_model": 16,
    "d_mlp": 32,
    "context_length": 16,
}


class ForkedRuns:
    """The test's side: starts the process and hands it jobs."""

    def __init__(self):
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            env=os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, arguments, event="kill", at=NEVER, limit=0):
        """Exit code (negative for a signal) and the stderr of one run."""
        job = {"arguments": [str(a) for a in arguments], "event": event, "at": at, "bytes": limit}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["code"], answer["stderr"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def serve():
    from reference_model.presets import PRESETS, Preset
    from reference_model.train import main

    torch.set_num_threads(1)
    training = {"batch_size": 2, "steps": 2, "validation_sequences": 2}
    rates = {"learning_rate": 1e-2}
    PRESETS["mini"] = Preset(shape=MINI, training=training, gpt=rates, ngpt=rates)
    _warm_up(main)
    gc.freeze()  # a collection in a child would copy every page it shares
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _run(json.loads(line), writing, main)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            stderr = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(json.dumps({"code": code, "stderr": stderr}) + "\n")
        sys.stdout.flush()


def _warm_up(main):
    """Let torch import what it imports at first use, which costs seconds."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "text.txt")
        text.write_text("one two three\n" * 100)
        arguments = ["--model", "ngpt", "--preset", "mini", "--tokenizer", "bytes"]
        with contextlib.redirect_stderr(io.StringIO()):
            assert main([*arguments, "--data", str(text), "--out", f"{folder}/run"]) == 0


def _run(job, stderr, main):
    code = 99
    try:
        os.dup2(stderr, 2)
        event, calls = EVENTS[job["event"]]
        if job["at"] < NEVER:  # it costs a run as much time again
            sys.setprofile(_alarm(job["at"], calls, event, job["bytes"]))
        code = main(job["arguments"])
    finally:
        sys.stderr.flush()
        os._exit(code)


def _alarm(at, calls, event, limit):
    seen = 0

    def on_call(frame, kind, function):
        nonlocal seen
        if kind == "c_call" and function.__name__ in calls and _is_of_a_writer(frame):
            seen += 1
            if seen == at:
                event(limit)

    return on_call


def _is_of_a_writer(frame):
    while frame is not None and not frame.f_code.co_filename.endswith(WRITERS):
        frame = frame.f_back
    return frame is not None


def _kill(_):
    os.kill(os.getpid(), signal.SIGKILL)


def _refuse(_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _limit(size):
    import resource  # only where there is fork

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # Python ignores the signal: EFBIG


def _tear(size):
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    _limit(size)


EVENTS = {
    "kill": (_kill, CHANGES),
    "refuse": (_refuse, CALLS),
    "limit": (_limit, CALLS),
    "tear": (_tear, CALLS),
}

if __name__ == "__main__":
    serve()
