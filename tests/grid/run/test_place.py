import pytest

from seqzoo.errors import DirectoryError, RunError
from seqzoo.grid.run.place import (
    clear_drafts,
    refuse_missing_directory,
    refuse_run_directory,
)


@pytest.mark.parametrize("name", ["spec.yaml", "record.json", "metrics.jsonl", "checkpoint/x"])
def test_the_directory_of_a_run_is_no_place_for_a_grid(name, tmp_path):
    path = tmp_path / "run" / name
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(DirectoryError, match=r"run holds a run \(.*\); choose another --out"):
        refuse_run_directory(tmp_path / "run")


def test_nor_is_a_file(tmp_path):
    (tmp_path / "run.yaml").touch()
    with pytest.raises(DirectoryError, match=r"run\.yaml is a file; --out names a folder"):
        refuse_run_directory(tmp_path / "run.yaml")


@pytest.mark.parametrize("inner", ["runs", "runs/a"])
def test_nor_is_a_directory_among_the_runs_of_a_grid(inner, tmp_path):
    (tmp_path / "plan.json").touch()
    with pytest.raises(DirectoryError, match="lies among the runs of the grid in"):
        refuse_run_directory(tmp_path / inner)


def test_a_grids_own_directory_an_empty_one_and_a_new_one_are_right(tmp_path):
    refuse_run_directory(tmp_path)
    refuse_run_directory(tmp_path / "new")
    (tmp_path / "plan.json").touch()
    refuse_run_directory(tmp_path)
    refuse_run_directory(tmp_path / "elsewhere")
    refuse_missing_directory(tmp_path)


def test_a_directory_that_vanished_is_an_error(tmp_path):
    with pytest.raises(RunError, match=r"plan\.json is gone: .* while the grid worked"):
        refuse_missing_directory(tmp_path)


def test_drafts_of_the_plan_are_cleared_and_nothing_else(tmp_path):
    for name in (".plan.json.123", ".plan.json.4", "plan.json", ".other"):
        (tmp_path / name).touch()
    clear_drafts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other", "plan.json"]


def test_a_name_that_no_file_system_takes_is_an_error(tmp_path):
    with pytest.raises(DirectoryError, match=r"cannot be used \(File name too long\); choose an"):
        refuse_run_directory(tmp_path / ("n" * 300))
