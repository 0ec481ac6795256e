"""One of two processes that tune one directory: `python tuning_process.py DIRECTORY`.

Does no run before the other process has one at hand, and prints the labels of those it did.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conftest import InlineExecutor

import seqzoo
from seqzoo.grid import Sampler, Study, View, make_tuner, run_grid
from seqzoo.grid.run.job import Finished, Job, Send
from seqzoo.registry import Origin
from seqzoo.spec.document import parse_document
from seqzoo.spec.grid import GridSpec
from seqzoo.train.record import (
    DeviceFacts,
    MetricFacts,
    Record,
    Timings,
    Versions,
    write_record,
)

LR = "train.optimizer.lr"
GRID = """\
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: parity, length: 8, test_size: 16}
  train: {steps: 2, batch_size: 4, evaluate: {every: 2, sequences: 4}}
variants: {full: {}, no-mlp: {model.mlp: null}}
seeds: [0, 1]
sampler: {type: halving, trials: 6, space: {train.optimizer.lr: {low: 1e-4, high: 1e-1}}}
"""


class Halving(Sampler):
    """Halves the rate, trial by trial."""

    name = "halving"

    def propose(self, study: Study, directory: Path) -> Mapping[str, Any]:
        return {LR: 0.08 * 0.5 ** len(study.trials)}


class Meeting:
    """Leaves a record instead of training, once both processes have a run at hand."""

    def __init__(self, directory: Path) -> None:
        self.done: list[str] = []
        self._directory = directory

    def __call__(self, job: Job, send: Send) -> None:
        (self._directory / f"here-{os.getpid()}").touch()
        end = time.monotonic() + 60
        while len(list(self._directory.glob("here-*"))) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        self.done.append(job.label)
        job.directory.mkdir(parents=True, exist_ok=True)
        write_record(job.directory / "record.json", record_of(job))
        send(Finished(job))


def record_of(job: Job) -> Record:
    """The accuracy falls with the distance of the rate from 0.04."""
    return Record(
        run_id=job.run_id,
        name=None,
        seed=job.spec["seed"],
        status="done",
        steps=2,
        max_steps=2,
        reached_at=None,
        target=None,
        metric=MetricFacts(name="accuracy", higher_is_better=True, chance=0.5),
        metrics={"accuracy": 1 - abs(job.spec["train"]["optimizer"]["lr"] - 0.04)},
        best={},
        parameters=1000,
        state_size=64,
        timings=Timings(wall_s=1.0, train_s=1.0, tokens=100, tokens_per_s=100.0),
        versions=Versions(seqzoo="0.1", torch="2", python="3.11", plugins={}),
        device=DeviceFacts(kind="cpu", name="a processor", threads=1),
    )


def main(directory: Path) -> None:
    registry = seqzoo.load_registry([])
    registry.add(Halving, Origin("third", "third-party", "1"))
    document = parse_document(GRID, "g.yaml")
    tuner = make_tuner(document.validate(GridSpec, registry).written_in(document), registry)
    work = Meeting(directory)
    run_grid(tuner.plan("g"), directory / "out", InlineExecutor(workers=1), work, View(), tuner)
    print(json.dumps(work.done))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
