import pytest

from seqzoo.errors import RunError
from seqzoo.report.collect.directory import collect
from seqzoo.train.record import write_record


def test_a_grid_with_all_that_can_become_of_a_run(ablation):
    collection = collect(ablation.path)
    assert (collection.name, collection.base) == ("test", "full")
    assert collection.axes == ("task.type",)
    states = [result.state for result in collection.results]
    assert states == ["done"] * 6 + ["done", "failed", "done", "failed", "missing", "missing"]
    failed, diverged = (result for result in collection.results if result.state == "failed")
    assert failed.error == "ValueError('no')"
    assert diverged.error == "diverged at step 7"
    assert diverged.record is not None, "its record is kept"
    first = collection.results[0]
    assert (first.variant, first.seed, first.max_steps, first.target) == ("full", 0, 100, 0.9)


def test_a_failure_that_was_made_good_is_done(grid):
    run = grid.run("a")
    grid.freeze()
    grid.fail(run, "first attempt")
    grid.record(run, 0.5)
    assert collect(grid.path).results[0].state == "done"


def test_a_damaged_record_is_a_failure_of_its_run_alone(grid):
    bad, good = grid.run("a"), grid.run("b")
    grid.freeze()
    grid.record(bad, 0.5)
    grid.record(good, 0.5)
    (grid.path / "runs" / bad / "record.json").write_text("{", encoding="utf-8")
    damaged, fine = collect(grid.path).results
    assert (damaged.state, fine.state) == ("failed", "done")
    assert "record.json is damaged" in (damaged.error or "")


def test_one_run_alone(tmp_path, make_record):
    write_record(tmp_path / "record.json", make_record("abc", 0.75, name="mine", target=0.9))
    collection = collect(tmp_path)
    (result,) = collection.results
    assert (collection.name, collection.base, collection.axes) == ("mine", "", ())
    assert (result.run_id, result.state, result.target) == ("abc", "done", 0.9)
    write_record(tmp_path / "record.json", make_record("abc", 0.75, status="diverged"))
    collection = collect(tmp_path)
    assert collection.name == tmp_path.name
    assert collection.results[0].error == "diverged at step 100"


def test_what_is_no_grid_and_no_run_is_told_as_such(tmp_path):
    with pytest.raises(RunError, match="no such directory; give the --out"):
        collect(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"neither a grid \(plan.json\) nor a run \(record.json\)"):
        collect(tmp_path)
    (tmp_path / "spec.yaml").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match="this run has not ended yet"):
        collect(tmp_path)
