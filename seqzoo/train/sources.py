"""The commit of the code that a run uses, according to git.

A repository can configure programs that git runs by itself: a file system monitor, hooks, filters.
A run must not start programs from the folder it happens to run in, so every call of git switches
them off.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from seqzoo.train.record import Commit, Sources

__all__ = ["changed_files", "commit_of", "sources"]

PATIENCE_S = 10
QUIET = ("core.fsmonitor=false", f"core.hooksPath={os.devnull}", "submodule.recurse=false")
# Of a status: no program of a submodule, and no renames, for which missing objects are fetched.
STATUS = ("status", "--porcelain", "--ignore-submodules=all", "--no-renames")


def sources() -> Sources:
    """Commits of the current directory's repository, and of seqzoo's own if it is a checkout."""
    own = Path(__file__)
    try:
        checkout = _git(own.parent, "ls-files", "--error-unmatch", own.name) is not None
    except _NoAnswer:
        checkout = False
    return Sources(
        working_directory=commit_of(Path.cwd()),
        seqzoo=commit_of(own.parent) if checkout else None,
    )


class _NoAnswer(Exception):  # noqa: N818 - nothing is wrong, git is not asked again
    """Git did not answer in time, as when a pipe stands where it reads a file."""


def commit_of(folder: Path) -> Commit | None:
    """The commit a folder is at; None without a repository, a commit in it, or git.

    Untracked files, such as the output of runs, do not make it dirty.
    """
    try:
        commit = _git(folder, "rev-parse", "--verify", "HEAD")
        changes = _status(folder, "--untracked-files=no") if commit else None
    except _NoAnswer:
        return None
    if not commit or changes is None:
        return None
    return Commit(commit=commit.strip(), dirty=bool(changes.strip()))


def changed_files(path: Path) -> bool | None:
    """Whether a folder or file differs from its commit, untracked files too; None without one."""
    folder, name = (path, ".") if path.is_dir() else (path.parent, path.name)
    try:
        if _git(folder, "rev-parse", "--verify", "HEAD") is None:
            return None
        changes = _status(folder, "--untracked-files=all", "--", name)
    except _NoAnswer:
        return None
    return None if changes is None else bool(changes.strip())


def _status(folder: Path, *arguments: str) -> str | None:
    """What has changed; None also if a filter's name has a `=`, which -c cannot switch off."""
    filters = _git(folder, "config", "-z", "--name-only", "--get-regexp", r"^filter\.")
    keys = [key for key in (filters or "").split("\0") if key]
    if any("=" in key for key in keys):
        return None
    return _git(folder, *STATUS, *arguments, settings=[f"{key}=" for key in keys])


def _git(folder: Path, *arguments: str, settings: list[str] | None = None) -> str | None:
    """What git prints, or None if it fails or is not there.

    Raises:
        _NoAnswer: it takes too long.
    """
    program = shutil.which("git")
    if program is None or not Path(program).is_absolute():
        return None
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    switched = [word for each in (*QUIET, *(settings or ())) for word in ("-c", each)]
    try:
        ended = subprocess.run(
            [program, *switched, "-C", str(folder), *arguments],
            env={**inherited, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _NoAnswer from None
    except OSError:
        return None
    return ended.stdout if ended.returncode == 0 else None
