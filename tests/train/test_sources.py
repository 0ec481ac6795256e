import subprocess
from pathlib import Path

import pytest

import seqzoo
from seqzoo.train.sources import commit_of, sources


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
