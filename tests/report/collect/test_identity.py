from __future__ import annotations

import shutil

import pytest
import yaml

from seqzoo.errors import RunError
from seqzoo.report.collect.directory import collect
from seqzoo.spec.run import run_id_of
from seqzoo.train.record import write_record

SPEC = {"model": {"width": 16}, "train": {"steps": 100, "stop": None}, "seed": 0}


def test_a_record_copied_from_another_run_counts_nowhere(grid):
    grid.cell("full", {0: 0.9})
    grid.cell("thin", {0: 0.1})
    grid.freeze()
    runs = grid.path / "runs"
    shutil.rmtree(runs / "run1")
    shutil.copytree(runs / "run0", runs / "run1")
    full, thin = collect(grid.path).results
    assert (full.state, thin.state, thin.record) == ("done", "failed", None)
    assert thin.error == (
        f"{runs / 'run1' / 'record.json'} is the record of run run0, where plan.json has run1: the "
        "directory was copied or renamed; put it back, or delete it and run again"
    )


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "done"),
        ({"model": {"width": 32}}, "failed"),
        ({"name": "another name", "train": {**SPEC["train"], "loggers": []}}, "done"),
    ],
)
def test_a_record_is_compared_with_the_plans_spec_in_all_that_makes_a_run(grid, changes, state):
    run = grid.run("full")
    grid.freeze()
    grid.record(run, 0.5, spec={**grid.rows[0].spec, **changes})
    (result,) = collect(grid.path).results
    assert result.state == state
    if state == "failed":
        assert "was made with another spec than plan.json has for run run0" in (result.error or "")


def test_a_run_alone_is_compared_with_its_spec_yaml(tmp_path, make_record):
    run_id = run_id_of(SPEC)
    write_record(tmp_path / "record.json", make_record(run_id, 0.5, spec=SPEC))
    assert collect(tmp_path).results[0].spec == SPEC, "the record has it too"
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC), encoding="utf-8")
    assert collect(tmp_path).results[0].state == "done"
    other = yaml.safe_dump({**SPEC, "seed": 1})
    (tmp_path / "spec.yaml").write_text(other, encoding="utf-8")
    with pytest.raises(RunError, match=f"is the record of run {run_id}, where spec.yaml has"):
        collect(tmp_path)


def test_a_plan_without_runs_is_an_error(grid):
    grid.freeze()
    with pytest.raises(RunError, match=r"plan\.json: not a plan of seqzoo \(it holds no runs\)"):
        collect(grid.path)
