"""Which commit the code of a run was, asked of git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from seqzoo.train.record import Commit, Sources

__all__ = ["commit_of", "sources"]

PATIENCE_S = 10


def sources() -> Sources:
    """Commits of the current directory's repository, and of seqzoo's own if it is a checkout."""
    own = Path(__file__)
    checkout = _git(own.parent, "ls-files", "--error-unmatch", own.name) is not None
    return Sources(
        working_directory=commit_of(Path.cwd()),
        seqzoo=commit_of(own.parent) if checkout else None,
    )


def commit_of(folder: Path) -> Commit | None:
    """The commit a folder is at; None without a repository, a commit in it, or git.

    Files that git does not track do not make it dirty: what runs leave lies among them.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if not commit or changes is None:
        return None
    return Commit(commit=commit.strip(), dirty=bool(changes.strip()))


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints, or None if it fails, is not there or takes too long."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        ended = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            env={**inherited, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout if ended.returncode == 0 else None
