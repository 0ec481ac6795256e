"""Checkpoints under FSDP2: every process writes its part of each tensor, by torch's own tools.

`shards/` holds safetensors files of torch.distributed.checkpoint, one a process, with the names

    model/<parameter>, optimizer/<state>/<parameter>, extra/<name>, generator/<rank>/<device>

Any number of processes can read them back. The default storage of torch.distributed.checkpoint
unpickles an index; the one for safetensors, used here, does not. `model.safetensors` beside the
folder holds the whole weights, as in every checkpoint, for everything that reads a trained run.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import (
    HuggingFaceStorageReader,
    HuggingFaceStorageWriter,
)
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load as load_shards
from torch.distributed.checkpoint.state_dict_saver import save as save_shards
from torch.distributed.tensor import DTensor

from seqzoo.errors import RunError
from seqzoo.files import writing
from seqzoo.train import checkpoint
from seqzoo.train.device import generator_states
from seqzoo.train.distributed import Processes
from seqzoo.train.entries import Entry, compare, entries_of, optimizer_tensors
from seqzoo.train.progress import Progress
from seqzoo.train.seals import verify
from seqzoo.train.tensors import (
    check_count,
    check_numbers,
    check_states,
    load_states,
    untouched_parameters,
)

__all__ = ["load", "save"]

SHARDS = "shards"


def save(
    root: Path,
    progress: Progress,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    keep: int,
    extra: Mapping[str, Tensor],
    processes: Processes,
) -> Path:
    """Write a checkpoint of a model that FSDP2 shards; called by every process.

    Raises:
        RunError: it cannot be written; the one before is still there.
    """
    tensors = {f"model/{name}": tensor for name, tensor in _own_tensors(model).items()}
    tensors |= {f"optimizer/{k}": v for k, v in optimizer_tensors(model, optimizer).items()}
    tensors |= {f"extra/{name}": tensor for name, tensor in extra.items()}
    for name, state in generator_states(device).items():
        tensors[f"generator/{processes.rank}/{name}"] = state
    draft = processes.on_writer(lambda: checkpoint.begin(root))
    try:
        processes.together(lambda: _write(tensors, draft / SHARDS))
        weights = {name: _whole(tensor, processes) for name, tensor in _own_tensors(model).items()}
        untouched = untouched_parameters(model, optimizer)
        return processes.on_writer(
            lambda: checkpoint.seal(draft, progress, weights, keep, untouched)
        )
    finally:
        if processes.writer:
            shutil.rmtree(draft, ignore_errors=True)


def load(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    processes: Processes,
) -> tuple[Progress, dict[str, Tensor]]:
    """Restore model, optimizer and random generators; called by every process.

    Processes that were not there when it was saved keep their generators as they are.

    Returns:
        How far the run is, and the extra tensors, cut up as the parameters of their names are.

    Raises:
        RunError: a file is missing, damaged or of another model; the message names it.
    """
    state = processes.on_writer(lambda: verify(folder, (checkpoint.MODEL,)))
    path = folder / SHARDS
    reader = HuggingFaceStorageReader(str(path))
    there = _metadata(reader, path)
    found = {name: entry for name, entry in there.items() if name.startswith("optimizer/")}
    check_states(path, found, model, optimizer, state.untouched)
    own = _own_tensors(model)
    found = {name: entry for name, entry in there.items() if name.startswith("model/")}
    compare(path, found, {f"model/{name}": entry for name, entry in entries_of(own).items()})
    parameters = dict(model.named_parameters())
    tensors: dict[str, Tensor] = {}
    for name, entry in there.items():
        kind, _, rest = name.partition("/")
        if kind != "generator" or rest.partition("/")[0] == str(processes.rank):
            like = own.get(rest) if kind == "model" else parameters.get(rest.partition("/")[2])
            tensors[name] = _like(entry, like)
    with _plain_failure():
        load_shards(tensors, storage_reader=reader)
    trained = {k: _local(v) for k, v in tensors.items() if k.startswith(("model/", "optimizer/"))}
    processes.together(lambda: check_numbers(path, trained))
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[f"model/{name}"])
    states: dict[int, dict[str, Tensor]] = {}
    for name in _below(tensors, "optimizer/"):
        key, _, parameter = name.partition("/")
        tensor = tensors[f"optimizer/{name}"]
        check_count(path, f"optimizer/{name}", tensor, state.progress.step)
        states.setdefault(id(parameters[parameter]), {})[key] = tensor
    load_states(optimizer, states)
    prefix = f"generator/{processes.rank}/"
    generators = {name: tensors[prefix + name] for name in _below(tensors, prefix)}
    if generators:
        checkpoint.put_back(path, generators, device)
    return state.progress, {name: tensors[f"extra/{name}"] for name in _below(tensors, "extra/")}


def _own_tensors(model: nn.Module) -> dict[str, Tensor]:
    """What is in the model's state: parameters, each under one name, and buffers."""
    kept = model.state_dict().keys()
    named = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {name: tensor.detach() for name, tensor in named.items() if name in kept}


def _write(tensors: dict[str, Tensor], folder: Path) -> None:
    with writing(folder.parents[1]), _plain_failure():
        writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
        save_shards(tensors, storage_writer=writer)


@contextmanager
def _plain_failure() -> Iterator[None]:
    """Raise the failure of the first process that failed.

    torch wraps the failures of all processes in a BaseException, which `except Exception` misses.
    """
    try:
        yield
    except CheckpointException as failures:
        raise failures.failures[min(failures.failures)][0] from None


def _whole(tensor: Tensor, processes: Processes) -> Tensor:
    """The whole tensor on the CPU in the writing process; an empty one elsewhere."""
    whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return whole.cpu().contiguous() if processes.writer else whole.new_empty(0)


def _local(tensor: Tensor) -> Tensor:
    """This process's part of the tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _metadata(reader: HuggingFaceStorageReader, path: Path) -> dict[str, Entry]:
    """The entries of all files.

    Raises:
        RunError: they cannot be read.
    """
    try:
        there = reader.read_metadata().state_dict_metadata
    except Exception as failure:  # headers may be anything, and so is what the library raises
        raise RunError(
            f"{path} is damaged: {failure or type(failure).__name__}; delete {path.parent} and run "
            "the same command again"
        ) from None
    return {
        name: Entry(tuple(stored.size), stored.properties.dtype)
        for name, stored in there.items()
        if isinstance(stored, TensorStorageMetadata)
    }


def _like(entry: Entry, tensor: Tensor | None) -> Tensor:
    """A tensor to read into: cut up as the model's is where it has its shape."""
    if tensor is not None and entry.shape == tuple(tensor.shape):
        return torch.zeros_like(tensor, dtype=entry.dtype)
    return torch.zeros(entry.shape, dtype=entry.dtype)


def _below(tensors: Mapping[str, Tensor], prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in tensors if name.startswith(prefix)]
