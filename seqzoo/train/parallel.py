"""How the processes of a run share the objective: one plain process, DDP, or shards by FSDP2."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from seqzoo.errors import RunError
from seqzoo.train.distributed import Processes
from seqzoo.train.objective import Objective

__all__ = ["accumulating", "compiling", "cut_up_again", "share"]


def share(
    objective: Objective, processes: Processes, device: torch.device, *, compiled: bool
) -> nn.Module:
    """The module that training calls in place of the objective.

    Its gradients are means over the processes. FSDP2 shards each block, then the rest, and must do
    so before the optimizer is made. torch.compile takes the whole objective, or under FSDP2 one
    block at a time, since weights are gathered between blocks.
    """
    if processes.parallel == "fsdp2":
        return _cut_up(objective, processes, device, compiled=compiled)
    if compiled:
        objective.compile()
    if processes.parallel == "ddp":
        return _copied(objective)
    return objective


def _copied(objective: Objective) -> nn.Module:
    with warnings.catch_warnings():
        # torch 2.13 calls it forward_sync_buffers and says so; 2.10 has no such name.
        warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
        return DistributedDataParallel(objective, broadcast_buffers=False)


def _cut_up(
    objective: Objective, processes: Processes, device: torch.device, *, compiled: bool
) -> nn.Module:
    # Imported here, since that alone takes a second and only runs under FSDP2 need it.
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    mesh = init_device_mesh(device.type, (processes.size,))
    for block in objective.blocks():
        if compiled:
            block.compile()
        fully_shard(block, mesh=mesh)
    fully_shard(objective, mesh=mesh)
    register_fsdp_forward_method(objective, "scores")
    return objective


@contextmanager
def accumulating(module: nn.Module, processes: Processes, *, last: bool) -> Iterator[None]:
    """Wrap a micro-batch: processes average gradients after the last one only."""
    if processes.parallel == "fsdp2":
        cast("Any", module).set_requires_gradient_sync(last)
        with warnings.catch_warnings():
            # It is the state that a mixer hands on, and nobody changes it in place.
            warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view tensor")
            yield
    elif processes.parallel == "ddp" and not last:
        with cast("Any", module).no_sync():
            yield
    else:
        yield


def cut_up_again(objective: Objective, processes: Processes) -> None:
    """Under FSDP2, free the full weights that an evaluation gathered."""
    if processes.parallel == "fsdp2":
        cast("Any", objective).reshard()


@contextmanager
def compiling() -> Iterator[None]:
    """Wrap a call that may compile.

    Raises:
        RunError: the compiler failed.
    """
    try:
        yield
    except Exception as failure:
        # Known by name: to import the class takes seconds, and a run without compiler never does.
        if "TorchDynamoException" not in {kind.__name__ for kind in type(failure).__mro__}:
            raise
        lines = [
            line.strip() for line in str(failure).split("Set TORCHDYNAMO_VERBOSE")[0].splitlines()
        ]
        reason = " ".join([line for line in lines if line][:2]) or type(failure).__name__
        hint = "write compile: false, or see what TORCH_LOGS=dynamo says"
        if "InvalidCxxCompiler" in reason:
            hint = "install one such as g++, name it in the variable CXX, or write compile: false"
        raise RunError(f"train.compile: torch.compile failed: {reason}; {hint}") from failure
