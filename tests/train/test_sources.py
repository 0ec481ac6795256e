import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import seqzoo
from seqzoo.train.sources import changed_files, commit_of, sources


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    command = ["git", *identity, "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "run.yaml").write_text("seed: 0")
    git(tmp_path, "add", "run.yaml")
    git(tmp_path, "commit", "-q", "-m", "a run")
    return tmp_path


def test_a_commit_and_whether_tracked_files_differ_from_it(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "out").mkdir()
    (repository / "out" / "record.json").write_text("{}")  # what a run leaves
    clean = commit_of(repository / "out")
    assert clean is not None
    assert (clean.commit, clean.dirty) == (commit, False)
    (repository / "run.yaml").write_text("seed: 1")
    dirty = commit_of(repository)
    assert dirty is not None
    assert (dirty.commit, dirty.dirty) == (commit, True)


def test_no_repository_no_commit_or_no_git_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit_of(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert commit_of(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert commit_of(tmp_path) is None


def test_the_working_directory_is_the_callers(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    found = sources()
    assert found.working_directory == commit_of(repository)
    assert found.seqzoo == commit_of(Path(seqzoo.__file__).parent)
    # A git hook's environment points elsewhere, and is not followed.
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert sources() == found


def test_no_program_of_the_repository_is_run(repository: Path, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {sprung}\ncat\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "filter.trap.clean", "diff.trap.textconv"):
        git(repository, "config", key, str(trap))
    git(repository, "config", "filter.trap.required", "true")
    (repository / ".gitattributes").write_text("* filter=trap diff=trap\n")
    hooks = repository / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-index-change", "fsmonitor-watchman"):
        shutil.copy(trap, hooks / hook)
    (repository / "run.yaml").write_text("seed: 7")  # as long as it was: git has to look inside
    sprung.unlink(missing_ok=True)
    found = commit_of(repository)
    assert found is not None
    assert found.dirty
    assert changed_files(repository / "run.yaml")
    assert not sprung.exists()
    git(repository, "status")
    assert sprung.exists(), "the trap works"


def test_a_filter_whose_name_defeats_the_switch_is_not_run(
    repository: Path, tmp_path: Path
) -> None:
    sprung = tmp_path / "sprung"
    trap = f'[filter "a=b"]\n clean = touch {sprung}; cat\n'  # -c filter.a=b.clean= sets filter.a
    with (repository / ".git" / "config").open("a") as file:
        file.write(trap)
    (repository / ".git" / "info").mkdir(exist_ok=True)
    (repository / ".git" / "info" / "attributes").write_text("*.yaml filter=a=b\n")
    (repository / "run.yaml").write_text("seed: 7")
    assert commit_of(repository) is None
    assert changed_files(repository / "run.yaml") is None
    assert not sprung.exists()
    git(repository, "status")
    assert sprung.exists(), "the trap works"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_git_that_waits_for_a_pipe_is_asked_once(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(repository / "pipe")
    git(repository, "config", "include.path", "../pipe")
    monkeypatch.setattr("seqzoo.train.sources.PATIENCE_S", 0.5)
    begin = time.monotonic()
    assert commit_of(repository) is None
    assert changed_files(repository) is None
    assert time.monotonic() - begin < 2 * 0.5 + 0.9, "once each"


def test_untracked_code_counts_as_changed(repository: Path) -> None:
    assert changed_files(repository) is False
    (repository / "my_layer.py").touch()
    assert changed_files(repository) is True
    assert changed_files(repository / "my_layer.py") is True
    assert changed_files(repository / "run.yaml") is False


def test_no_git_in_the_working_directory_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "git").write_text(f"#!/bin/sh\ntouch {tmp_path / 'sprung'}\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    assert commit_of(tmp_path) is None
    assert not (tmp_path / "sprung").exists()
