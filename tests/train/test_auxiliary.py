"""Auxiliary losses of layers: trained, logged and recorded by name, however a batch is cut."""

import io
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from seqzoo.errors import RunError
from seqzoo.model.mixer import Mixer
from seqzoo.operators import Hint, Stream
from seqzoo.registry import Registry, load_registry
from seqzoo.registry.registry import Origin
from seqzoo.spec import PartSpec
from seqzoo.spec.run import RunSpec
from seqzoo.train import train
from seqzoo.train.metrics_log import read_rows


class Balanced(Mixer):
    """Two losses; that of its outputs' size pulls them to 0."""

    name = "balanced"
    hints = {"gain": Hint(decay=False, lr=2.0)}  # noqa: RUF012

    class Spec(PartSpec):
        """weight: of the size."""

        weight: float = 0.0
        breaks: bool = False

    def __init__(self, spec: Any, place: Any) -> None:
        super().__init__(spec, place)
        self.spec = spec
        self.project = nn.Linear(place.width, place.width)
        self.gain = nn.Parameter(torch.ones(2, 2))

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        y = self.project(x) * self.gain.mean()
        loss = y.square().mean()
        stream.add_loss("size", self.spec.weight * (loss / 0.0 if self.spec.breaks else loss))
        stream.add_loss("constant", y.new_tensor(0.25))
        return y


@pytest.fixture
def registry() -> Registry:
    registry = load_registry(entry_points=[])
    registry.add(Balanced, Origin("test", "test", "0"))
    return registry


def spec_of(registry: Registry, mixer: dict[str, Any] | None = None, **train: Any) -> RunSpec:
    settings = {"steps": 6, "batch_size": 8, "log_every": 2, "device": "cpu", "loggers": ["jsonl"]}
    document = {
        "model": {"width": 8, "layers": 2, "mixer": {"type": "balanced", **(mixer or {})}},
        "task": {"type": "parity", "length": 8, "vocab_size": 8, "test_size": 16},
        "train": settings | train,
    }
    return registry.validate(RunSpec, document)


def train_rows(directory: Path) -> list[dict[str, Any]]:
    return list(read_rows(directory / "metrics.jsonl", "train"))


def test_they_are_logged_by_name_and_recorded(registry: Registry, tmp_path: Path) -> None:
    record = train(spec_of(registry, {"weight": 0.1}), tmp_path)
    rows = train_rows(tmp_path)
    assert all(row["loss/constant"] == pytest.approx(0.5) for row in rows)  # of two layers
    assert all(row["loss/size"] > 0 for row in rows)
    assert record.auxiliary == {name: rows[-1][f"loss/{name}"] for name in ("constant", "size")}
    assert "constant" not in record.metrics


@pytest.mark.parametrize("accumulate", [2, 8])
def test_cutting_a_batch_changes_nothing_but_rounding(
    registry: Registry, tmp_path: Path, accumulate: int
) -> None:
    whole = train(spec_of(registry, {"weight": 0.1}), tmp_path / "whole")
    cut = train(spec_of(registry, {"weight": 0.1}, accumulate=accumulate), tmp_path / "cut")
    assert cut.metrics["loss"] == pytest.approx(whole.metrics["loss"], rel=1e-5)
    for row, other in zip(
        train_rows(tmp_path / "whole"), train_rows(tmp_path / "cut"), strict=True
    ):
        for name in ("loss", "loss/size", "loss/constant", "gradient_norm"):
            assert row[name] == pytest.approx(other[name], rel=1e-4)


def test_they_are_trained_on(registry: Registry, tmp_path: Path) -> None:
    options = {"steps": 30, "optimizer": {"lr": 0.03}}
    train(spec_of(registry, {"weight": 30.0}, **options), tmp_path / "pulled")
    pulled = [row["loss/size"] for row in train_rows(tmp_path / "pulled")]
    assert pulled[-1] < 0.1 * pulled[0]


def test_a_run_that_was_stopped_has_the_same_rows(registry: Registry, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    from seqzoo.train import Watch

    class Stop(Watch):
        def saved(self, step: int) -> None:
            if step == 3:
                raise StoppedError

    spec = spec_of(registry, {"weight": 0.1}, checkpoint={"every": 3})
    with pytest.raises(StoppedError):
        train(spec, tmp_path / "a", watch=Stop())
    resumed = train(spec, tmp_path / "a")
    unbroken = train(spec, tmp_path / "b")
    assert resumed.auxiliary == unbroken.auxiliary
    kept = ("step", "loss", "loss/size", "loss/constant")
    assert [[row[name] for name in kept] for row in train_rows(tmp_path / "a")] == [
        [row[name] for name in kept] for row in train_rows(tmp_path / "b")
    ]


def test_one_that_is_not_finite_is_named(registry: Registry, tmp_path: Path) -> None:
    spec = spec_of(registry, {"weight": 1.0, "breaks": True})
    with pytest.raises(RunError, match="at step 1 the auxiliary loss 'size' is inf"):
        train(spec, tmp_path)


def test_the_console_and_the_groups(registry: Registry, tmp_path: Path) -> None:
    out = io.StringIO()
    spec = spec_of(registry, {"weight": 0.1}, loggers=["console", "jsonl"])
    record = train(spec, tmp_path, console=Console(file=out, width=120))
    line = next(line for line in out.getvalue().splitlines() if line.startswith("learning rates: "))
    assert line.endswith(" 8 x 2 without decay")
    by_treatment = {(group.decay, group.lr): group.parameters for group in record.groups}
    assert by_treatment[False, 2.0] == 8
    assert sum(by_treatment.values()) == record.parameters
    assert math.isfinite(record.metrics["loss"])
