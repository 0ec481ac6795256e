"""A mixer's peak memory on a CPU, measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import torch

from seqzoo.bench.memory import peak_of_process
from seqzoo.bench.subject import Subject
from seqzoo.bench.work import Phase, Setting, function_of
from seqzoo.errors import RunError
from seqzoo.registry import load_registry

__all__ = ["peak_in_own_process"]

SHORT = 16  # tokens of a call before, which loads libraries and starts threads


def peak_in_own_process(subject: Subject, phase: Phase, length: int, setting: Setting) -> int:
    """Bytes that the phase holds at most beyond the mixer and its input.

    Raises:
        RunError: the process failed; the text is its last line.
    """
    question = {
        "name": subject.name,
        "spec": subject.spec.model_dump(mode="json"),
        "width": subject.width,
        "phase": phase,
        "length": length,
        "batch": setting.batch,
        "precision": setting.precision,
        "threads": torch.get_num_threads(),
    }
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise RunError(f"the process that measures memory failed: {lines[-1]}")
    return int(done.stdout.split()[-1])


def _answer(question: dict) -> int:
    torch.set_num_threads(question["threads"])
    cpu = torch.device("cpu")
    spec = load_registry().spec("mixer", question["spec"])
    mixer = Subject(question["name"], spec, question["width"]).build(cpu)
    phase, setting = (
        Phase(question["phase"]),
        Setting(question["batch"], cpu, question["precision"]),
    )
    function_of(mixer, phase, min(SHORT, question["length"]), setting)()
    return peak_of_process(function_of(mixer, phase, question["length"], setting))


if __name__ == "__main__":
    print(_answer(json.load(sys.stdin)))
