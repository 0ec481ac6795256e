"""The benchmark of plans and reports: its grid has the size asked for, its records are whole."""

from __future__ import annotations

from pathlib import Path

import report as command

from seqzoo.grid.plan.adopting import write_plan
from seqzoo.report import make_report
from seqzoo.report.figures.curves import draw_curves


def test_a_grid_has_as_many_runs_as_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "grid.yaml"
    file.write_text(command.grid_text(1000), encoding="utf-8")
    seconds, plan = command.planned(file)
    assert len(plan.runs) == len(plan.distinct()) == 1000
    assert set(seconds) == {"expanding_and_validating", "laying_out"}


def test_its_records_and_logs_are_those_of_runs(tmp_path: Path) -> None:
    file = tmp_path / "grid.yaml"
    file.write_text(command.grid_text(500), encoding="utf-8")
    _, plan = command.planned(file)
    few = plan.model_copy(update={"runs": plan.runs[:10]})
    write_plan(tmp_path, few)
    command.leave_files(tmp_path, few)
    report = make_report(tmp_path)
    (cell,) = report.cells
    assert (cell.n, cell.metric, cell.failed, cell.missing) == (10, "accuracy", 0, 0)
    assert 0.5 < report.cells[0].values[0] < 1.0
    (curves,) = draw_curves(report)
    assert curves.name == "curves"


def test_figures_are_rounded() -> None:
    assert command.rounded({"a": {"b": 1.23456, "c": 7}}) == {"a": {"b": 1.235, "c": 7}}
