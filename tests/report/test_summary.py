from seqzoo.report import make_report
from seqzoo.train.record import DeviceFacts


def test_the_heading_of_a_whole_grid(grid):
    grid.cell("a", {0: 0.5})
    grid.freeze()
    assert make_report(grid.path).heading == f"test: 1 of 1 runs done, 1 seed, from {grid.path}"


def test_notes_say_only_what_occurs(grid):
    grid.cell("a", {0: 0.5})
    grid.freeze()
    assert make_report(grid.path).notes == []


def test_notes_of_an_ablation(ablation):
    heads = [note.partition(":")[0] for note in make_report(ablation.path).notes]
    assert heads == [
        "mean ± sample standard deviation over seeds",
        "* best of its column",
        "vs base",
        "steps to a target",
        "failed",
        "missing",
    ]


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
    assert second.startswith("thin, parity, seed 1: diverged at step 7 (")
