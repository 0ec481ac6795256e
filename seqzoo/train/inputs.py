"""Everything a run depends on outside its spec, with a fingerprint of each.

Two runs of one spec can be compared if their inputs are equal. The keys are

    task.KEY         a file that the task's KEY names: a hash of its content
    task             what a plugin's task read from elsewhere, if it says so
    plugin NAME      a distribution whose parts the spec uses: its version
    code PACKAGE     code that is in no commit and no version: a hash of its files
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from seqzoo.spec import PartSpec
from seqzoo.spec.run import RunSpec
from seqzoo.tasks import Task
from seqzoo.tasks.inputs import fingerprint_of
from seqzoo.train.sources import changed_files

__all__ = ["MISSING", "code_fingerprint", "inputs_of"]

MISSING = "missing"


def inputs_of(spec: RunSpec, task: Task | None = None) -> dict[str, str]:
    """The inputs of a run, as they are now or as its task has read them.

    Args:
        spec: the run.
        task: built from the spec. Without one nothing is built: the files are read, with `MISSING`
            for absent ones, and other things a task reads are left out.
    """
    if task is not None:
        read = {f"task.{key}": value for key, value in task.inputs.items()}
    else:
        part: Any = spec.task.part
        files = part.files(spec.task).items() if issubclass(part, Task) else ()
        read = {f"task.{key}": fingerprint_of(path) or MISSING for key, path in files}
    packages = sorted({"seqzoo", *(each.part.__module__.split(".")[0] for each in _parts(spec))})
    return read | _versions(tuple(packages)) | _code(tuple(packages))


def _parts(value: object) -> Iterator[PartSpec]:
    """All parts of a spec, at any depth."""
    if isinstance(value, PartSpec):
        yield value
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _parts(getattr(value, name))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _parts(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _parts(each)


@lru_cache
def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    found = {
        f"plugin {point.dist.name}": point.dist.version
        for point in importlib.metadata.entry_points(group="seqzoo")
        if point.dist is not None and point.module.split(".")[0] in packages
    }
    return dict(sorted(found.items()))


@lru_cache
def _code(packages: tuple[str, ...]) -> dict[str, str]:
    """Hashes of the packages that differ from their commit or have none."""
    found = {}
    for package in packages:
        path = _checkout(package)
        if path is not None and changed_files(path) in (True, None):
            found[f"code {package}"] = _hash(path)
    return found


def code_fingerprint(package: str) -> str | None:
    """The hash of a package as it is now, committed or not; None for an installed version."""
    path = _checkout(package)
    return None if path is None else _hash(path)


def _checkout(package: str) -> Path | None:
    """The folder or file of a loaded package that is not an installed distribution."""
    installed = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}
    file = getattr(sys.modules.get(package), "__file__", None)
    if file is None:
        return None
    path = Path(file).resolve()
    path = path.parent if path.name == "__init__.py" else path
    return path if installed.isdisjoint(path.parents) else None


def _hash(path: Path) -> str:
    """A hash over the names and contents of a package's files."""
    digest = hashlib.blake2b(digest_size=8)
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    for file in files:
        if "__pycache__" not in file.parts:
            digest.update(f"{file.name}\0{fingerprint_of(file)}\0".encode())
    return digest.hexdigest()
