"""Trainings by several processes, one after the other: `python launching.py JOBS.json`.

Each is `seqzoo train` under torchrun's own agent. Processes are forked from this one, which has
imported everything, since to import it takes each of them longer than to train.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import torch._dynamo  # DDP asks it
import torch.distributed.checkpoint.hf_storage
import torch.distributed.fsdp  # noqa: F401
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

import seqzoo.cli.train  # noqa: F401
from seqzoo.cli.app import main
from seqzoo.errors import RunError
from seqzoo.registry import load_registry
from seqzoo.train import loop, shards  # noqa: F401
from seqzoo.train.assembly import Assembly

PLUGIN = Path(__file__).with_name("handing.py")


def train(job: dict[str, Any]) -> None:
    """What a process does: train, and at a step, on one rank, what the job says."""
    advance = Assembly.advance

    def fateful(self: Assembly, batch: Any, step: int) -> Any:
        if self.processes.rank == 1 and step == job["at"]:
            if job["does"] == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            raise RunError("the roof is on fire")
        return advance(self, batch, step)

    if job["does"] != "train":
        Assembly.advance = fateful
        # The agent stops all when one ends; this shows what the others do by themselves.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(main(["train", job["spec"], "--out", job["out"], "--plugin", str(PLUGIN)]))


def launch(job: dict[str, Any]) -> dict[str, Any]:
    """Have the agent start processes and wait for all; how they ended, and what each said."""
    logs = Path(job["out"] + ".logs")
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=job["size"],
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        start_method="fork",
        monitor_interval=0.05,
        logs_specs=DefaultLogsSpecs(log_dir=str(logs), redirects=Std.ALL),
    )
    failed = False
    try:
        elastic_launch(config, train)(job)
    except ChildFailedError:
        failed = True
    said = {
        name: [path.read_text() for path in sorted(logs.rglob(f"{name}.log"))]
        for name in ("stdout", "stderr")
    }
    shutil.rmtree(logs)
    return {"failed": failed, **said}


if __name__ == "__main__":
    load_registry()
    jobs = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps([launch(job) for job in jobs]))
