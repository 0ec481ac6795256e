"""Every test process computes on one thread, and so does what it starts: many share the cores.

Without a GPU the Triton kernels run in Triton's interpreter, which Triton settles when it is first
imported: so here, before any test is. With a GPU the same tests run natively. In the interpreter no
kernel can be compiled, so compiling ahead of time works in processes of its own, always.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from seqzoo.train.record import Record

os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"


def record_of(run_id: str, value: float, **changes) -> Record:
    from seqzoo.train.record import DeviceFacts, MetricFacts, Record, Timings, Versions

    facts = {
        "name": None,
        "seed": 0,
        "status": "done",
        "steps": 100,
        "max_steps": 100,
        "reached_at": None,
        "target": None,
        "metric": MetricFacts(name="accuracy", higher_is_better=True, chance=0.5),
        "metrics": {"accuracy": value, "loss": 1 - value},
        "best": {},
        "parameters": 4000,
        "state_size": 256,
        "timings": Timings(wall_s=2.0, train_s=1.0, tokens=5000, tokens_per_s=5000.0),
        "versions": Versions(seqzoo="0.1", torch="2.13", python="3.11", plugins={}),
        "device": DeviceFacts(kind="cpu", name="a processor", threads=1),
    }
    return Record(run_id=run_id, **{**facts, **changes})


@pytest.fixture
def table_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a table of kernel configurations is looked for; there is none yet."""
    from seqzoo.scan.triton import configs

    path = tmp_path / "kernels.json"
    monkeypatch.setenv("SEQZOO_KERNEL_TABLE", str(path))
    configs.clear()
    yield path
    configs.clear()


@pytest.fixture
def make_record() -> Callable[..., Record]:
    """A record of a run id and its accuracy; everything else by name."""
    return record_of
