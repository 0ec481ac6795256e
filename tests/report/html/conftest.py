"""A grid whose names try to break out of the page, with curves and failures."""

from __future__ import annotations

import pytest

from seqzoo.grid.plan.plan import PlanRow

NASTY = "</script><script>document.title='broken'</script>"


@pytest.fixture
def nasty() -> str:
    """A variant's name."""
    return NASTY


@pytest.fixture
def zoo(grid):
    """Base `full` and two variants, two seeds; one run failed, one is missing."""
    for place, variant in enumerate(("full", "thin", NASTY)):
        for seed in (0, 1):
            run_id = f"run{len(grid.rows)}"
            spec = {
                "name": None,
                "model": {"width": 16, "mixer": {"type": "a", "depth": 3 - place}},
                "train": {"steps": 100, "stop": None},
                "seed": seed,
            }
            row = PlanRow(run_id=run_id, variant=variant, point={}, seed=seed, spec=spec)
            grid.rows.append(row)
    grid.freeze(base="full")
    for place, value in enumerate((0.9, 0.8, 0.7, 0.95)):
        grid.record(f"run{place}", value)
        grid.curve(f"run{place}", {50: value / 2, 100: value})
    grid.fail("run4", f"ValueError('{NASTY}')")
    return grid
