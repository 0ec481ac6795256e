"""A grid with numbers for every figure: two variants, two tasks, three depths, two seeds."""

from __future__ import annotations

import json

import pytest

from seqzoo.grid.plan.plan import run_directory
from seqzoo.report import Report, make_report

DEPTHS = (1, 2, 16)


@pytest.fixture
def sweep(grid) -> Report:
    for task in ("xor", "parity"):
        for depth in DEPTHS:
            for place, variant in enumerate(("thin", "full")):
                point = {"task.type": task, "model.depth": depth}
                value = 0.5 + depth / 100 + place / 10
                costs = {"parameters": 1000 * depth + 500 * place, "state_size": 64 * depth}
                grid.cell(variant, {0: value, 1: value + 0.02}, point, **costs)
    grid.freeze(base="full")
    for row in grid.rows:
        rows = [
            {"kind": "evaluation", "step": step, "wall_s": 1.0, "accuracy": step / 100, "loss": 1.0}
            for step in (10, 20, 30 + 10 * row.seed)
        ]
        path = run_directory(grid.path, row.run_id) / "metrics.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return make_report(grid.path)
