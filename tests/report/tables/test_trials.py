"""The trials of a tuned grid, listed cell by cell, with the chosen one marked."""

from __future__ import annotations

import json
import re

import pytest

from seqzoo.grid.tune.tuned import Chosen, Tried
from seqzoo.report import make_report, to_markdown
from seqzoo.report.html import to_html
from seqzoo.report.tables.trials import trials_table

LR, HEADS, MLP = "train.optimizer.lr", "model.mixer.heads", "model.mlp.heads"


@pytest.fixture
def tuned(grid):
    """Two variants, three trials each; of `thin` one failed and one is not done."""
    for number in range(3):  # trials of the two cells come in turns
        for variant in ("full", "thin"):
            grid.run(variant)
            values = {LR: 0.1 / 3 ** (number + 1), HEADS: number + 1, MLP: 4}
            tried = Tried(study=variant, number=number, values=values)
            grid.rows[-1] = grid.rows[-1].model_copy(update={"tried": tried})
    chosen = Chosen(
        study="full",
        number=1,
        values={LR: 0.1 / 9, HEADS: 2, MLP: 4},
        trials=3,
        failed=0,
        metric="accuracy",
        value=0.9,
        seed=0,
    )
    for seed in (0, 1):
        grid.run("full", seed)
        grid.rows[-1] = grid.rows[-1].model_copy(update={"chosen": chosen})
    grid.freeze(base="full")
    for run_id, value in {"run0": 0.7, "run2": 0.9, "run4": 0.8, "run6": 0.9, "run7": 0.8}.items():
        grid.record(run_id, value)
    grid.record("run1", 0.6)
    grid.fail("run3", "ValueError('no')")
    return grid


def test_every_trial_has_a_row_with_its_values_its_metric_and_what_became_of_it(tuned):
    table = trials_table(make_report(tuned.path).collection)
    assert table is not None
    assert [column.name for column in table.columns] == [
        *("variant", "trial", "lr", "mixer.heads", "mlp.heads", "accuracy", "state", "run")
    ]
    assert [[entry.text for entry in row] for row in table.rows] == [
        ["full", "0", "0.03333", "1", "4", "0.700", "done", "run0"],
        ["full", "1", "0.01111", "2", "4", "0.900", "done", "run2"],
        ["full", "2", "0.003704", "3", "4", "0.800", "done", "run4"],
        ["thin", "0", "0.03333", "1", "4", "0.600", "done", "run1"],
        ["thin", "1", "0.01111", "2", "4", "", "failed", "run3"],
        ["thin", "2", "0.003704", "3", "4", "", "missing", "run5"],
    ]
    best = [row[0].text + row[1].text for row in table.rows for entry in row if entry.best]
    assert best == ["full1"], "of `thin` none is chosen yet"


def test_an_untuned_grid_has_no_such_table(ablation):
    assert trials_table(make_report(ablation.path).collection) is None
    assert "Trials" not in to_html(make_report(ablation.path))


def test_the_page_lists_them_and_tells_why_one_failed(tuned):
    page = to_html(make_report(tuned.path))
    assert '<section aria-label="Trials">' in page
    assert "0.900<span" in page
    assert "<strong>thin, seed 0, trial 1</strong> ValueError(&#39;no&#39;)" in page


def test_each_trial_opens_on_the_page_with_its_curves_and_its_difference_to_the_base(tuned):
    tuned.curve("run3", {50: 0.2, 100: 0.3})
    page = to_html(make_report(tuned.path))
    places = re.findall(r'<tr data-run="(\d+)">(?:(?!</tr>).)*class="open">(run\d)<', page)
    assert places[:6] == [
        *(("2", "run0"), ("3", "run2"), ("4", "run4"), ("5", "run1"), ("6", "run3"), ("7", "run5"))
    ]
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    trial = data["runs"][6]
    assert trial["label"] == "thin, seed 0, trial 1"
    assert trial["curves"]["accuracy"] == [[50, 100], [0.2, 0.3]]
    assert ["trial 1", "lr=0.01111 mixer.heads=2 mlp.heads=4"] in trial["facts"]
    assert data["runs"][trial["base"]]["label"] == "full, seed 0"


def test_tables_say_of_how_many_trials_a_row_is_the_best(tuned):
    text = to_markdown(make_report(tuned.path))
    assert "the values of the best of its 3 trials, by accuracy at the last evaluation" in text
