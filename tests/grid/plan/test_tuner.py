"""Tuning with a sampler of a third party, and runs that are over as soon as they start."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import seqzoo
from seqzoo.errors import RunError
from seqzoo.grid import Outcome, Sampler, Study, View, run_grid
from seqzoo.grid.plan.plan import read_plan
from seqzoo.grid.plan.tuner import States
from seqzoo.grid.run import driver
from seqzoo.grid.run.job import Finished
from seqzoo.grid.run.ledger import Ledger
from seqzoo.registry import Origin, Registry
from seqzoo.report import make_report, to_json, to_markdown

LR = "train.optimizer.lr"
GRID = """\
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: parity, length: 8}
  train: {steps: 10}
variants: {full: {}, no-mlp: {model.mlp: null}}
seeds: [0, 1]
sampler: {type: halving, trials: 3, space: {train.optimizer.lr: {low: 1e-4, high: 1e-1, log: true}}}
"""


class Halving(Sampler):
    """Halves the rate, trial by trial; keeps what it was asked."""

    name = "halving"
    asked: tuple[Study, ...] = ()

    def propose(self, study: Study, directory: Path) -> Mapping[str, Any]:
        Halving.asked += (study,)
        return {LR: 0.08 * 0.5 ** len(study.trials)}


@pytest.fixture
def registry() -> Registry:
    registry = seqzoo.load_registry([])
    registry.add(Halving, Origin("third", "third-party", "1"))
    return registry


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(Halving, "asked", ())


@pytest.fixture
def work(make_record):
    """Leaves a record: the accuracy falls with the distance of the rate from 0.04."""

    class Work:
        def __init__(self) -> None:
            self.done: list[str] = []
            self.diverge_above = math.inf
            self.fail_above = math.inf
            self.target = math.inf

        def __call__(self, job, send) -> None:
            self.done.append(job.label)
            rate = job.spec["train"]["optimizer"]["lr"]
            if rate > self.fail_above:
                send(Finished(job, error="ValueError('no')", traceback="Traceback: no"))
                return
            job.directory.mkdir(parents=True, exist_ok=True)
            bad = rate > self.diverge_above
            accuracy = 1 - abs(rate - 0.04) - 0.01 * job.spec["seed"]
            record = make_record(
                job.run_id,
                accuracy,
                seed=job.spec["seed"],
                status="diverged" if bad else "done",
                reached_at=5 if accuracy >= self.target else None,
            )
            (job.directory / "record.json").write_text(record.model_dump_json(), encoding="utf-8")
            send(Finished(job, error="diverged" if bad else None))

    return Work()


@pytest.fixture
def run(tuner_of):
    def run(text: str, registry: Registry, out: Path, executor, work) -> Outcome:
        tuner = tuner_of(text, registry)
        return run_grid(tuner.plan("g"), out, executor, work, View(), tuner)

    return run


def test_each_variant_is_tuned_and_compared_with_its_best(run, registry, tmp_path, inline, work):
    outcome = run(GRID, registry, tmp_path, inline(), work)
    assert (outcome.total, outcome.done, outcome.failures) == (8, 8, ())
    assert not outcome.interrupted
    assert len(work.done) == len(set(work.done)) == 8, "3 trials and one more seed, twice"
    assert work.done[0] == "full, seed 0, trial 0: lr=0.08"
    cells = make_report(tmp_path).cells
    assert [(cell.variant, dict(cell.values)) for cell in cells] == [
        ("full", {0: 1.0, 1: 0.99}),
        ("no-mlp", {0: 1.0, 1: 0.99}),
    ]
    for cell in cells:
        assert cell.chosen is not None
        facts = (cell.chosen.number, cell.chosen.values, cell.chosen.trials, cell.chosen.failed)
        assert facts == (1, {LR: 0.04}, 3, 0)


def test_a_sampler_is_told_what_came_of_its_trials(run, registry, tmp_path, inline, work):
    run(GRID, registry, tmp_path, inline(workers=1), work)
    full = [study for study in Halving.asked if study.name.startswith("full")]
    assert [len(study.trials) for study in full] == [0, 1, 2]
    assert [(t.number, t.values, t.state, t.metric) for t in full[2].trials] == [
        (0, {LR: 0.08}, "done", 0.96),
        (1, {LR: 0.04}, "done", 1.0),
    ]
    assert full[0].higher_is_better


def test_the_trials_seed_is_one_that_is_compared_unless_another_is_asked_for(
    run, registry, tmp_path, inline, work
):
    run(GRID, registry, tmp_path / "same", inline(), work)
    assert "that trial is its run of seed 0, which flatters it" in to_markdown(
        make_report(tmp_path / "same")
    )
    text = GRID.replace("trials: 3", "trials: 3, seed: 7")
    outcome = run(text, registry, tmp_path / "other", inline(), work)
    assert outcome.total == 10
    report = make_report(tmp_path / "other")
    assert "with seed 7, which is not compared" in to_markdown(report)
    assert [sorted(cell.values) for cell in report.cells] == [[0, 1], [0, 1]]
    assert report.cells[0].chosen is not None
    assert (report.cells[0].chosen.seed, report.cells[0].chosen.value) == (7, pytest.approx(0.93))


def test_a_report_says_what_was_chosen_and_keeps_every_trial(run, registry, tmp_path, inline, work):
    run(GRID, registry, tmp_path, inline(), work)
    report = make_report(tmp_path)
    assert "4 of 4 runs done, 6 trials, 2 seeds" in report.heading
    tuned = report.tables(100)[-1]
    assert tuned.title == "Tuned"
    assert [column.name for column in tuned.columns] == [
        *("variant", "lr", "trials", "best accuracy", "seed")
    ]
    assert [entry.text for entry in tuned.rows[0]] == ["full", "0.04", "3", "1.000", "0"]
    text = to_json(report)
    assert f'"{LR}": 0.04' in text
    assert text.count('"number":') == 6


def test_an_interrupted_grid_goes_on_where_it_was(tuner_of, run, registry, tmp_path, inline, work):
    tuner = tuner_of(GRID, registry)

    class Stopping(View):
        def finished(self, news, counts):
            if len(work.done) == 3:
                import os
                import signal

                os.kill(os.getpid(), signal.SIGINT)

    first = run_grid(tuner.plan("g"), tmp_path, inline(workers=1), work, Stopping(), tuner)
    assert first.interrupted
    assert (first.done, first.total) == (3, 8)
    missing = make_report(tmp_path)
    assert [cell.missing for cell in missing.cells] == [2, 2]
    second = run(GRID, registry, tmp_path, inline(workers=1), work)
    assert (second.done, second.interrupted) == (8, False)
    assert len(work.done) == len(set(work.done)) == 8


def test_two_processes_never_ask_for_one_trial_twice(tuner_of, registry, tmp_path, inline, work):
    """The second comes while the first has its runs at hand, and does what is left to do."""

    class Second(View):
        def started(self, job):
            if len(work.done) == 1:
                work.done.append("second comes")
                other = tuner_of(GRID, registry)
                plan = read_plan(tmp_path)
                with Ledger(tmp_path) as ledger, ledger.transaction():
                    states: States = {row.run_id: row.state for row in ledger.rows()}
                    grown = other.grow(plan, tmp_path, states, wanted=1)
                tried = [row.tried for row in grown.runs if row.tried]
                assert len({(each.study, each.number) for each in tried}) == len(tried)

    tuner = tuner_of(GRID, registry)
    run_grid(tuner.plan("g"), tmp_path, inline(), work, Second(), tuner)
    assert "second comes" in work.done


def test_two_processes_tuning_one_directory_share_the_trials_and_do_none_twice(
    run, registry, tmp_path, inline, work
):
    """Threads stand for processes: all they share is the directory."""
    text = GRID.replace("trials: 3", "trials: 12")
    meet = threading.Barrier(2)
    done: dict[int, list[str]] = {0: [], 1: []}

    def one(number: int) -> Outcome:
        def slowly(job, send) -> None:
            if not done[number]:
                meet.wait(timeout=60)  # both have a run at hand before either goes on
            done[number].append(job.label)
            work(job, send)

        return run(text, registry, tmp_path, inline(workers=2), slowly)

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(one, range(2)))
    assert [(each.total, each.done, each.interrupted) for each in outcomes] == [(26, 26, False)] * 2
    assert len(work.done) == len(set(work.done)) == 26, "12 trials and one more seed, twice"
    tried = [row.tried for row in read_plan(tmp_path).runs if row.tried]
    for study in {each.study for each in tried}:
        assert [each.number for each in tried if each.study == study] == list(range(12))
    assert [cell.values for cell in make_report(tmp_path).cells] == [{0: 1.0, 1: 0.99}] * 2


def test_a_trial_that_diverges_is_an_answer(run, registry, tmp_path, inline, work):
    work.diverge_above = 0.05
    outcome = run(GRID, registry, tmp_path, inline(), work)
    assert outcome.failures == ()
    chosen = make_report(tmp_path).cells[0].chosen
    assert chosen is not None
    assert (chosen.number, chosen.failed) == (1, 1)
    before = len(work.done)
    assert run(GRID, registry, tmp_path, inline(), work).failures == ()
    assert len(work.done) == before, "it is not tried again"


def test_a_trial_that_fails_is_told_and_one_with_no_result_leaves_no_run(
    run, registry, tmp_path, inline, work
):
    work.fail_above = 0.0
    outcome = run(GRID, registry, tmp_path, inline(), work)
    labels = [failure.label for failure in outcome.failures]
    assert labels[0] == "full, seed 0, trial 0: lr=0.08"
    assert [failure.error for failure in outcome.failures][-2:] == ["all its trials failed"] * 2
    report = make_report(tmp_path)
    assert [cell.failed for cell in report.cells] == [2, 2]
    assert "all 3 trials of 'full" in report.failures[0]
    work.fail_above = math.inf
    assert run(GRID, registry, tmp_path, inline(), work).failures == ()
    assert [cell.n for cell in make_report(tmp_path).cells] == [2, 2]


def test_a_failed_trial_that_is_better_when_done_again_is_chosen(
    run, registry, tmp_path, inline, work
):
    work.fail_above = 0.03  # the rates are 0.08, 0.04 and 0.02: the last is all there is
    assert len(run(GRID, registry, tmp_path, inline(), work).failures) == 4
    (full, _) = make_report(tmp_path).cells
    assert full.chosen is not None
    assert (full.chosen.number, full.chosen.failed) == (2, 2)
    assert full.values == pytest.approx({0: 0.98, 1: 0.97})
    work.fail_above = 0.05
    assert len(run(GRID, registry, tmp_path, inline(), work).failures) == 2
    (full, _) = make_report(tmp_path).cells
    assert full.chosen is not None
    assert (full.chosen.number, full.chosen.failed) == (1, 1)
    assert full.values == pytest.approx({0: 1.0, 1: 0.99})
    work.fail_above = math.inf
    before = len(work.done)
    assert run(GRID, registry, tmp_path, inline(), work).failures == ()
    assert len(work.done) == before + 2, "one trial a cell: an unchanged comparison stays"
    (full, _) = make_report(tmp_path).cells
    assert full.chosen is not None
    assert (full.chosen.number, full.chosen.failed) == (1, 0)
    assert len([row for row in read_plan(tmp_path).runs if row.chosen]) == 4


def test_trials_may_be_added_and_the_choice_is_made_anew(run, registry, tmp_path, inline, work):
    text = GRID.replace("trials: 3", "trials: 1")
    run(text, registry, tmp_path, inline(), work)
    assert [cell.values[1] for cell in make_report(tmp_path).cells] == pytest.approx([0.95, 0.95])
    outcome = run(GRID, registry, tmp_path, inline(), work)
    assert (outcome.total, outcome.done) == (8, 8)
    assert [cell.values[1] for cell in make_report(tmp_path).cells] == [0.99, 0.99]
    with pytest.raises(RunError, match="it has 3 trials a cell, and this one 1"):
        run(text, registry, tmp_path, inline(), work)


def test_cells_may_be_added_and_axes_reordered(run, registry, tmp_path, inline, work):
    """With one task its length is not needed to name the cell; with two of a type it is."""
    task = "{type: parity, length: 8}"
    axes = f"axes: {{task: [{task}], model.width: [16]}}"
    text = GRID.replace("variants: {full: {}, no-mlp: {model.mlp: null}}", axes)
    assert run(text, registry, tmp_path, inline(), work).total == 4
    longer = f"axes: {{model.width: [16], task: [{task}, {{type: parity, length: 12}}]}}"
    assert run(text.replace(axes, longer), registry, tmp_path, inline(), work).failures == ()
    assert len(work.done) == 8, "the trials and the comparison of the first cell are kept"
    assert [cell.values for cell in make_report(tmp_path).cells] == [{0: 1.0, 1: 0.99}] * 2
    names = [study.name for study in read_plan(tmp_path).studies]
    assert [name.partition(" (")[0] for name in names] == [
        "width=16 parity length=8",
        "width=16 parity length=12",
    ]


UNTIL = GRID.replace("steps: 10", "steps: 10, stop: {target: 0.95}").replace(
    "trials: 3", "trials: 3, until_target: true"
)


def test_until_target_ends_a_cells_trials_with_the_first_that_meets_it(
    run, registry, tmp_path, inline, work
):
    work.target = 0.95  # the first rate, 0.08, has 0.96
    outcome = run(UNTIL, registry, tmp_path, inline(workers=1), work)
    assert (outcome.total, outcome.done, outcome.interrupted) == (4, 4, False)
    assert len(work.done) == 4, "one trial and one more seed, twice"
    chosen = [cell.chosen for cell in make_report(tmp_path).cells]
    assert [(each.trials, each.values) for each in chosen if each] == [(1, {LR: 0.08})] * 2
    more = UNTIL.replace("trials: 3", "trials: 6")
    outcome = run(more, registry, tmp_path, inline(workers=1), work)
    assert (outcome.total, len(work.done)) == (4, 4), "more trials change nothing there"


def test_until_target_takes_the_best_of_all_trials_where_none_meets_it(
    run, registry, tmp_path, inline, work
):
    outcome = run(UNTIL, registry, tmp_path, inline(workers=1), work)
    assert (outcome.total, outcome.done) == (8, 8)
    chosen = [cell.chosen for cell in make_report(tmp_path).cells]
    assert [(each.trials, each.number) for each in chosen if each] == [(3, 1)] * 2


def test_a_cell_that_met_the_target_waits_for_its_open_trials(
    run, registry, tmp_path, inline, work
):
    """Two workers try two rates at once; the second is better, though the first met the target."""
    work.target = 0.95
    text = UNTIL.replace(", no-mlp: {model.mlp: null}", "")
    outcome = run(text, registry, tmp_path, inline(workers=2), work)
    assert (outcome.total, outcome.done) == (3, 3)
    (cell,) = make_report(tmp_path).cells
    assert cell.chosen is not None
    assert (cell.chosen.trials, cell.chosen.values) == (2, {LR: 0.04})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("high: 1e-1", "high: 1e-2", f"sampler: space.{LR}.high is 0.1 there, 0.01 here"),
        ("steps: 10", "steps: 20", "its tuned cell 'full .*train.steps is 10 there, 20 here"),
        (", no-mlp: {model.mlp: null}", "", "its tuned cell 'no-mlp .*has no such cell"),
    ],
)
def test_another_space_or_cell_is_refused(
    run, old, new, message, registry, tmp_path, inline, work
) -> None:
    run(GRID, registry, tmp_path, inline(), work)
    with pytest.raises(RunError, match=message):
        run(GRID.replace(old, new), registry, tmp_path, inline(), work)


def test_a_tuned_grid_stays_tuned(tuner_of, run, registry, tmp_path, inline, work):
    run(GRID, registry, tmp_path, inline(), work)
    tuner = tuner_of(GRID, registry)
    plain = tuner.plan("g").model_copy(update={"studies": (), "sampler": None})
    with pytest.raises(RunError, match="it is tuned, and this one is not"):
        run_grid(plain, tmp_path, inline(), work, View())


def test_a_cell_in_which_nothing_is_tuned_is_compared_as_written(
    tuner_of, registry, tmp_path, inline, work
):
    text = GRID.replace("no-mlp: {model.mlp: null}", "prism: {model.mixer: recurrent}")
    text = text.replace(f"{LR}: {{low: 1e-4, high: 1e-1, log: true}}", "model.mixer.key_size: [4]")
    plan = tuner_of(text, registry).plan("g")
    assert [study.variant for study in plan.studies] == ["prism"]
    assert [(row.variant, row.seed) for row in plan.runs] == [("full", 0), ("full", 1)]
