"""What a scan computes, as data: the transition, the writes, the result, and one check of them.

    S_t = S_{t-1} A_t + B_t        o_t = scale * S_t q_t

    A_t = Diag(exp(g_t)) (I + a_t b_t^T)              `Transition`, its rank-one part `Erase`
    B_t = sum_r strength_t^r  v_t^r (k_t^r)^T         `Writes`

Shapes, here and in the whole folder: B batch, T time, H heads, G key heads, K key size, V value
size, R write rank, C chunk, N sequences packed along time. The state S is (B, H, V, K): rows are
the value dimension, columns the key dimension. Head h reads and writes with key head h // (H // G).
`step`, one token, takes the same tensors with T absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_REQUIRED = ("queries", "writes.keys", "writes.values")
_LEAD_HINTS = {
    "scan": "One token, without a time axis, is for step.",
    "step": "A whole sequence, with a time axis, is for scan.",
}
_BOUNDS_RULE = "cu_seqlens must start at 0, never fall, and end at T"


@dataclass(frozen=True, eq=False)
class Erase:
    """The rank-one part I + a b^T of the forget matrix.

    Args:
        read: a, (B, T, G, K): what is read from the state. None ties it to the writes' first key,
            which is the cheap path: no extra score matrix.
        strength: (B, T, H): the delta rule, b = -strength * a.
        write: b, (B, T, G, K): any other b. Exactly one of `strength` and `write` is given.
        along_key: take away along the writes' first key whatever `read` is, b = -strength * k^1
            (Comba, Gated DeltaNet-2, preconditioned delta rules); on the cheap path too.
        before_decay: the read sees the state before this token's decay, A_t = Diag(alpha) + a b^T
            (RWKV-7, Comba), not after it.

    Raises:
        ValueError: neither or both of `strength` and `write` are given; or along_key without a read
            of its own, or with `write`.
    """

    read: Tensor | None = None
    strength: Tensor | None = None
    write: Tensor | None = None
    along_key: bool = False
    before_decay: bool = False

    def __post_init__(self) -> None:
        if self.along_key and (self.read is None or self.write is not None):
            raise ValueError(
                "Erase with along_key takes away along the writes' first key: it needs a read of "
                "its own, (B, T, G, K), and a strength, (B, T, H), and has no write. Without a "
                "read, leave along_key out: the erase is along that key already."
            )
        if (self.strength is None) == (self.write is None):
            given = "neither" if self.strength is None else "both"
            raise ValueError(
                f"Erase takes exactly one of strength and write, got {given}. Give strength "
                "(B, T, H) for the delta rule, or write (B, T, G, K) for a general erase."
            )

    @property
    def tied(self) -> bool:
        """Whether the state loses what it loses along the writes' first key."""
        return self.along_key or (self.read is None and self.strength is not None)


@dataclass(frozen=True, eq=False)
class Transition:
    """The forget matrix A_t; with no argument the identity (nothing is forgotten).

    Args:
        log_decay: g <= 0, None | (B, T, H) per head | (B, T, H, K) per key channel. The decay is
            exp(g); g = 0 keeps all, g = -inf forgets all. The sign is not checked, which would read
            every value: with a positive g the guarantees on accuracy are gone.
        erase: the rank-one part, applied after the decay; None for none.
    """

    log_decay: Tensor | None = None
    erase: Erase | None = None


@dataclass(frozen=True, eq=False)
class Writes:
    """The injection B_t, R rank-one components a token.

    Args:
        keys: (B, T, R, G, K).
        values: (B, T, R, H, V).
        strengths: (B, T, R, H), a factor on each value; None means 1.
        steps: n, micro-steps a token: these tensors and the transition's then hold T * n of them
            (for `step` they have an axis of n where T was), and each token reads after its last.
    """

    keys: Tensor
    values: Tensor
    strengths: Tensor | None = None
    steps: int = 1


class ScanResult(NamedTuple):
    """outputs (B, T, H, V) in the queries' dtype; state (B, H, V, K), after the last token,
    float32 or wider. From packed sequences the state is (N, H, V, K); from `step` the outputs are
    (B, H, V)."""

    outputs: Tensor
    state: Tensor


