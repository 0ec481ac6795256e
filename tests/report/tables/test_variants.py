from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from seqzoo.grid.plan.plan import PlanRow
from seqzoo.report import make_report, print_report, to_json, to_markdown

MIXER = {"type": "recurrent", "anchor": {"type": "short_conv", "kernel_size": 4}, "depth": 2}


@pytest.fixture
def changed(grid):
    """A base, a variant with another anchor, one with another depth and width; over two tasks."""
    mixers = {
        "thin": {**MIXER, "depth": 1},
        "full": MIXER,
        "no-anchor": {**MIXER, "anchor": {"type": "identity"}},
    }
    for task in ("xor", "parity"):
        for variant, mixer in mixers.items():
            spec = {
                "name": f"{variant}-{task}",
                "model": {"mixer": mixer, "width": 8 if variant == "thin" else 16},
                "task": {"type": task},
                "train": {"steps": 100, "stop": None},
            }
            grid.rows.append(
                PlanRow(
                    run_id=f"run{len(grid.rows)}",
                    variant=variant,
                    point={"task.type": task},
                    seed=0,
                    spec=spec,
                )
            )
    grid.freeze(base="full")
    return grid


def test_each_variant_is_told_by_what_it_changes_the_base_first(changed):
    assert [
        (each.name, each.is_base, each.changes) for each in make_report(changed.path).variants
    ] == [
        ("full", True, ()),
        ("thin", False, ("model.mixer.depth: 2 -> 1", "model.width: 16 -> 8")),
        ("no-anchor", False, ("model.mixer.anchor: short_conv -> identity",)),
    ]


def test_they_stand_at_the_top(changed):
    page = io.StringIO()
    print_report(make_report(changed.path), Console(file=page, width=80))
    assert [line.rstrip() for line in page.getvalue().splitlines()[2:5]] == [
        "full       the base",
        "thin       model.mixer.depth: 2 -> 1; model.width: 16 -> 8",
        "no-anchor  model.mixer.anchor: short_conv -> identity",
    ]
    report = make_report(changed.path)
    assert "- **no-anchor**: model.mixer.anchor: short\\_conv -\\> identity" in to_markdown(report)
    assert json.loads(to_json(report))["variants"]["thin"][1] == "model.width: 16 -> 8"


def test_many_changes_are_counted(grid):
    for variant, value in (("full", 0), ("other", 1)):
        spec = {"train": {"steps": 1, "stop": None}, **{f"k{n}": value for n in range(9)}}
        grid.rows.append(PlanRow(run_id=variant, variant=variant, point={}, seed=0, spec=spec))
    grid.freeze(base="full")
    changes = make_report(grid.path).variants[1].changes
    assert changes[-2:] == ("k4: 0 -> 1", "and 4 other changes")


def test_without_changes_or_variants_there_is_no_list(ablation, make_grid):
    assert make_report(ablation.path).variants == []
    grid = make_grid("one")
    grid.cell("", {0: 0.5})
    grid.freeze()
    assert make_report(grid.path).variants == []
