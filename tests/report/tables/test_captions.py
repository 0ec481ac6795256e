from seqzoo.report import make_report, to_latex
from seqzoo.train.record import DeviceFacts


def notes_of(grid):
    report = make_report(grid.path)
    return report.notes(report.tables(120))


def test_the_heading_of_a_whole_grid(grid):
    grid.cell("a", {0: 0.5})
    grid.freeze()
    assert make_report(grid.path).heading == f"test: 1 of 1 run done, 1 seed, from {grid.path}"


def test_a_run_that_two_cells_share_counts_once(grid):
    grid.cell("a", {0: 0.5, 1: 0.5})
    grid.rows.append(grid.rows[0].model_copy(update={"variant": "b"}))
    grid.freeze()
    assert make_report(grid.path).heading.startswith("test: 2 of 2 runs done, 2 seeds")
    assert "cells share 1 run, done once" in notes_of(grid)


def test_notes_say_only_what_occurs(grid):
    grid.cell("a", {0: 0.5})
    grid.freeze()
    assert notes_of(grid) == []


def test_notes_of_an_ablation(ablation):
    heads = [note.partition(":")[0] for note in notes_of(ablation)]
    assert heads == [
        "mean ± sample standard deviation over seeds",
        "* best of its column",
        "vs base",
        "steps to a target",
        "≥, ≤, ~",
        "failed",
        "missing",
    ]


def test_the_mark_of_the_best_is_explained_only_where_one_is_marked(grid, make_grid):
    grid.cell("a", {0: 0.5})
    grid.cell("b", {0: 0.6})
    grid.freeze()
    assert notes_of(grid) == ["* best of its column"]
    assert "bold: best of its column" in to_latex(make_report(grid.path))
    one = make_grid("one")
    one.cell("a", {0: 0.5}, {"task.type": "xor"})
    one.cell("a", {0: 0.6}, {"task.type": "parity"})
    one.freeze()
    assert notes_of(one) == [], "tasks are not compared with each other"
    alone = make_grid("alone")
    alone.cell("a", {0: 0.5})
    alone.run("b")
    alone.freeze()
    assert notes_of(alone) == ["missing: not done yet"], "one measured cell is the best of nothing"
    assert "best of" not in to_latex(make_report(one.path))


def test_each_machine_is_named_once(grid):
    grid.cell("a", {0: 0.5, 1: 0.5})
    other = DeviceFacts(kind="cuda", name="a GPU", threads=8)
    grid.cell("b", {0: 0.5}, device=other)
    grid.freeze()
    assert [line.split(", torch")[0] for line in make_report(grid.path).machines] == [
        "a processor, 1 thread a run",
        "a GPU, 8 threads a run",
    ]


def test_failures_name_the_run_the_error_and_the_file(ablation):
    first, second = make_report(ablation.path).failures
    path = ablation.path / "runs" / "run7" / "failure.txt"
    assert first == f"full, parity, seed 1: ValueError('no') ({path})"
    assert second == "thin, parity, seed 1: diverged at step 7", "it left no failure.txt"


def test_runs_that_fail_alike_are_told_once(grid):
    for seed in range(8):
        grid.run("a", seed)
    grid.freeze()
    for place in range(7):
        grid.fail(f"run{place}", f"run run{place} diverged")
    grid.fail("run7", "ValueError('no')")
    paths = [grid.path / "runs" / name / "failure.txt" for name in ("run0", "run7")]
    assert make_report(grid.path).failures == [
        f"a, seed 0 and 6 others: run run0 diverged ({paths[0]})",
        f"a, seed 7: ValueError('no') ({paths[1]})",
    ]