@dataclass(frozen=True, eq=False)
class ScanProblem:
    """A checked scan, as a backend receives it.

    Args:
        queries: (B, T, G, K), or (B, G, K) for one token; (B, T, H, V) for a transposed read.
        state: the state before the first token, (B, H, V, K) or (N, H, V, K); None is zero.
        cu_seqlens: (N + 1,) integer, where each packed sequence begins and ends; None: not packed.
        scale: a factor on the outputs.
        chunk_size: at most so many tokens a chunk; never changes the result beyond rounding.
    """

    queries: Tensor
    transition: Transition
    writes: Writes
    state: Tensor | None
    cu_seqlens: Tensor | None
    scale: float
    chunk_size: int
    transposed_read: bool = False

    @property
    def heads(self) -> int:
        """H."""
        return self.writes.values.shape[-2]

    @property
    def key_heads(self) -> int:
        """G."""
        return self.writes.keys.shape[-2]

    @property
    def output_size(self) -> int:
        """V, or K for a transposed read."""
        return (self.writes.keys if self.transposed_read else self.writes.values).shape[-1]

    def no_outputs(self) -> Tensor:
        """The outputs where B or T is 0: empty, and with the graph that autograd expects."""
        shape = (*self.queries.shape[:-2], self.heads, self.output_size)
        tensors = (self.queries, *_tensors(self.transition, self.writes))
        sums = torch.stack([each.sum().to(self.dtype) for each in tensors if each is not None])
        return self.queries.new_zeros(shape) + (0 * sums.sum()).to(self.queries.dtype)

    @property
    def bounds(self) -> tuple[int, ...] | None:
        """The numbers of `cu_seqlens`, checked; None if not packed.

        Waits for the device they are on. A backend that makes its tables there never asks.

        Raises:
            ValueError: they do not start at 0, or fall, or do not end at T.
        """
        if self.cu_seqlens is None:
            return None
        return read_bounds("scan", self.cu_seqlens, self.queries.shape[1])

    @property
    def dtype(self) -> torch.dtype:
        """The dtype to compute in: the widest input's, and at least float32."""
        dtype = torch.float32
        for tensor in (self.queries, *_tensors(self.transition, self.writes), self.state):
            if tensor is not None:
                dtype = torch.promote_types(dtype, tensor.dtype)
        return dtype

    @property
    def num_sequences(self) -> int:
        """B, or N when sequences are packed."""
        return len(self.queries) if self.cu_seqlens is None else len(self.cu_seqlens) - 1

    def initial_state(self) -> Tensor:
        """The state before the first token, in the computing dtype; zeros if none was given."""
        if self.state is not None:
            return self.state.to(self.dtype)
        sizes = self.writes.values.shape[-1], self.writes.keys.shape[-1]
        shape = (self.num_sequences, self.heads, *sizes)
        return self.queries.new_zeros(shape, dtype=self.dtype)


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


def check_bounds(caller: str, cu_seqlens: Tensor, batch: int, time: int) -> int:
    """Checks sequence bounds (N + 1,) against B = 1 and T; returns N.

    Their numbers are read where that costs no wait: on a CPU, and not while a graph is traced.
    On a GPU they are checked there, and what fails is a later call, as with any device-side
    assertion.

    Raises:
        ValueError: not a list of bounds that starts at 0, never falls, and ends at T.
    """
    rule = f"{caller}: cu_seqlens must be an integer tensor of shape (N + 1,), N >= 1; got "
    if not isinstance(cu_seqlens, Tensor):
        raise ValueError(f"{rule}a {type(cu_seqlens).__name__}. Use torch.tensor(cu_seqlens).")
    whole = not (cu_seqlens.dtype.is_floating_point or cu_seqlens.dtype.is_complex)
    if cu_seqlens.ndim != 1 or len(cu_seqlens) < 2 or not whole:
        raise ValueError(f"{rule}{cu_seqlens.dtype} of shape {tuple(cu_seqlens.shape)}")
    if batch != 1:
        raise ValueError(
            f"{caller}: cu_seqlens needs a batch of 1, the sequences packed along time; got "
            f"B = {batch}. Reshape (B, T, ...) to (1, B * T, ...) and set the bounds accordingly."
        )
    if cu_seqlens.device.type not in ("cpu", "meta"):
        rises = (cu_seqlens.diff() >= 0).all()
        fits = (cu_seqlens[0] == 0) & (cu_seqlens[-1] == time) & rises
        torch.ops.aten._assert_async.msg(fits, f"{caller}: {_BOUNDS_RULE}")
    elif cu_seqlens.device.type == "cpu" and not torch.compiler.is_compiling():
        read_bounds(caller, cu_seqlens, time)
    return len(cu_seqlens) - 1


def read_bounds(caller: str, cu_seqlens: Tensor, time: int) -> tuple[int, ...]:
    """The numbers of (N + 1,) integer bounds; waits for the device they are on.

    Raises:
        ValueError: they do not start at 0, or fall, or do not end at T.
    """
    bounds = tuple(int(bound) for bound in cu_seqlens.tolist())
    falls = any(later < earlier for earlier, later in pairwise(bounds))
    if bounds[0] != 0 or bounds[-1] != time or falls:
        raise ValueError(
            f"{caller}: {_BOUNDS_RULE} = {time}; got {_shorten(bounds)}. Padding at the end can be "
            "a sequence of its own."
        )
    return bounds


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


def _tensors(transition: Transition, writes: Writes) -> Sequence[Tensor | None]:
    erase = transition.erase
    erased = () if erase is None else (erase.read, erase.strength, erase.write)
    return (writes.keys, writes.values, writes.strengths, transition.log_decay, *erased)


def _is_real(tensor: Tensor) -> bool:
    return tensor.dtype in _DTYPES


def _shorten(bounds: tuple[int, ...]) -> str:
    return str(list(bounds)) if len(bounds) <= 8 else f"[{str(list(bounds[:7]))[1:-1]}, ...]"
