"""Checkpoints: weights, optimizer, random generators and progress, enough to resume bit for bit.

A run's `checkpoint/` holds one folder a checkpoint, `step-00001000/`, with

    model.safetensors       weights and buffers, by name
    training.safetensors    optimizer/<state>/<parameter>, generator/<device> and extra/<name>
    state.json              progress, and size and checksum of the other files

Under FSDP2 a folder `shards/` replaces training.safetensors, see `seqzoo.train.shards`.

A folder is written under a temporary name, forced to disk and renamed, and only then are older
ones renamed and removed: at any moment each `step-` folder is whole, and one of them is the last
good checkpoint. The newest one records which is the best, and that one is kept. Nothing is ever
unpickled.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from seqzoo.errors import DirectoryError, RunError
from seqzoo.files import force_to_disk, writing
from seqzoo.train.device import generator_states, restore_generators
from seqzoo.train.entries import compare, entries_of, next_step, optimizer_tensors
from seqzoo.train.progress import Progress
from seqzoo.train.seals import STATE, State, check, read_state, size_and_checksum, verify
from seqzoo.train.tensors import (
    fill_model,
    fill_optimizer,
    unique_tensors,
    untouched_parameters,
)

__all__ = [
    "Which",
    "begin",
    "clean",
    "latest",
    "load",
    "load_weights",
    "put_back",
    "save",
    "seal",
    "step_of",
]

Which = Literal["last", "best"]

MODEL, TRAINING = "model.safetensors", "training.safetensors"
PREFIX, DRAFT = "step-", ".draft-"
NAME = re.compile(rf"{PREFIX}\d{{8,}}")


def save(
    root: Path,
    progress: Progress,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    keep: int = 1,
    extra: Mapping[str, Tensor] | None = None,
) -> Path:
    """Write a checkpoint into `root`; the `keep` newest and the best one stay.

    Args:
        root: the run's `checkpoint/`.
        progress: how far the run is.
        model: its weights and buffers.
        optimizer: its state.
        device: whose random generators are saved.
        keep: how many of the newest stay, this one included.
        extra: other tensors that training resumes from, by name.

    Raises:
        RunError: it cannot be written; the one before is still there.
    """
    training = {f"generator/{name}": state for name, state in generator_states(device).items()}
    training |= {f"optimizer/{k}": v for k, v in optimizer_tensors(model, optimizer).items()}
    training |= {f"extra/{name}": tensor.contiguous() for name, tensor in (extra or {}).items()}
    draft = begin(root)
    try:
        with writing(root):
            save_file(training, draft / TRAINING)
        untouched = untouched_parameters(model, optimizer)
        return seal(draft, progress, unique_tensors(model), keep, untouched)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def begin(root: Path) -> Path:
    """An empty folder in `root` to write a checkpoint into.

    Raises:
        RunError: it cannot be made.
    """
    draft = root / f"{DRAFT}{os.getpid()}"
    with writing(root):
        draft.mkdir(parents=True)
    return draft


def seal(
    draft: Path,
    progress: Progress,
    weights: Mapping[str, Tensor],
    keep: int,
    untouched: Sequence[str],
) -> Path:
    """Add weights and progress to a draft, force all to disk, rename it, remove older checkpoints.

    Args:
        draft: what `begin` gave, with everything else in it.
        progress: how far the run is.
        weights: the model's, by name.
        keep: how many of the newest checkpoints stay.
        untouched: parameters for which the optimizer has no state.

    Raises:
        RunError: it cannot be written.
    """
    root = draft.parent
    final = _folder(root, progress.step)
    with writing(final):
        save_file(dict(weights), draft / MODEL)
        written = sorted(path for path in draft.rglob("*") if path.is_file())
        files = {path.relative_to(draft).as_posix(): size_and_checksum(path) for path in written}
        state = State(files=files, progress=progress, untouched=tuple(untouched))
        (draft / STATE).write_text(state.model_dump_json(indent=1) + "\n", encoding="utf-8")
        for path in (*written, draft / STATE, *{path.parent for path in written}):
            force_to_disk(path)
        draft.rename(final)
        force_to_disk(root)
    _prune(root, keep, progress.best_at)
    return final


def _remove(folder: Path) -> None:
    """Remove a checkpoint; under its own name it is whole or absent."""
    doomed = folder.with_name(f"{DRAFT}{folder.name}")
    try:
        folder.rename(doomed)
    except OSError:
        return  # it stays, whole; the next save tries again
    shutil.rmtree(doomed, ignore_errors=True)


def clean(root: Path, keep: int) -> None:
    """Remove what a killed session left half written or half removed, and surplus checkpoints."""
    for draft in root.glob(f"{DRAFT}*"):
        shutil.rmtree(draft, ignore_errors=True)
    newest = latest(root)
    if newest is not None:
        _prune(root, keep, read_state(newest).progress.best_at)


def _prune(root: Path, keep: int, best_at: int | None) -> None:
    """Remove all checkpoints but the `keep` newest and the best."""
    best = None if best_at is None else _folder(root, best_at)
    for older in _folders(root)[:-keep]:
        if older != best:
            _remove(older)


def latest(root: Path) -> Path | None:
    """The folder of the newest checkpoint, or None."""
    folders = _folders(root)
    return folders[-1] if folders else None


def step_of(folder: Path) -> int:
    """The step that a checkpoint was saved after."""
    return int(folder.name.removeprefix(PREFIX))


def load(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
) -> tuple[Progress, dict[str, Tensor]]:
    """Restore model, optimizer and random generators.

    Returns:
        How far the run is, and the extra tensors.

    Raises:
        RunError: a file is missing, damaged or of another model; the message names it.
    """
    state = verify(folder, (MODEL, TRAINING))
    path, progress = folder / TRAINING, state.progress
    rest = fill_optimizer(model, optimizer, path, progress.step, state.untouched)
    fill_model(model, folder / MODEL)
    generators = {name: rest.pop(f"generator/{name}") for name in _names(rest, "generator/")}
    if "cpu" not in generators:
        raise RunError(f"{path} is damaged: no generator/cpu; {next_step(folder)}")
    put_back(path, generators, device)
    extra = {name: rest.pop(f"extra/{name}") for name in _names(rest, "extra/")}
    compare(path, entries_of(rest), {})
    return progress, extra


def put_back(path: Path, generators: dict[str, Tensor], device: torch.device) -> None:
    """Restore the random generators from a file's states.

    Raises:
        RunError: one is no state of such a generator.
    """
    own = generator_states(device)
    for name, state in generators.items():
        if name in own:
            found, wanted = entries_of({"": state})[""], entries_of({"": own[name]})[""]
            if found != wanted:
                raise _no_generator(path, name, f"is {found} there and {wanted} here")
    try:
        restore_generators(generators, device)
    except RuntimeError as failure:
        reason = str(failure).partition("\n")[0]
        raise _no_generator(path, ", ".join(generators), f"cannot be used: {reason}") from None


def _no_generator(path: Path, name: str, what: str) -> RunError:
    return RunError(f"{path} is damaged: generator/{name} {what}; {next_step(path.parent)}")


def _names(tensors: Mapping[str, Tensor], prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in tensors if name.startswith(prefix)]


def load_weights(
    root: Path, model: nn.Module, which: Which = "last", run_id: str | None = None
) -> int:
    """Load a checkpoint's weights into a model, without anything that training needs.

    Args:
        root: the run's `checkpoint/`.
        model: built from the run's spec.
        which: the last, or the best by the task's metric.
        run_id: the run whose checkpoint it must be; None for any.

    Returns:
        The step they were saved at.

    Raises:
        DirectoryError: there is no checkpoint, or no best one.
        RunError: it is damaged, of another model or of another run.
    """
    folder = latest(root)
    if folder is None:
        raise DirectoryError(f"{root}: there is no checkpoint; train the run first")
    state = read_state(folder)
    if which == "best":
        if state.progress.best_at is None:
            raise DirectoryError(
                f"{root}: no best checkpoint was kept; train with train.checkpoint.best: true, "
                "or take the last one"
            )
        folder = _folder(root, state.progress.best_at)
        state = read_state(folder)
    if run_id is not None and state.progress.run_id != run_id:
        raise RunError(
            f"{folder} is of run {state.progress.run_id}, and {root.parent / 'spec.yaml'} of run "
            f"{run_id}: one of the two was copied or edited; put it back"
        )
    check(folder / MODEL, state.files.get(MODEL))
    fill_model(model, folder / MODEL)
    return state.progress.step


def _folder(root: Path, step: int) -> Path:
    return root / f"{PREFIX}{step:08d}"


def _folders(root: Path) -> list[Path]:
    found = (folder for folder in root.glob(f"{PREFIX}*") if NAME.fullmatch(folder.name))
    return sorted(found, key=step_of)
