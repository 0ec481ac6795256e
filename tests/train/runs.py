"""What a run left, and watches over one."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from seqzoo.spec.run import RunSpec
from seqzoo.train import Record, Watch, read_record
from seqzoo.train.metrics_log import read_rows

TIMES = ("wall_s", "tokens_per_s")


def final_tensors(directory: Path) -> dict[str, torch.Tensor]:
    (folder,) = (directory / "checkpoint").iterdir()
    return {
        f"{file}/{name}": tensor
        for file in ("model", "training")
        for name, tensor in load_file(folder / f"{file}.safetensors").items()
    }


def rows_without_times(directory: Path) -> list[dict[str, Any]]:
    rows = read_rows(directory / "metrics.jsonl")
    return [{key: row[key] for key in row if key not in TIMES} for row in rows]


def assert_same_run(left: Path, right: Path) -> None:
    mine, theirs = final_tensors(left), final_tensors(right)
    assert mine.keys() == theirs.keys()
    for name, tensor in mine.items():
        assert torch.equal(tensor, theirs[name]), name
    assert rows_without_times(left) == rows_without_times(right)
    records = [read_record(each / "record.json") for each in (left, right)]
    measured = {"timings", "memory"}
    assert records[0].model_dump(exclude=measured) == records[1].model_dump(exclude=measured)


class Recorder(Watch):
    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []
        self.rows: list[dict[str, Any]] = []

    def started(self, spec: RunSpec, facts: Any) -> None:
        self.events.append(("started", facts.resumed_at))

    def logged(self, row: dict[str, Any]) -> None:
        self.events.append(("logged", row["step"]))
        self.rows.append(row)

    def evaluated(self, row: dict[str, Any]) -> None:
        self.events.append(("evaluated", row["step"]))
        self.rows.append(row)

    def saved(self, step: int) -> None:
        self.events.append(("saved", step))

    def finished(self, record: Record) -> None:
        self.events.append(("finished", record.steps))


class Interrupter(Watch):
    def logged(self, row: dict[str, Any]) -> None:
        if row["step"] == 10:
            raise KeyboardInterrupt
