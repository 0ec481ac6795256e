import json
import os
import shutil
from pathlib import Path

import pytest

from seqzoo.errors import RunError, SpecError
from seqzoo.registry import load_registry
from seqzoo.train import Watch, load_trained, train
from seqzoo.train.directory import RunDirectory


def test_a_directory_belongs_to_one_run_whatever_its_name(make_spec, tmp_path: Path) -> None:
    spec = make_spec(name="first")
    with RunDirectory(tmp_path / "a" / "b", spec) as place:
        assert place.record() is None
        place.claim()
    with RunDirectory(tmp_path / "a" / "b", make_spec(name="renamed")):
        pass
    other = make_spec(seed=1)
    with pytest.raises(RunError) as caught, RunDirectory(tmp_path / "a" / "b", other):
        pass
    assert spec.run_id in str(caught.value)
    assert other.run_id in str(caught.value)


def test_two_sessions_at_once_are_refused(make_spec, tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="runs are not held on this system")
    with (
        RunDirectory(tmp_path, make_spec()),
        pytest.raises(RunError, match="another process is training in"),
    ):
        RunDirectory(tmp_path, make_spec()).__enter__()
    with RunDirectory(tmp_path, make_spec()):
        pass


def test_a_refusal_gives_the_lock_back(make_spec, tmp_path: Path) -> None:
    with RunDirectory(tmp_path, make_spec()) as place:
        place.claim()
    with pytest.raises(RunError, match="holds run"):
        RunDirectory(tmp_path, make_spec(seed=1)).__enter__()
    with RunDirectory(tmp_path, make_spec()):
        pass


@pytest.mark.parametrize("content", ["- [", "a list", "\x00"])
def test_an_unreadable_spec_is_named(make_spec, tmp_path: Path, content: str) -> None:
    (tmp_path / "spec.yaml").write_text(content)
    with pytest.raises(RunError, match=r"spec.yaml cannot be read"):
        RunDirectory(tmp_path, make_spec()).__enter__()


def test_a_grids_directory_and_strange_checkpoints_are_refused(make_spec, tmp_path: Path) -> None:
    (tmp_path / "checkpoint" / "step-00000001").mkdir(parents=True)
    with pytest.raises(RunError, match=r"no spec.yaml that says of which run"):
        RunDirectory(tmp_path, make_spec()).__enter__()
    (tmp_path / "plan.json").touch()
    with pytest.raises(RunError, match="holds a grid"):
        RunDirectory(tmp_path, make_spec()).__enter__()


def test_a_place_where_nothing_can_be_written_is_a_clear_error(make_spec, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot write .*/file/run: Not a directory"):
        RunDirectory(tmp_path / "file" / "run", make_spec()).__enter__()


def test_a_run_that_could_not_begin_leaves_the_directory_free(make_spec, tmp_path: Path) -> None:
    absent = make_spec(task={"type": "text", "path": str(tmp_path / "absent.txt")})
    with pytest.raises(SpecError, match="there is no text file"):
        train(absent, tmp_path / "run")
    assert train(make_spec({"steps": 1}), tmp_path / "run").steps == 1


@pytest.mark.parametrize("file", ["spec.yaml", "record.json"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(
    make_spec, tmp_path: Path, file: str
) -> None:
    os.mkfifo(tmp_path / file)
    with pytest.raises(RunError, match=rf"{file}.* cannot be read: .*it is a pipe"):
        train(make_spec(), tmp_path)


@pytest.mark.parametrize("name", ["word " * 60, "x" * 300, "- a: b #c\n\tend ", "é\u2028\x85"])
def test_a_spec_that_was_written_is_read_again(make_spec, tmp_path: Path, name: str) -> None:
    spec = make_spec({"steps": 1}, name=name)
    train(spec, tmp_path)
    again, _ = load_trained(tmp_path, load_registry(entry_points=[]))
    assert again == spec


def test_drafts_and_surplus_checkpoints_of_a_killed_session_are_cleared(
    make_spec, tmp_path: Path
) -> None:
    spec = make_spec()
    train(spec, tmp_path)
    (tmp_path / "record.json").unlink()
    (newest,) = (tmp_path / "checkpoint").iterdir()
    shutil.copytree(newest, newest.with_name("step-00000001"))
    for name in (".record.json.123", ".spec.yaml.4", ".metrics.jsonl.5"):
        (tmp_path / name).write_text("half", encoding="utf-8")
    (tmp_path / ".notes").write_text("mine", encoding="utf-8")
    train(spec, tmp_path)
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == [newest.name]
    hidden = sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("."))
    assert hidden == [".lock", ".notes"]


class _Vandal(Watch):
    """Does something to the run's directory after its first step."""

    def __init__(self, deed) -> None:
        self.deed = deed

    def logged(self, row) -> None:
        if self.deed is not None:
            self.deed()
        self.deed = None


@pytest.mark.parametrize("again", [False, True])
def test_a_run_whose_directory_vanishes_ends_with_an_error(
    again: bool, make_spec, tmp_path: Path
) -> None:
    place = tmp_path / "run"

    def vanish() -> None:
        place.rename(tmp_path / "moved")
        if again:
            place.mkdir()
            (place / ".lock").touch()

    with pytest.raises(RunError, match="was moved or deleted while the run trained"):
        train(make_spec(), place, watch=_Vandal(vanish))
    assert not (place / "record.json").exists()


def test_a_name_that_is_too_long_is_told(make_spec, tmp_path: Path) -> None:
    long = tmp_path / ("a" * 300)
    with pytest.raises(RunError, match="File name too long; name another folder"):
        train(make_spec(), long)
    with pytest.raises(RunError, match="cannot be read: File name too long"):
        load_trained(long, load_registry(entry_points=[]))


def test_a_record_whose_spec_is_another_runs_is_not_taken_for_this_run(
    make_spec, tmp_path: Path
) -> None:
    train(make_spec({"steps": 1}), tmp_path)
    path = tmp_path / "record.json"
    record = json.loads(path.read_text())
    record["spec"]["model"]["width"] = 16
    path.write_text(json.dumps(record))
    with pytest.raises(RunError, match=r"record.json says that it is of run .*, and its spec is"):
        train(make_spec({"steps": 1}), tmp_path)


def test_weights_of_another_run_are_not_loaded(make_spec, tmp_path: Path) -> None:
    for seed in (0, 1):
        train(make_spec({"steps": 1}, seed=seed), tmp_path / str(seed))
    shutil.copy(tmp_path / "1" / "spec.yaml", tmp_path / "0" / "spec.yaml")
    with pytest.raises(RunError, match=r"step-00000001 is of run \w+, and .*spec.yaml of run"):
        load_trained(tmp_path / "0", load_registry(entry_points=[]))


def test_a_link_to_nowhere_is_told_as_one(make_spec, tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to("gone")
    with pytest.raises(RunError, match=r"run is a link to gone, which does not exist; make"):
        RunDirectory(tmp_path / "run", make_spec()).__enter__()
