"""Checkpoints: weights, optimizer, random generators and progress, enough to go on bit for bit.

A run's `checkpoint/` holds one folder a checkpoint, `step-00001000/`, with

    model.safetensors       weights and buffers, by name
    training.safetensors    optimizer/<state>/<parameter> and generator/<device>
    state.json              progress, and size and checksum of the two files above

A folder is written under a temporary name, forced to disk and renamed, and only then are older
ones removed: at any moment the last good checkpoint is whole. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zlib
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import save_file
from torch import nn

from seqzoo.errors import RunError
from seqzoo.train.device import generator_states, restore_generators
from seqzoo.train.files import force_to_disk, writing
from seqzoo.train.tensors import fill_model, fill_optimizer, optimizer_tensors, unique_tensors

__all__ = ["Progress", "clean", "latest", "load", "load_weights", "save", "step_of"]

MODEL, TRAINING, STATE = "model.safetensors", "training.safetensors", "state.json"
PREFIX = "step-"
NAME = re.compile(rf"{PREFIX}\d{{8,}}")
BLOCK = 1 << 20


class Progress(BaseModel):
    """How far a run is; the loop keeps it up to date, a checkpoint holds it.

    Attributes:
        run_id: the run.
        fingerprint: of the task's data outside the spec, see `Task.fingerprint`.
        step: optimizer steps done.
        tokens: tokens trained on.
        train_s: seconds in training steps.
        wall_s: seconds in all.
        metrics: as the last evaluation measured them.
        best: each metric's best value so far.
        reached_at: step of the first evaluation that met the target.
        losses: of the steps since the last row of metrics.jsonl.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    run_id: str
    fingerprint: str = ""
    step: int = 0
    tokens: int = 0
    train_s: float = 0.0
    wall_s: float = 0.0
    metrics: dict[str, float] = {}
    best: dict[str, float] = {}
    reached_at: int | None = None
    losses: list[float] = []


class _State(BaseModel):
    """state.json."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    files: dict[str, tuple[int, int]]
    progress: Progress


def save(
    root: Path,
    progress: Progress,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
) -> Path:
    """Write a checkpoint into `root` and remove the older ones.

    Raises:
        RunError: it cannot be written; the one before is still there.
    """
    final = root / f"{PREFIX}{progress.step:08d}"
    draft = root / f".draft-{os.getpid()}"
    generators = generator_states(device)
    training = {f"generator/{name}": state for name, state in generators.items()}
    training |= {f"optimizer/{k}": v for k, v in optimizer_tensors(model, optimizer).items()}
    with writing(final):
        try:
            draft.mkdir(parents=True)
            save_file(unique_tensors(model), draft / MODEL)
            save_file(training, draft / TRAINING)
            files = {name: _size_and_checksum(draft / name) for name in (MODEL, TRAINING)}
            state = _State(files=files, progress=progress)
            (draft / STATE).write_text(state.model_dump_json(indent=1) + "\n", encoding="utf-8")
            for name in (MODEL, TRAINING, STATE):
                force_to_disk(draft / name)
            force_to_disk(draft)
            draft.rename(final)
            force_to_disk(root)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    for older in _folders(root)[:-1]:
        shutil.rmtree(older, ignore_errors=True)
    return final


def clean(root: Path) -> None:
    """Remove what a killed session left half written."""
    for draft in root.glob(".draft-*"):
        shutil.rmtree(draft, ignore_errors=True)


def latest(root: Path) -> Path | None:
    """The folder of the newest checkpoint, or None."""
    folders = _folders(root)
    return folders[-1] if folders else None


def step_of(folder: Path) -> int:
    """The step that a checkpoint was saved after."""
    return int(folder.name.removeprefix(PREFIX))


def load(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
) -> Progress:
    """Put model, optimizer and random generators where they were, and say how far the run is.

    Raises:
        RunError: a file is missing, damaged or of another model; the message names it.
    """
    state = _read_state(folder)
    for name in (MODEL, TRAINING):
        _check(folder / name, state.files.get(name))
    fill_model(model, folder / MODEL)
    generators = fill_optimizer(model, optimizer, folder / TRAINING)
    if "cpu" not in generators:
        raise RunError(f"{folder / TRAINING} is damaged: no generator/cpu; {_next_step(folder)}")
    restore_generators(generators, device)
    return state.progress


def load_weights(root: Path, model: nn.Module) -> int:
    """Put the newest checkpoint's weights into a model, for use without training.

    Args:
        root: the run's `checkpoint/`.
        model: built from the run's spec.

    Returns:
        The step they were saved at.

    Raises:
        RunError: there is no checkpoint, or it is damaged or of another model.
    """
    folder = latest(root)
    if folder is None:
        raise RunError(f"{root}: there is no checkpoint; train the run first")
    state = _read_state(folder)
    _check(folder / MODEL, state.files.get(MODEL))
    fill_model(model, folder / MODEL)
    return state.progress.step


def _folders(root: Path) -> list[Path]:
    found = (folder for folder in root.glob(f"{PREFIX}*") if NAME.fullmatch(folder.name))
    return sorted(found, key=step_of)


def _next_step(folder: Path) -> str:
    return (
        f"delete {folder} and run the same command again: it goes on from an earlier checkpoint, "
        "or from the start if there is none"
    )


def _read_state(folder: Path) -> _State:
    path = folder / STATE
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        return _State.model_validate(document)
    except OSError as failure:
        wrong = f"cannot be read: {failure.strerror}"
    except ValidationError as failure:
        error = failure.errors(include_url=False)[0]
        wrong = f"is damaged: {'.'.join(map(str, error['loc']))}: {error['msg']}"
    except ValueError as failure:
        wrong = f"is damaged: it is no JSON ({failure})"
    raise RunError(f"{path} {wrong}; {_next_step(folder)}")


def _size_and_checksum(path: Path) -> tuple[int, int]:
    checksum = size = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            checksum = zlib.crc32(block, checksum)
            size += len(block)
    return size, checksum


def _check(path: Path, expected: tuple[int, int] | None) -> None:
    try:
        found = _size_and_checksum(path)
    except OSError as failure:
        raise RunError(
            f"{path} cannot be read: {failure.strerror}; {_next_step(path.parent)}"
        ) from None
    if expected is None or found == expected:
        return
    if found[0] != expected[0]:
        wrong = f"it has {found[0]:,} bytes of {expected[0]:,}"
    else:
        wrong = "its content does not fit its checksum"
    raise RunError(f"{path} is damaged: {wrong}; {_next_step(path.parent)}")
