"""Kernels' times beside the model's; the timer here is the test's own."""

from __future__ import annotations

import kernel_times
import pytest
import torch

from seqzoo.scan.triton.aot.cost import KernelCost, Shape
from seqzoo.scan.triton.available import available

CPU = torch.device("cpu")
SMALL = Shape(1, 20, 1, 16, 16)


@pytest.fixture(autouse=True)
def interpreter() -> None:
    if (refusal := available(CPU)) is not None:
        pytest.skip(refusal)


def test_every_kernel_of_both_passes_has_a_time() -> None:
    started: list[int] = []

    def timer(start) -> float:
        start()
        started.append(1)
        return 2.0

    rows = kernel_times.measure("gla", SMALL, CPU, timer)
    assert {(row["problem"], row["ms"]) for row in rows} == {("gla", 2.0)}
    kernels = [(row["direction"], row["kernel"]) for row in rows]
    assert kernels[0] == ("forward", "decay_rows_kernel")
    assert {("forward", "carry_kernel"), ("backward", "carry_back_kernel")} < set(kernels)
    assert len(started) == len(rows) == len(set(kernels))


def test_the_models_time_stands_beside() -> None:
    cost = KernelCost("gla", "sm_90", "forward", "carry_kernel", "warps=4", seconds=2e-3)
    rows = [
        {"problem": "gla", "direction": direction, "kernel": "carry_kernel", "ms": 3.0}
        for direction in ("forward", "backward")
    ]
    forward, backward = kernel_times.beside_the_model(rows, [cost])
    assert forward["predicted_ms"] == 2.0
    assert forward["over_predicted"] == 1.5
    assert "predicted_ms" not in backward
