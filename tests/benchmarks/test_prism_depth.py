"""Figures by depth: runs, ranks and costs become the table of docs/prism.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import prism_depth
import pytest

import seqzoo
from seqzoo.probe import keep_findings, measure

PAGE = Path(__file__).parents[2] / "docs" / "prism.md"


def row(**changed: Any) -> dict[str, Any]:
    fixed = {"depth": 1, "seed": 0, "accuracy": 0.5, "reached_at": None, "parameters": 8_226}
    return {**fixed, "rank": None, "effective": None, **changed}


def test_the_page_holds_the_table_of_the_file() -> None:
    table = prism_depth.table(json.loads(prism_depth.FILE.read_text()))
    page = PAGE.read_text(encoding="utf-8")
    assert table in page, "python benchmarks/prism_depth.py prints the table"


def test_a_line_has_all_seeds_of_a_depth() -> None:
    runs = [row(rank=1.0, effective=1.0), row(seed=1, accuracy=1.0, reached_at=500, rank=1.0)]
    runs.append(row(depth=2, rank=1.98))
    cost = {"rows": [{"depth": 1, "ms": 32.46, "bytes": 12 * 2**20}]}
    head, _, one, two = prism_depth.table({"runs": runs, "cost": cost}).splitlines()
    columns = head.count("|")
    assert one == ("| 1 | 8,226 | .500, 1.000 | 1 of 2 | 500 | 1.00 | 1.00 | 32.5 ms | 12.0 MiB |")
    assert two == "| 2 | 8,226 | .500 | 0 of 1 |  | 1.98 | not probed |  |  |"
    assert one.count("|") == two.count("|") == columns


def test_finished_runs_have_the_rank_that_was_probed(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    run_example: Callable[[str, Path, Sequence[str]], None],
) -> None:
    grid, file, bench = tmp_path / "runs", tmp_path / "depth.json", tmp_path / "cost.json"
    changes = (
        "axes={model.mixer.depth: [2]}",
        "seeds=1",
        "base.model.width=8",
        "base.train.steps=2",
        "base.train.stop=null",
        "base.task.test_size=16",
    )
    run_example("prism_depth_small.yaml", grid, changes)
    (run,) = (grid / "runs").iterdir()
    keep_findings(measure(run, seqzoo.load_registry(), ["write_rank"]), run)
    measured = {"mixer": "{type: prism, depth: 2}", "ms": 40.0, "peak_bytes": 2**20}
    bench.write_text(json.dumps({"date": "today", "rows": [measured]}))
    prism_depth.main([str(grid), "--cost", str(bench), "--json", str(file)])
    results = json.loads(file.read_text())
    (found,) = results["runs"]
    assert (found["depth"], found["seed"], found["steps"]) == (2, 0, 2)
    assert found["rank"] == pytest.approx(2.0, abs=0.1)
    assert 1.0 < found["effective"] <= 2.0
    assert results["cost"] == {"date": "today", "rows": [{"depth": 2, "ms": 40.0, "bytes": 2**20}]}
    assert "| 40.0 ms | 1.0 MiB |" in capsys.readouterr().out
