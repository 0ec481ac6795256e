"""Check a checkpoint's files against the sizes and checksums in its state.json."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from seqzoo.errors import RunError
from seqzoo.files import open_regular, read_regular
from seqzoo.spec.explain import first_problem
from seqzoo.train.entries import next_step
from seqzoo.train.progress import Progress
from seqzoo.train.tensors import first_cut

__all__ = ["STATE", "State", "check", "read_state", "size_and_checksum", "verify"]

STATE = "state.json"
BLOCK = 1 << 20


class State(BaseModel):
    """state.json: how far the run is, and what the other files should be.

    Attributes:
        format: version of this file's layout.
        files: size in bytes and CRC-32 of each other file.
        progress: how far the run is.
        untouched: parameters that never had a gradient, for which the optimizer has no state.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    files: dict[str, tuple[int, int]]
    progress: Progress
    untouched: tuple[str, ...] = ()


def verify(folder: Path, wanted: Iterable[str] = ()) -> State:
    """Read state.json, and check every file that it lists.

    Args:
        folder: the checkpoint.
        wanted: files that must be there, such as model.safetensors.

    Raises:
        RunError: a file is missing, damaged or not listed, or the step is not the folder's; the
            message names it.
    """
    state = read_state(folder)
    for name in wanted:
        if name not in state.files:
            raise RunError(
                f"{folder / STATE} is damaged: it has no checksum of {name}; {next_step(folder)}"
            )
    for name, expected in state.files.items():
        check(folder / name, expected)
    return state


def read_state(folder: Path) -> State:
    """A checkpoint's state.json.

    Raises:
        RunError: it is missing or damaged.
    """
    path = folder / STATE
    try:
        document: Any = json.loads(read_regular(path))
        state = State.model_validate(document)
        if folder.name == f"step-{state.progress.step:08d}":
            return state
        wrong = f"is damaged: progress.step is {state.progress.step:,}, and it lies in {folder}"
    except OSError as failure:
        wrong = f"cannot be read: {failure.strerror}"
    except ValidationError as failure:
        wrong = f"is damaged: {first_problem(failure)}"
    except (ValueError, RecursionError) as failure:
        wrong = f"is damaged: it is not JSON ({failure})"
    raise RunError(f"{path} {wrong}; {next_step(folder)}")


def size_and_checksum(path: Path) -> tuple[int, int]:
    """A file's bytes and their CRC-32."""
    checksum = size = 0
    with open_regular(path) as file:
        while block := file.read(BLOCK):
            checksum = zlib.crc32(block, checksum)
            size += len(block)
    return size, checksum


def check(path: Path, expected: tuple[int, int] | None) -> None:
    """Check that a file is as it was saved.

    Raises:
        RunError: it is missing or damaged.
    """
    try:
        found = size_and_checksum(path)
    except OSError as failure:
        raise RunError(
            f"{path} cannot be read: {failure.strerror}; {next_step(path.parent)}"
        ) from None
    if expected is None or found == expected:
        return
    if found[0] != expected[0]:
        wrong = f"it has {found[0]:,} bytes of {expected[0]:,}; {first_cut(path)}"
    else:
        wrong = "its content does not fit its checksum"
    raise RunError(f"{path} is damaged: {wrong}; {next_step(path.parent)}")
