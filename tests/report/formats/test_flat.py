import csv
import io
import json

import pytest

from seqzoo.report import make_report, to_csv, to_json


def test_csv_has_a_row_a_cell(ablation):
    rows = list(csv.DictReader(io.StringIO(to_csv(make_report(ablation.path)))))
    assert len(rows) == 6
    assert list(rows[0])[:4] == ["variant", "task.type", "metric", "mean"]
    full, thin, plain, _, diverged, missing = rows
    assert (full["variant"], full["task.type"], full["metric"]) == ("full", "xor", "accuracy")
    assert float(full["mean"]) == pytest.approx(0.96)
    assert (full["n"], full["min"], full["max"]) == ("2", "0.95", "0.97")
    assert (full["reached"], full["reached_at"], full["steps"]) == ("2", "50.0", "50.0")
    assert (full["difference"], full["difference_n"]) == ("", "0")
    assert (thin["compared_by"], thin["difference_bound"]) == ("steps to accuracy 0.9", "≥")
    assert [float(thin[f"difference{end}"]) for end in ("", "_sd", "_low", "_high")] == [
        40,
        0,
        40,
        40,
    ]
    assert [float(full["low"]), float(full["high"])] == pytest.approx([0.95, 0.97])
    assert (diverged["low"], diverged["difference_low"]) == ("", "")
    assert (plain["reached"], plain["reached_at"], plain["max_steps"]) == ("0", "", "100")
    assert (plain["target"], plain["parameters"], plain["state_size"]) == ("0.9", "4000", "256")
    assert (diverged["failed"], diverged["missing"], diverged["n"]) == ("1", "0", "1")
    assert (missing["missing"], missing["mean"], missing["sd"]) == ("2", "", "")


def test_csv_writes_mappings_as_json(grid):
    grid.cell("a", {0: 0.5}, {"task": {"type": "parity", "length": 8}, "model.norm": True})
    grid.freeze()
    (row,) = csv.DictReader(io.StringIO(to_csv(make_report(grid.path))))
    assert json.loads(row["task"]) == {"type": "parity", "length": 8}
    assert json.loads(row["model.norm"]) is True


def test_json_has_the_same_rows_and_the_failures(ablation):
    page = json.loads(to_json(make_report(ablation.path)))
    assert (page["name"], page["base"], page["seeds"]) == ("test", "full", [0, 1])
    assert page["runs"] == {"done": 8, "failed": 2, "missing": 2}
    assert len(page["cells"]) == 6
    assert page["cells"][5]["mean"] is None
    assert page["cells"][0]["reached_at"] == 50
    assert [failure["error"] for failure in page["failures"]] == [
        "ValueError('no')",
        "diverged at step 7",
    ]
    assert page["machines"] == ["a processor, 1 thread a run, torch 2.13, seqzoo 0.1"]
