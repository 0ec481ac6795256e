"""What was matched stands in every format, once for each different outcome."""

from __future__ import annotations

import csv
import io
import json

import pytest

from seqzoo.grid.matched import Matched
from seqzoo.report import make_report, to_csv, to_json, to_latex, to_markdown
from seqzoo.report.html import to_html

AS_WRITTEN = Matched(by="parameters", target=4000, reached=4000)
ADJUSTED = Matched(
    by="parameters", target=4000, reached=3960, path="model.mlp.ratio", value=2.5, before=4
)


@pytest.fixture
def matched(grid):
    """Two variants on two rates; `thin` was given another ratio."""
    for rate in (0.1, 0.2):
        for variant, facts in (("full", AS_WRITTEN), ("thin", ADJUSTED)):
            run_id = grid.run(variant, point={"train.optimizer.lr": rate})
            grid.rows[-1] = grid.rows[-1].model_copy(update={"matched": facts})
            assert grid.rows[-1].run_id == run_id
    grid.freeze(base="full")
    for row in grid.rows:
        grid.record(row.run_id, 0.5, parameters=4000 if row.variant == "full" else 3960)
    return grid


def test_each_outcome_is_one_row_with_both_budgets(matched):
    table = make_report(matched.path).tables(100)[-1]
    assert table.title == "Matched by parameters"
    assert [column.name for column in table.columns] == [
        *("variant", "set", "from", "to", "parameters", "base", "off", "params", "state")
    ]
    assert [[entry.text for entry in row] for row in table.rows] == [
        ["full", "as written", "", "", "4,000", "4,000", "+0.0%", "4.0k", "256"],
        ["thin", "model.mlp.ratio", "4", "2.5", "3,960", "4,000", "-1.0%", "4.0k", "256"],
    ]


def test_an_axis_that_changes_the_outcome_is_a_column(matched):
    rows = [
        row.model_copy(update={"matched": ADJUSTED.model_copy(update={"value": row.point[axis]})})
        for row in matched.rows
        for axis in row.point
    ]
    matched.rows[:] = rows
    matched.freeze(base="full")
    table = make_report(matched.path).tables(100)[-1]
    assert [column.name for column in table.columns][:3] == ["variant", "lr", "set"]
    assert len(table.rows) == 4


@pytest.mark.parametrize("draw", [to_markdown, to_latex, to_html])
def test_texts_have_the_table_and_say_how_to_read_it(matched, draw):
    text = draw(make_report(matched.path))
    assert "Matched by parameters" in text
    assert "-1.0" in text
    assert "matched: one size of each variant was adjusted to match the base" in text


def test_data_have_it_in_columns(matched):
    report = make_report(matched.path)
    row = json.loads(to_json(report))["cells"][1]
    assert {name: row[name] for name in row if name.startswith("match")} == {
        "match_by": "parameters",
        "match_path": "model.mlp.ratio",
        "match_before": 4,
        "match_value": 2.5,
        "match_reached": 3960,
        "match_target": 4000,
    }
    assert next(csv.DictReader(io.StringIO(to_csv(report))))["match_target"] == "4000.0"
