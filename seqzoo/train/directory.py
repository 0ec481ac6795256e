"""A run's directory: which run it belongs to, its files, and a lock for the process that writes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import TracebackType

import yaml

from seqzoo.errors import DirectoryError, RunError
from seqzoo.files import read_regular, write_whole, writing
from seqzoo.spec.run import RunSpec, run_id_of
from seqzoo.spec.write import yaml_of
from seqzoo.train import checkpoint
from seqzoo.train.record import Record, read_record

try:
    import fcntl
except ImportError:  # Windows: runs are not held there
    fcntl = None

__all__ = ["HeldError", "RunDirectory", "is_held"]

DRAFT = re.compile(r"\..+\.\d+")  # of `write_whole`: .NAME.PID


class HeldError(RunError):
    """Another process trains in the directory."""


def is_held(path: Path) -> bool:
    """Whether a process trains in a run's directory; False where the system has no locks."""
    if fcntl is None:
        return False
    try:
        lock = os.open(path / ".lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
    return False


class RunDirectory:
    """The directory of one run, held while the `with` block lasts.

    Raises:
        RunError: it cannot be written, holds another run, or another process trains in it.
    """

    def __init__(self, path: Path, spec: RunSpec) -> None:
        self.path = path
        self._spec = spec
        self._lock: int | None = None

    @property
    def record_file(self) -> Path:
        """record.json."""
        return self.path / "record.json"

    @property
    def checkpoints(self) -> Path:
        """checkpoint/, see `seqzoo.train.checkpoint`."""
        return self.path / "checkpoint"

    def __enter__(self) -> RunDirectory:
        try:
            if self.path.exists() and not self.path.is_dir():
                raise DirectoryError(f"{self.path} is a file; --out names a folder")
            if self.path.is_symlink() and not self.path.exists():
                raise DirectoryError(
                    f"{self.path} is a link to {self.path.readlink()}, which does not exist; make "
                    "that folder, or remove the link"
                )
        except OSError as failure:  # such as a name that is too long
            raise DirectoryError(
                f"--out {self.path}: {failure.strerror}; name another folder"
            ) from None
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        self._hold()
        try:
            self._check()
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._release()

    def record(self) -> Record | None:
        """The record, if the run has finished.

        Raises:
            RunError: it is damaged.
        """
        return read_record(self.record_file) if self.record_file.exists() else None

    def claim(self) -> None:
        """Claim the directory for this run: write spec.yaml, clean up after a killed session.

        A spec.yaml of the same run may differ in what its id leaves out, and is brought up to date.

        Raises:
            RunError: it cannot be written.
        """
        spec_file = self.path / "spec.yaml"
        text = yaml_of(self._spec.resolved())
        text = f"# run {self._spec.run_id}, resolved: every default written out\n{text}"
        if not spec_file.exists() or read_regular(spec_file) != text.encode():
            write_whole(spec_file, text)
        for draft in self.path.iterdir():
            if DRAFT.fullmatch(draft.name):
                draft.unlink(missing_ok=True)
        checkpoint.clean(self.checkpoints, self._spec.train.checkpoint.keep)

    def check_presence(self) -> None:
        """Do nothing if the directory is the one that was entered.

        Raises:
            RunError: it was moved, deleted or replaced while the run trained.
        """
        lock = self.path / ".lock"
        if self._lock is None:
            is_there = self.path.is_dir()
        else:
            is_there = lock.exists() and os.path.samestat(lock.stat(), os.fstat(self._lock))
        if not is_there:
            raise RunError(
                f"{self.path} was moved or deleted while the run trained, so nothing can be "
                "written to it; put it back, or run the same command again"
            )

    def _check(self) -> None:
        """Check that the directory holds no other run."""
        if (self.path / "plan.json").exists():
            raise DirectoryError(f"{self.path} holds a grid; choose another --out for a single run")
        spec_file = self.path / "spec.yaml"
        record = self.record()
        if record is not None:
            self._refuse_other(record.run_id)
            if record.spec is not None and run_id_of(record.spec) != record.run_id:
                raise RunError(
                    f"{self.record_file} says that it is of run {record.run_id}, and its spec is "
                    f"that of run {run_id_of(record.spec)}: one of the two was edited; restore it, "
                    "or delete it and run the same command again"
                )
        if spec_file.exists():
            try:
                other = run_id_of(yaml.safe_load(read_regular(spec_file)))
            except (OSError, ValueError, yaml.YAMLError, AttributeError) as failure:
                raise RunError(
                    f"{spec_file} cannot be read: {failure}; choose another --out than {self.path}"
                ) from None
            self._refuse_other(other)
        elif record is None and checkpoint.latest(self.checkpoints) is not None:
            raise RunError(
                f"{self.path} holds a checkpoint but no spec.yaml that says of which run; "
                "choose another --out"
            )

    def _refuse_other(self, other: str) -> None:
        own = self._spec.run_id
        if other != own:
            raise DirectoryError(
                f"{self.path} holds run {other}, and this is run {own}: their specs or seeds "
                f"differ (compare {self.path / 'spec.yaml'}); choose another --out"
            )

    def _hold(self) -> None:
        """Take a lock that the system releases when this process ends."""
        if fcntl is None:
            return
        path = self.path / ".lock"
        with writing(path):
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._release()
            raise HeldError(
                f"another process is training in {self.path}; wait for it, or choose another --out"
            ) from None
        except OSError:
            self._release()  # a file system without locks

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
