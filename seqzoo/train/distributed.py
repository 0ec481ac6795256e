"""The processes that train one run together, and how they exchange values."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from seqzoo.errors import RunError, SeqzooError, SpecError, counted
from seqzoo.train.device import choose_device

__all__ = ["ALONE", "Parallel", "Processes", "join", "rank_in_torchrun"]

Parallel = Literal["auto", "none", "ddp", "fsdp2"]
T = TypeVar("T")

COMMAND = "torchrun --nproc-per-node 2 -m seqzoo train FILE --out DIR"

_left: list[object] = []  # gloo's part of the groups that were left, see `_leave`


@dataclass(frozen=True)
class Processes:
    """All processes of a run, as one of them sees them.

    Attributes:
        rank: this one's number, from 0.
        size: how many there are.
        parallel: how they share the model.
    """

    rank: int = 0
    size: int = 1
    parallel: Literal["none", "ddp", "fsdp2"] = "none"

    @property
    def writer(self) -> bool:
        """Whether this process writes the files and the console."""
        return self.rank == 0

    def rows(self, count: int) -> slice:
        """This process's part of `count` rows: in order of rank, sizes differ by one at most."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def gather(self, value: T) -> list[T]:
        """The value of every process, in order of rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def total(self, tensor: Tensor) -> Tensor:
        """The sum of a tensor of the same shape on every process."""
        if self.size > 1:
            tensor = tensor.contiguous()
            dist.all_reduce(tensor)
        return tensor

    def together(self, work: Callable[[], T]) -> T:
        """Run the same function on every process; if one fails, all raise.

        Raises:
            SeqzooError: that of this process, or else of the first one that failed.
        """
        if self.size == 1:
            return work()
        failure: Exception | None = None
        result: Any = None
        try:
            result = work()
        except Exception as error:
            failure = error
        for rank, told in enumerate(self.gather(_told(failure))):
            if failure is None and told is not None:
                failure = told if isinstance(told, SeqzooError) else _lost(rank, told)
        if failure is not None:
            raise failure
        return result

    def on_writer(self, work: Callable[[], T]) -> T:
        """Run a function on the writer only; all processes get its result or its error."""
        if self.size == 1:
            return work()
        result: list[Any] = [None, None]
        failure: Exception | None = None
        if self.writer:
            try:
                result[0] = work()
            except Exception as error:
                failure, result[1] = error, _told(error)
        dist.broadcast_object_list(result, src=0)
        if failure is not None:
            raise failure
        if result[1] is not None:
            raise result[1] if isinstance(result[1], SeqzooError) else _lost(0, result[1])
        return result[0]


ALONE = Processes()


def _told(failure: Exception | None) -> SeqzooError | str | None:
    """What other processes receive of an error: one of ours unchanged, any other as text."""
    if failure is None or isinstance(failure, SeqzooError):
        return failure
    return f"{type(failure).__name__}: {failure}"


def _lost(rank: int, what: str) -> RunError:
    return RunError(f"process {rank} of the run failed, so all of them stopped: {what}")


def rank_in_torchrun() -> int:
    """This process's rank if torchrun or a similar launcher started it; 0 otherwise."""
    return int(os.environ.get("RANK", 0)) if "WORLD_SIZE" in os.environ else 0


@contextmanager
def join(parallel: Parallel, device_name: str) -> Iterator[tuple[Processes, torch.device]]:
    """Join the other processes of the run, and choose this one's device.

    Raises:
        SpecError: `parallel` does not match how this process was started, or there is no such
            device.
    """
    size = int(os.environ.get("WORLD_SIZE", 1)) if "RANK" in os.environ else 0
    kind = _kind(parallel, size)
    if kind == "none":
        yield ALONE, choose_device(device_name)
        return
    device = _own_device(device_name, size)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    started = not dist.is_initialized()
    if started:
        dist.init_process_group(backend)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), kind), device
    except RuntimeError as failure:
        if "gloo" not in str(failure) and "NCCL" not in str(failure):
            raise
        raise RunError(
            f"process {dist.get_rank()} lost another process of the run, which failed or was "
            "killed; the same command resumes from the last checkpoint"
        ) from failure
    finally:
        if started:
            _leave()


def _leave() -> None:
    """Destroy the process group, except for gloo's threads, which end with the process.

    The destructor of torch's ProcessGroupGloo holds Python's global lock while it waits for its
    threads, and a thread needs that lock to release the tensors of the last collective. Right after
    a collective this deadlocks, in about every other run of torch 2.13.
    """
    group = cast("Any", dist.group.WORLD)
    _left.append(group._get_backend(torch.device("cpu")))
    dist.destroy_process_group()


def _kind(parallel: Parallel, size: int) -> Literal["none", "ddp", "fsdp2"]:
    """What `auto` means here; size 0 is outside torchrun."""
    if parallel == "auto":
        return "ddp" if size > 1 else "none"
    if parallel == "none" and size > 1:
        raise SpecError(
            f"train.parallel: none is one process, and torchrun started {size}; "
            "write parallel: auto, or start seqzoo without torchrun"
        )
    if parallel != "none" and size == 0:
        raise SpecError(
            f"train.parallel: {parallel} needs the processes of torchrun: {COMMAND}; "
            "or write parallel: auto, which is one process without it"
        )
    return parallel


def _own_device(name: str, size: int) -> torch.device:
    """The device of this process; CUDA devices go by the process's number on its host."""
    if name not in ("auto", "cuda", "cpu"):
        raise SpecError(
            f"train.device: {name} is one device, and torchrun started {size} processes; "
            "write device: auto, cuda or cpu"
        )
    device = choose_device(name)
    if device.type != "cuda":
        return torch.device("cpu")
    local = int(os.environ.get("LOCAL_RANK", 0))
    if local >= torch.cuda.device_count():
        raise SpecError(
            f"train.device: process {local} of this host finds "
            f"{counted(torch.cuda.device_count(), 'CUDA device')}, one for each process is needed; "
            "give torchrun a smaller --nproc-per-node"
        )
    torch.cuda.set_device(local)
    return torch.device("cuda", local)
