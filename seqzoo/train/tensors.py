"""A model's and an optimizer's tensors by name: out to safetensors files, and back in, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from seqzoo.errors import RunError

__all__ = [
    "fill_model",
    "fill_optimizer",
    "first_cut",
    "load_states",
    "optimizer_tensors",
    "unique_tensors",
]


def unique_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of a model's state, contiguous; one that has two names comes once."""
    seen: set[tuple[int, torch.Size]] = set()
    tensors = {}
    for name, tensor in model.state_dict().items():
        key = (tensor.data_ptr(), tensor.shape)
        if tensor.numel() and key in seen:
            continue
        seen.add(key)
        tensors[name] = tensor.detach().contiguous()
    return tensors


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimizer's state as `<state>/<parameter>`, contiguous."""
    return {
        f"{key}/{name}": value.detach().contiguous()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def fill_model(model: nn.Module, path: Path) -> None:
    """Copy a file's tensors into a model's.

    Raises:
        RunError: the file is damaged, or its names, shapes or dtypes are not the model's; the
            first wrong tensor in the model's order is named.
    """
    found = _read(path)
    targets = unique_tensors(model)
    for name, target in targets.items():
        if name not in found:
            raise _misfit(path, f"it lacks tensor '{name}' {_shape(target)}")
        if found[name].shape != target.shape or found[name].dtype != target.dtype:
            raise _misfit(
                path,
                f"tensor '{name}' is {_shape(found[name])} there and {_shape(target)} here",
            )
    for name, tensor in found.items():
        if name not in targets:
            raise _misfit(path, f"the model has no tensor '{name}' {_shape(tensor)}")
    own = model.state_dict()
    with torch.no_grad():
        for name, tensor in found.items():
            own[name].copy_(tensor)


def fill_optimizer(
    model: nn.Module, optimizer: torch.optim.Optimizer, path: Path
) -> dict[str, Tensor]:
    """Give an optimizer the state of a file, and return the file's other tensors.

    Raises:
        RunError: the file is damaged, or a state belongs to no parameter or has another shape.
    """
    parameters = dict(model.named_parameters())
    states: dict[str, dict[str, Tensor]] = {}
    others = {}
    for full_name, tensor in _read(path).items():
        kind, _, rest = full_name.partition("/")
        if kind != "optimizer":
            others[full_name] = tensor
            continue
        key, _, name = rest.partition("/")
        parameter = parameters.get(name)
        if parameter is None:
            raise _misfit(path, f"the model has no parameter '{name}' for '{full_name}'")
        if tensor.ndim and tensor.shape != parameter.shape:
            raise _misfit(
                path,
                f"tensor '{full_name}' is {_shape(tensor)} there and {_shape(parameter)} here",
            )
        states.setdefault(name, {})[key] = tensor
    load_states(optimizer, {id(parameters[name]): state for name, state in states.items()})
    return others


def first_cut(path: Path) -> str:
    """What is missing of a file of tensors that ends too early: its first one that is not whole."""
    content = path.read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8:begin])
    except ValueError:
        return "not even its list of tensors is whole"
    header.pop("__metadata__", None)
    for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        first, stop = tensor["data_offsets"]
        there = max(0, len(content) - begin - first)
        if there < stop - first:
            shape = f"{tuple(tensor['shape'])} {tensor['dtype']}"
            return f"of tensor '{name}' {shape} it has {there:,} bytes of {stop - first:,}"
    return "all its tensors are whole, and more is there than was saved"


def load_states(optimizer: torch.optim.Optimizer, states: Mapping[int, dict[str, Tensor]]) -> None:
    """Hand states by the id of their parameter to the optimizer, which moves them to its device."""
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


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError, ValueError, KeyError) as failure:
        raise RunError(
            f"{path} is damaged: {failure}; delete {path.parent} and run the same command again"
        ) from None


def _misfit(path: Path, what: str) -> RunError:
    return RunError(
        f"{path} is not of this model: {what}; use the spec (and the version of seqzoo and its "
        "plugins) that it was saved with, or another --out"
    )


def _shape(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
