"""One check of a scan's arguments: shapes, dtypes, devices, bounds; every backend relies on it."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.scan.bounds import check_bounds
from seqzoo.scan.problem import ScanProblem
from seqzoo.scan.recurrence import Erase, Transition, Writes

_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_REQUIRED = ("queries", "writes.keys", "writes.values")
_LEAD_HINTS = {
    "scan": "One token, without a time axis, is for step.",
    "step": "A whole sequence, with a time axis, is for scan.",
}


def check_scan(
    queries: Tensor,
    transition: Transition,
    writes: Writes,
    state: Tensor | None = None,
    cu_seqlens: Tensor | None = None,
    scale: float = 1.0,
    chunk_size: int = 64,
    transposed_read: bool = False,
) -> ScanProblem:
    """Checks shapes, dtypes, devices and sequence bounds of a whole scan.

    Raises:
        ValueError: naming the argument, what was expected, what came, and what to do.
    """
    sizes = _check_tensors("scan", "B T ", queries, transition, writes, transposed_read)
    if isinstance(chunk_size, bool) or not isinstance(chunk_size, int) or chunk_size < 1:
        raise ValueError(f"scan: chunk_size must be a positive integer, got {chunk_size!r}")
    _check_scale("scan", scale)
    if cu_seqlens is not None:
        sizes["N"] = check_bounds("scan", cu_seqlens, sizes["B"], sizes["T"])
    _check_state("scan", "B" if cu_seqlens is None else "N", state, queries, sizes)
    return ScanProblem(
        queries, transition, writes, state, cu_seqlens, scale, chunk_size, transposed_read
    )


def check_step(
    queries: Tensor,
    transition: Transition,
    writes: Writes,
    state: Tensor | None = None,
    scale: float = 1.0,
    transposed_read: bool = False,
) -> ScanProblem:
    """Checks one token's tensors: those of `check_scan`, with T absent.

    Raises:
        ValueError: naming the argument, what was expected, what came, and what to do.
    """
    sizes = _check_tensors("step", "B ", queries, transition, writes, transposed_read)
    _check_scale("step", scale)
    _check_state("step", "B", state, queries, sizes)
    return ScanProblem(queries, transition, writes, state, None, scale, 1, transposed_read)


def _check_tensors(
    caller: str,
    lead: str,
    queries: Tensor,
    transition: Transition,
    writes: Writes,
    transposed_read: bool,
) -> dict[str, int]:
    """Checks every tensor but the state; returns the size of each named axis."""
    for name, value, kind in (
        ("transition", transition, Transition),
        ("writes", writes, Writes),
    ):
        if not isinstance(value, kind):
            raise ValueError(
                f"{caller}: {name} must be a {kind.__name__}, got {type(value).__name__}"
            )
    steps = writes.steps
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"{caller}: writes.steps must be a positive integer, got {steps!r}")
    sizes: dict[str, int] = {}

    def expect(name: str, tensor: Tensor | None, axes: str, hint: str = "") -> None:
        if tensor is not None or name in _REQUIRED:
            _expect(caller, name, tensor, axes, sizes, queries, hint)

    expect("queries", queries, lead + ("H V" if transposed_read else "G K"), _LEAD_HINTS[caller])
    micro = lead
    if steps > 1:  # an axis of T * steps micro-steps, or for one token of the steps alone
        micro = "B S "
        sizes["S"] = steps * (sizes["T"] if caller == "scan" else 1)
    rank = "A single write needs a rank axis of size 1."
    expect("writes.keys", writes.keys, micro + "R G K", rank)
    expect("writes.values", writes.values, micro + "R H V", rank)
    expect("writes.strengths", writes.strengths, micro + "R H")
    if sizes["R"] < 1:
        raise ValueError(f"{caller}: writes need a rank of at least 1, got R = 0")
    for axis, what in (
        ("H", "head"),
        ("G", "key head"),
        ("K", "key channel"),
        ("V", "value channel"),
    ):
        if sizes[axis] < 1:
            raise ValueError(f"{caller}: there must be at least one {what}, got {axis} = 0")
    if sizes["H"] % sizes["G"]:
        raise ValueError(
            f"{caller}: the number of heads must be a multiple of the number of key heads, got "
            f"H = {sizes['H']} in writes.values and G = {sizes['G']} in writes.keys"
        )
    decay = transition.log_decay
    if decay is not None:
        per_head = isinstance(decay, Tensor) and decay.ndim == writes.values.ndim - 2
        hint = "Per head it has no K axis, per key channel it has one."
        expect("transition.log_decay", decay, micro + ("H" if per_head else "H K"), hint)
    erase = transition.erase
    if erase is not None:
        if not isinstance(erase, Erase):
            raise ValueError(
                f"{caller}: transition.erase must be an Erase, got {type(erase).__name__}"
            )
        expect("erase.read", erase.read, micro + "G K", "None ties it to the writes' first key.")
        expect("erase.strength", erase.strength, micro + "H")
        expect("erase.write", erase.write, micro + "G K")
    return sizes


def _check_scale(caller: str, scale: float) -> None:
    if isinstance(scale, bool) or not isinstance(scale, int | float | torch.SymFloat):
        raise ValueError(
            f"{caller}: scale must be a number, got {type(scale).__name__}. One that is learned is "
            "a factor on the outputs, or on the queries."
        )


def _check_state(
    caller: str, lead: str, state: Tensor | None, queries: Tensor, sizes: dict[str, int]
) -> None:
    if state is None:
        return
    _expect(caller, "state", state, f"{lead} H V K", sizes, queries, "Rows are values.")
    if state.dtype.itemsize < torch.float32.itemsize:
        raise ValueError(
            f"{caller}: state must be float32 or wider, got {state.dtype}. Use state.float()."
        )


def _expect(
    caller: str,
    name: str,
    tensor: Tensor | None,
    axes: str,
    sizes: dict[str, int],
    queries: Tensor,
    hint: str,
) -> None:
    """Checks one tensor against named axes; an axis met for the first time gets its size here."""
    if not isinstance(tensor, Tensor):
        raise ValueError(f"{caller}: {name} must be a tensor, got {type(tensor).__name__}")
    names = axes.split()
    shape = tuple(tensor.shape)
    if len(shape) != len(names) or any(
        sizes.get(axis, size) != size for axis, size in zip(names, shape, strict=True)
    ):
        named, wanted = ", ".join(names), ", ".join(str(sizes.get(axis, axis)) for axis in names)
        equal = f" = ({wanted})" if wanted != named else ""
        raise ValueError(
            f"{caller}: {name} must have shape ({named}){equal}, got {shape}. {hint}".rstrip()
        )
    if not _is_real(tensor):
        raise ValueError(
            f"{caller}: {name} must be a floating-point tensor of 16 bits or more, got "
            f"{tensor.dtype}. "
            f"Use {name}.to({queries.dtype if _is_real(queries) else torch.float32})."
        )
    if tensor.device != queries.device:
        raise ValueError(
            f"{caller}: {name} must be on the queries' device, {queries.device}, got "
            f"{tensor.device}. Use {name}.to(queries.device)."
        )
    sizes.update(zip(names, shape, strict=True))


def _is_real(tensor: Tensor) -> bool:
    return tensor.dtype in _DTYPES
