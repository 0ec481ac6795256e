"""A model's and an optimizer's tensors by name, written to safetensors files and read back."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from seqzoo.errors import RunError
from seqzoo.train.entries import (
    Entry,
    compare,
    entries_of,
    misfit,
    next_step,
    optimizer_entries,
)

__all__ = [
    "check_count",
    "check_numbers",
    "check_states",
    "fill_model",
    "fill_optimizer",
    "first_cut",
    "load_states",
    "read_tensors",
    "unique_tensors",
    "untouched_parameters",
]


def unique_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of a model's state, contiguous; one that has two names appears once.

    Different views of one memory are copied: a file holds each on its own.
    """
    seen: set[tuple[int, torch.Size, tuple[int, ...]]] = set()
    memories: set[int] = set()
    tensors = {}
    for name, tensor in model.state_dict().items():
        key = (tensor.data_ptr(), tensor.shape, tensor.stride())
        if tensor.numel() and key in seen:
            continue
        seen.add(key)
        own = tensor.detach().contiguous()
        memory = own.untyped_storage()
        whole = own.numel() * own.element_size() == memory.nbytes()
        if not whole or memory.data_ptr() in memories:
            own = own.clone()
        memories.add(own.untyped_storage().data_ptr())
        tensors[name] = own
    return tensors


def fill_model(model: nn.Module, path: Path) -> None:
    """Copy a file's tensors into a model's.

    Raises:
        RunError: the file is damaged, or its names, shapes or dtypes are not the model's, or a
            parameter holds NaN or infinity.
    """
    found = read_tensors(path)
    compare(path, entries_of(found), entries_of(unique_tensors(model)))
    trained = {name for name, _ in model.named_parameters()}
    check_numbers(path, {name: each for name, each in found.items() if name in trained})
    own = model.state_dict()
    with torch.no_grad():
        for name, tensor in found.items():
            own[name].copy_(tensor)


def fill_optimizer(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    path: Path,
    step: int,
    untouched: Collection[str] = (),
) -> dict[str, Tensor]:
    """Load an optimizer's state from a file, and return the file's other tensors.

    This changes the model's weights: load them afterwards.

    Args:
        model: whose parameters the optimizer trains.
        optimizer: as it was made.
        path: the file; its names of the optimizer's state begin with `optimizer/`.
        step: the checkpoint's.
        untouched: parameters that had never had a gradient when the file was saved.

    Raises:
        RunError: the file is damaged, or its state is not what this optimizer makes.
    """
    found = read_tensors(path)
    own = {name: each for name, each in found.items() if name.startswith("optimizer/")}
    check_states(path, entries_of(own), model, optimizer, untouched)
    check_numbers(path, own)
    parameters = dict(model.named_parameters())
    states: dict[int, dict[str, Tensor]] = {}
    for full_name, tensor in own.items():
        _, key, name = full_name.split("/", 2)
        check_count(path, full_name, tensor, step)
        states.setdefault(id(parameters[name]), {})[key] = tensor
    load_states(optimizer, states)
    return {name: tensor for name, tensor in found.items() if name not in own}


def check_states(
    path: Path,
    found: Mapping[str, Entry],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    untouched: Collection[str],
) -> None:
    """Check that the entries `optimizer/<state>/<parameter>` are those this optimizer needs.

    Raises:
        RunError: one is missing, unknown, or of another shape or dtype.
    """
    known = {name for name, _ in model.named_parameters()}
    unknown = next((name for name in untouched if name not in known), None)
    if unknown is not None:
        raise misfit(path, f"parameter '{unknown}', listed as untouched, is not one of the model's")
    wanted = {f"optimizer/{k}": v for k, v in optimizer_entries(model, optimizer).items()}
    absent = frozenset(name for name in wanted if name.split("/", 2)[2] in untouched)
    compare(path, found, wanted, absent)


def check_count(path: Path, name: str, tensor: Tensor, step: int) -> None:
    """Check that an optimizer's own step count fits the checkpoint's.

    Raises:
        RunError: it does not.
    """
    if name.startswith("optimizer/step/") and tensor.numel() == 1:
        count = float(tensor)
        if not (0 <= count <= step and count.is_integer()):  # 0 if float16 skipped every step
            raise misfit(path, f"'{name}' is {count:g}, and the checkpoint is of step {step:,}")


def check_numbers(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Check that weights and moments are finite, and means of squares not negative.

    Raises:
        RunError: one is not, by its name.
    """
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not tensor.numel():
            continue
        least, most = (float(each) for each in tensor.aminmax())
        if not (math.isfinite(least) and math.isfinite(most)):
            wrong = "NaN" if math.isnan(least) or math.isnan(most) else "infinity"
        elif least < 0 and name.startswith("optimizer/exp_avg_sq/"):
            wrong = f"{least:g}, and a mean of squares is at least 0"
        else:
            continue
        raise RunError(
            f"{path} is damaged: tensor '{name}' holds {wrong}; {next_step(path.parent)}"
        )


def untouched_parameters(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """Trained parameters without a state, since they never had a gradient."""
    trained = {id(each) for group in optimizer.param_groups for each in group["params"]}
    return [
        name
        for name, each in model.named_parameters()
        if id(each) in trained and not optimizer.state.get(each)
    ]


def first_cut(path: Path) -> str:
    """What is missing from a truncated file of tensors: its first incomplete tensor."""
    content = path.read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8:begin])
        header.pop("__metadata__", None)
        places = {name: each["data_offsets"] for name, each in header.items()}
        for name, (first, stop) in sorted(places.items(), key=lambda item: item[1]):
            there = max(0, len(content) - begin - first)
            if there < stop - first:
                shape = f"{tuple(header[name]['shape'])} {header[name]['dtype']}"
                return f"of tensor '{name}' {shape} it has {there:,} bytes of {stop - first:,}"
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return "not even its list of tensors is whole"
    return "all its tensors are whole, but the file is longer than what was saved"


def load_states(optimizer: torch.optim.Optimizer, states: Mapping[int, dict[str, Tensor]]) -> None:
    """Load states, by the id of their parameter, into the optimizer."""
    order = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    optimizer.load_state_dict(
        {
            "state": {
                index: states[id(parameter)]
                for index, parameter in enumerate(order)
                if id(parameter) in states
            },
            "param_groups": optimizer.state_dict()["param_groups"],
        }
    )


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file.

    Raises:
        RunError: the file is damaged.
    """
    try:
        return load_file(path)
    except Exception as failure:  # a header may be anything, and so is what the library raises
        raise RunError(
            f"{path} is damaged: {failure or type(failure).__name__}; delete {path.parent} and run "
            "the same command again"
        ) from None
