"""What must hold for every registered task that draws its sequences, plugins' included."""

import hashlib
import json
import subprocess
import sys

import pytest
import torch

import seqzoo
from seqzoo.tasks import IGNORED
from seqzoo.tasks.synthetic import SyntheticTask

REGISTRY = seqzoo.load_registry()
SYNTHETIC = [
    name
    for name in REGISTRY.names("task")
    if (part := REGISTRY.part("task", name)) is None or issubclass(part, SyntheticTask)
]
DRAWN = [*SYNTHETIC, "state_tracking"]  # its labels too are drawn, of several lengths
STEPS = 40  # of 256; benchmarks/task_streams.py counts over whole runs


def rows_of(tokens: torch.Tensor) -> set[bytes]:
    return {row.numpy().tobytes() for row in tokens}


@pytest.mark.parametrize("name", SYNTHETIC)
def test_ranges_never_meet_and_hold_every_token(name: str) -> None:
    task = REGISTRY.spec("task", name).build()
    kinds = task.vocabulary()
    if not kinds:
        pytest.skip("its roles share their ids, and it says so by naming none")
    assert [kind.first for kind in kinds] == [0, *(kind.stop for kind in kinds[:-1])]
    assert kinds[-1].stop == task.vocab_size
    assert all(kind.size > 0 for kind in kinds)
    batch = task.train_batch(500, 0, 0)
    assert batch.tokens.shape == batch.labels.shape == (500, task.length)
    seen = set(batch.tokens.flatten().tolist())
    assert max(seen) < task.vocab_size
    assert min(seen) >= 0
    for kind in kinds:
        if not kind.in_input:
            assert not seen & set(range(kind.first, kind.stop)), kind
    labels = batch.labels[batch.labels != IGNORED]
    assert 0 <= int(labels.min()) <= int(labels.max()) < task.vocab_size


@pytest.mark.parametrize("name", DRAWN)
def test_no_test_sequence_is_trained_on(name: str) -> None:
    task = REGISTRY.spec("task", name).build()
    test = torch.cat([batch.tokens for batch in task.test_batches(1000)])
    test = rows_of(test[:, : task.length].contiguous())  # longer tests begin like training
    for step in range(STEPS):
        assert not test & rows_of(task.train_batch(256, 0, step).tokens), step


DRAW = """
import hashlib, json, sys, seqzoo
registry = seqzoo.load_registry()
names, first, stride = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
for step in range(first, 4, stride):
    for name in names:
        batch = registry.spec("task", name).build().train_batch(16, 3, step)
        data = batch.tokens.numpy().tobytes() + batch.labels.numpy().tobytes()
        print(step, name, hashlib.sha256(data).hexdigest())
"""


def test_one_worker_and_four_draw_the_same_bytes() -> None:
    wanted = {}
    for name in DRAWN:
        task = REGISTRY.spec("task", name).build()
        for step in range(4):
            batch = task.train_batch(16, 3, step)
            data = batch.tokens.numpy().tobytes() + batch.labels.numpy().tobytes()
            wanted[f"{step} {name}"] = hashlib.sha256(data).hexdigest()
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", DRAW, json.dumps(DRAWN), str(first), "4"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in range(4)
    ]
    drawn = {}
    for worker in workers:
        out, _ = worker.communicate(timeout=600)
        assert worker.returncode == 0
        drawn |= dict(line.rsplit(" ", 1) for line in out.splitlines())
    assert drawn == wanted
