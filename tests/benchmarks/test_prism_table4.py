"""Table 4's figures: runs of a grid become rows, rows become the tables of docs/prism.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import prism_table4
import pytest
import yaml

from seqzoo_prism.released import ReleasedMux

ROOT = Path(__file__).parents[2]


def row(**changed: Any) -> dict[str, Any]:
    fixed = {"variant": "mom", "task": "released_mux", "width": 16, "seed": 0, "lr": 1e-3}
    return {**fixed, "accuracy": 0.974, "reached_at": None, **changed}


def test_the_page_holds_the_tables_of_the_file() -> None:
    rows = json.loads(prism_table4.FILE.read_text())["runs"]
    tables = prism_table4.tables(rows)
    page = (ROOT / "docs" / "prism.md").read_text(encoding="utf-8")
    for table in tables.split("\n\n"):
        assert table in page, "python benchmarks/prism_table4.py prints the tables"


def test_a_later_run_replaces_the_one_before_and_seeds_stand_beside_each_other() -> None:
    old = [row(seed=1, accuracy=0.5), row(task="released_parity", accuracy=0.49)]
    rows = prism_table4.merged(old, [row(seed=1, accuracy=1.0, reached_at=2500), row()])
    assert [(each["task"], each["seed"]) for each in rows] == [
        ("released_parity", 0),
        ("released_mux", 0),
        ("released_mux", 1),
    ]
    assert prism_table4.cell(rows, "mom", "released_mux") == ".974; 1.000 at 2,500"
    assert prism_table4.cell(rows, "mom", "released_mqar") == "not run"
    assert "| `released_mux` | .98 | not run | .98 | not run | .97 | .974; 1.000 at 2,500 |" in (
        prism_table4.tables(rows)
    )


def tuned(rows: list[dict[str, Any]]) -> str:
    return prism_table4.tuned_cell(rows, "mom", ReleasedMux)


def test_a_cell_tells_its_best_rate_and_of_how_many_while_some_are_left() -> None:
    trials = [row(lr=lr, accuracy=lr) for lr in prism_table4.RATES]
    told = [tuned(trials[:count]) for count in range(4)]
    assert told == ["not tuned", "not tuned", "3e-3 of 2: .003", "1e-2: .010"]
    met = row(lr=3e-3, accuracy=0.999, reached_at=500)
    rows = [trials[0], met, row(lr=3e-3, seed=1, accuracy=None), row(lr=1e-3, seed=1)]
    assert tuned(rows) == "3e-3: .999 at 500; diverged"
    assert prism_table4.cell(rows, "mom", "released_mux") == ".001; .974", "at the release's rate"


def test_a_cell_is_tuned_once_it_is_at_the_best_published() -> None:
    assert max(ReleasedMux.published) == 0.98
    good, better, too_low = (row(lr=1e-3, accuracy=a) for a in (0.975, 0.99, 0.974))
    assert tuned([good]) == "1e-3: .975"
    assert tuned([good, {**better, "lr": 3e-3}]) == "3e-3: .990"
    assert tuned([too_low, {**too_low, "lr": 3e-3}]) == "1e-3 of 2: .974"
    assert tuned([too_low]) == "not tuned"


def test_a_trial_that_diverged_is_tried_and_not_the_best() -> None:
    trials = [row(lr=lr, accuracy=None if lr == 1e-2 else lr) for lr in prism_table4.RATES[:3]]
    assert tuned(trials) == "3e-3: .003"


def test_the_rates_are_those_of_the_tuned_grid() -> None:
    grid = yaml.safe_load((ROOT / "examples" / "prism_table4_tuned.yaml").read_text())
    rates = grid["sampler"]["space"]["train.optimizer.lr"]
    assert [float(rate) for rate in rates] == list(prism_table4.RATES)
    assert float(grid["base"]["train"]["optimizer"]["lr"]) == prism_table4.RELEASED_LR
    assert grid["sampler"]["trials"] == prism_table4.TRIALS


def test_finished_runs_of_a_grid_are_added(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    run_example: Callable[[str, Path, Sequence[str]], None],
) -> None:
    grid, file = tmp_path / "runs", tmp_path / "table4.json"
    changes = (
        "paired=[{task: [released_mux], model.width: [8]}]",
        "variants={transformer: {model.mixer: released-attention}}",
        "seeds=1",
        "base.train.steps=2",
        "base.train.stop=null",
        "base.task.test_size=16",
    )
    run_example("prism_table4.yaml", grid, changes)
    prism_table4.main([str(grid), "--json", str(file)])
    (found,) = json.loads(file.read_text())["runs"]
    assert found["variant"] == "transformer"
    assert (found["task"], found["width"], found["seed"]) == ("released_mux", 8, 0)
    assert (found["steps"], found["lr"]) == (2, 1e-3)
    assert f"| .98 | {found['accuracy']:.3f}".replace(" 0.", " .") in capsys.readouterr().out
