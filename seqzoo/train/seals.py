"""Whether a checkpoint's files are whole: state.json beside them has their sizes and checksums."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from seqzoo.errors import RunError
from seqzoo.train.progress import Progress
from seqzoo.train.tensors import first_cut

__all__ = ["STATE", "State", "check", "next_step", "read_state", "size_and_checksum", "verify"]

STATE = "state.json"
BLOCK = 1 << 20


class State(BaseModel):
    """state.json: how far the run is, and each other file's size in bytes and CRC-32."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    files: dict[str, tuple[int, int]]
    progress: Progress


def verify(folder: Path) -> Progress:
    """How far a checkpoint is, once all its files have been read and found whole.

    Raises:
        RunError: a file is missing or damaged; the message names it.
    """
    state = read_state(folder)
    for name, expected in state.files.items():
        check(folder / name, expected)
    return state.progress


def next_step(folder: Path) -> str:
    """What to do about a damaged checkpoint, an end of a message."""
    return (
        f"delete {folder} and run the same command again: it goes on from an earlier checkpoint, "
        "or from the start if there is none"
    )


def read_state(folder: Path) -> State:
    """A checkpoint's state.json.

    Raises:
        RunError: it is missing or damaged.
    """
    path = folder / STATE
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        return State.model_validate(document)
    except OSError as failure:
        wrong = f"cannot be read: {failure.strerror}"
    except ValidationError as failure:
        error = failure.errors(include_url=False)[0]
        wrong = f"is damaged: {'.'.join(map(str, error['loc']))}: {error['msg']}"
    except ValueError as failure:
        wrong = f"is damaged: it is no JSON ({failure})"
    raise RunError(f"{path} {wrong}; {next_step(folder)}")


def size_and_checksum(path: Path) -> tuple[int, int]:
    """A file's bytes and their CRC-32."""
    checksum = size = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            checksum = zlib.crc32(block, checksum)
            size += len(block)
    return size, checksum


def check(path: Path, expected: tuple[int, int] | None) -> None:
    """Make sure that a file is as it was saved.

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
