"""Checkpoints under FSDP2: every process writes its own part of all tensors, by torch's own means.

`shards/` holds safetensors files of torch.distributed.checkpoint, one a process, with the names

    model/<parameter>, optimizer/<state>/<parameter>, extra/<name>, generator/<rank>/<device>

They can be read back by any number of processes. Its usual storage keeps an index that has to be
unpickled; this one, which is made for safetensors, does not. `model.safetensors` beside it has the
whole weights, as in every checkpoint, for all that reads a trained run.
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
from seqzoo.train import checkpoint
from seqzoo.train.device import generator_states, restore_generators
from seqzoo.train.distributed import Processes
from seqzoo.train.files import writing
from seqzoo.train.progress import Progress
from seqzoo.train.seals import verify
from seqzoo.train.tensors import load_states, optimizer_tensors

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
    """Write a checkpoint of a model that FSDP2 cut up; called by every process.

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
        return processes.on_writer(lambda: checkpoint.seal(draft, progress, weights, keep))
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
    """Put model, optimizer and random generators where they were; called by every process.

    Processes that were not there when it was saved keep their generators as they are.

    Returns:
        How far the run is, and the extra tensors, cut up as the parameters of their names are.

    Raises:
        RunError: a file is missing, damaged or of another model; the message names it.
    """
    progress = processes.on_writer(lambda: verify(folder))
    reader = HuggingFaceStorageReader(str(folder / SHARDS))
    there = reader.read_metadata().state_dict_metadata
    parameters = dict(model.named_parameters())
    tensors: dict[str, Tensor] = {}
    for name, tensor in _own_tensors(model).items():
        tensors[f"model/{name}"] = torch.zeros_like(tensor)
    for name, stored in there.items():
        kind, _, rest = name.partition("/")
        if kind == "generator" and int(rest.partition("/")[0]) != processes.rank:
            continue
        if kind == "model" and name not in tensors:
            raise _misfit(folder, f"the model has no tensor '{rest}'")
        if kind != "model":
            tensors[name] = _like(stored, parameters.get(rest.partition("/")[2]))
    for name, tensor in tensors.items():
        stored = there.get(name)
        if not isinstance(stored, TensorStorageMetadata) or stored.size != tensor.shape:
            found = tuple(stored.size) if isinstance(stored, TensorStorageMetadata) else "not there"
            raise _misfit(folder, f"tensor '{name}' is {found}, and {tuple(tensor.shape)} here")
    with _plain_failure():
        load_shards(tensors, storage_reader=reader)
    own = _own_tensors(model)
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[f"model/{name}"])
    states: dict[int, dict[str, Tensor]] = {}
    for name in _below(tensors, "optimizer/"):
        key, _, parameter = name.partition("/")
        state = states.setdefault(id(parameters[parameter]), {})
        state[key] = tensors[f"optimizer/{name}"]
    load_states(optimizer, states)
    prefix = f"generator/{processes.rank}/"
    generators = {name: tensors[prefix + name] for name in _below(tensors, prefix)}
    if generators:
        restore_generators(generators, device)
    return progress, {name: tensors[f"extra/{name}"] for name in _below(tensors, "extra/")}


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
    """Raise what went wrong on the first process where something did.

    torch hands on the failures of all in one BaseException, which passes by all who catch errors.
    """
    try:
        yield
    except CheckpointException as failures:
        raise failures.failures[min(failures.failures)][0] from None


def _whole(tensor: Tensor, processes: Processes) -> Tensor:
    """The whole tensor on the CPU, on the writer; an empty one elsewhere."""
    whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return whole.cpu().contiguous() if processes.writer else whole.new_empty(0)


def _like(stored: object, parameter: nn.Parameter | None) -> Tensor:
    """A tensor to read into: cut up as the parameter is where it has its shape."""
    assert isinstance(stored, TensorStorageMetadata)
    if parameter is not None and stored.size == parameter.shape:
        return torch.zeros_like(parameter, dtype=stored.properties.dtype)
    return torch.zeros(stored.size, dtype=stored.properties.dtype)


def _below(tensors: Mapping[str, Tensor], prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in tensors if name.startswith(prefix)]


def _misfit(folder: Path, what: str) -> RunError:
    return RunError(
        f"{folder / SHARDS} is not of this model: {what}; use the spec (and the version of seqzoo "
        "and its plugins) that it was saved with, or another --out"
    )
