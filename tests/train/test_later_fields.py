"""A plugin's part gets a field with `since`: run ids, finished runs and their reports stay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from seqzoo.operators import Anchor, Stream
from seqzoo.registry import Origin, Registry, load_registry
from seqzoo.report import collect
from seqzoo.spec import Part, PartSpec, since
from seqzoo.spec.run import RunSpec
from seqzoo.train import train


def scaled(spec: type[PartSpec]) -> type[Part]:
    """The anchor `scaled` of one version of a plugin."""

    def forward(self: Any, x: Tensor, stream: Stream) -> Tensor:
        return x * self.spec.scale * getattr(self.spec, "power", 1.0)

    def init(self: Any, spec: PartSpec, dims: Any) -> None:
        Anchor.__init__(self, spec, dims)
        self.spec = spec

    body = {"name": "scaled", "Spec": spec, "__doc__": "A scale.", "__module__": __name__}
    return type("Scaled", (Anchor,), {**body, "forward": forward, "__init__": init})


class First(PartSpec):
    scale: float = 0.5


class Second(PartSpec):
    scale: float = 0.5
    power: float = since("0.2", 1.0)


def registry_of(spec: type[PartSpec]) -> Registry:
    registry = load_registry([])
    registry.add(scaled(spec), Origin("scales", "seqzoo-scales", "1.0"))
    return registry


def run_of(registry: Registry, **anchor: Any) -> RunSpec:
    mixer = {"type": "recurrent", "heads": 2, "anchor": {"type": "scaled", **anchor}}
    document = {
        "model": {"width": 8, "layers": 1, "mixer": mixer},
        "task": {"type": "parity", "length": 8, "test_size": 16},
        "train": {"steps": 2, "batch_size": 4, "device": "cpu", "loggers": ["jsonl"]},
    }
    return registry.validate(RunSpec, document)


def test_a_finished_run_stays_finished(tmp_path: Path) -> None:
    before = run_of(registry_of(First))
    record = train(before, tmp_path)
    registry = registry_of(Second)
    after = run_of(registry)
    assert after.run_id == before.run_id
    assert after.resolved() == before.resolved()
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert train(after, tmp_path) == record
    assert files.items() <= {path: path.stat().st_mtime_ns for path in files}.items()
    written = json.loads((tmp_path / "record.json").read_text())["spec"]
    assert registry.validate(RunSpec, written) == after
    (result,) = collect(tmp_path).results
    assert result.run_id == before.run_id


def test_a_run_that_uses_the_field_is_another_one(tmp_path: Path) -> None:
    registry = registry_of(Second)
    assert run_of(registry, power=1.0).run_id == run_of(registry).run_id
    used = run_of(registry, power=2.0)
    assert used.run_id != run_of(registry).run_id
    assert used.resolved()["model"]["mixer"]["anchor"]["power"] == 2.0
