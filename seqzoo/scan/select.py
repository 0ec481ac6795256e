"""The public functions: check the problem, pick a backend, run it.

A backend is any object with `name`, `supports`, `scan` and `step`. Backends are listed in a table,
a plain tuple in order of preference; `register_backend` returns a longer one, and nothing global
changes. A backend can also be passed directly.
"""

from __future__ import annotations

import difflib
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from seqzoo.errors import BackendError
from seqzoo.scan.check import check_scan, check_step
from seqzoo.scan.chunked.backend import ChunkedBackend
from seqzoo.scan.precision import full_precision
from seqzoo.scan.problem import ScanProblem
from seqzoo.scan.recurrence import ScanResult, Transition, Writes
from seqzoo.scan.reference import ReferenceBackend
from seqzoo.scan.triton.available import interpreting
from seqzoo.scan.triton.backend import TritonBackend
from seqzoo.scan.triton.verdict import warn_once
from seqzoo.scan.used import note


@runtime_checkable
class Backend(Protocol):
    """One way to compute a scan."""

    @property
    def name(self) -> str:
        """The name a user asks for."""
        ...

    def supports(self, problem: ScanProblem) -> str | None:
        """None if the backend can compute the problem, else the reason why not."""
        ...

    def scan(self, problem: ScanProblem) -> ScanResult:
        """Computes a checked problem."""
        ...

    def step(self, problem: ScanProblem) -> ScanResult:
        """Computes a checked problem of one token, without time axis."""
        ...


_TORCH: tuple[Backend, ...] = (ChunkedBackend(), ReferenceBackend())

BUILTIN_BACKENDS: tuple[Backend, ...] = (
    (*_TORCH, TritonBackend()) if interpreting() else (TritonBackend(), *_TORCH)
)
"""In order of preference: "auto" takes the first that supports the problem. Kernels in the
interpreter are for tests and come last."""


class BackendChoice(NamedTuple):
    """Which backend runs a problem, and why.

    Attributes:
        name: the picked backend's name.
        reasons: one sentence per backend in the table: why it was picked, or why not.
        backend: the picked backend.
    """

    name: str
    reasons: tuple[str, ...]
    backend: Backend


def register_backend(backends: tuple[Backend, ...], backend: Backend) -> tuple[Backend, ...]:
    """A new table with `backend` preferred to those already in `backends`.

    Raises:
        ValueError: the name is taken or reserved, or the object is not a backend.
    """
    if not isinstance(backend, Backend):
        raise ValueError(
            f"a backend needs name, supports, scan and step; {type(backend).__name__} lacks some"
        )
    names = [known.name for known in backends]
    if backend.name in names or backend.name == "auto":
        raise ValueError(f"the backend name {backend.name!r} is taken: {', '.join(names)}, auto")
    return (backend, *backends)


def scan(
    queries: Tensor,
    transition: Transition,
    writes: Writes,
    state: Tensor | None = None,
    *,
    cu_seqlens: Tensor | None = None,
    scale: float = 1.0,
    chunk_size: int = 64,
    transposed_read: bool = False,
    backend: str | Backend = "auto",
    backends: tuple[Backend, ...] = BUILTIN_BACKENDS,
) -> ScanResult:
    """S_t = S_{t-1} A_t + B_t and o_t = scale * S_t q_t over whole sequences.

    Differentiable in every tensor, the state included; more than once only on the reference.
    Computes in the widest dtype among the inputs, at least float32, autocast or not.

    Args:
        queries: (B, T, G, K); (B, T, H, V) for a transposed read.
        transition: A_t; see `Transition`.
        writes: B_t; see `Writes`.
        state: the state before the first token, (B, H, V, K), or (N, H, V, K) with cu_seqlens;
            float32 or wider. None is zero.
        cu_seqlens: (N + 1,) integer, the bounds of N sequences packed along time, with B = 1;
            a sequence may be empty.
        scale: a factor on the outputs.
        chunk_size: the most tokens per chunk; changes speed and memory, not the result beyond
            rounding.
        transposed_read: read o_t = scale * S_t^T q_t.
        backend: a name in the table, "auto", or a backend.
        backends: the table of named backends.

    Returns:
        outputs (B, T, H, V), or (B, T, H, K) for a transposed read, in the queries' dtype, and the
        state after the last token.

    Raises:
        ValueError: an argument is wrong, or the backend asked for cannot compute the problem.
    """
    problem = check_scan(
        queries, transition, writes, state, cu_seqlens, scale, chunk_size, transposed_read
    )
    with full_precision(queries):
        return choose_backend(problem, backend, backends).backend.scan(problem)


def step(
    queries: Tensor,
    transition: Transition,
    writes: Writes,
    state: Tensor | None = None,
    *,
    scale: float = 1.0,
    transposed_read: bool = False,
    backend: str | Backend = "auto",
    backends: tuple[Backend, ...] = BUILTIN_BACKENDS,
) -> ScanResult:
    """One token of `scan`: the same arguments with T absent.

    Args:
        queries: (B, G, K); (B, H, V) for a transposed read.
        transition: log_decay (B, H) | (B, H, K); erase read and write (B, G, K), strength (B, H).
        writes: keys (B, R, G, K), values (B, R, H, V), strengths (B, R, H). With writes.steps = n
            above 1, these and the transition's have an axis of n micro-steps after B.
        state: (B, H, V, K), float32 or wider; None is zero.
        scale: a factor on the outputs.
        transposed_read: read o_t = scale * S_t^T q_t.
        backend: a name in the table, "auto", or a backend.
        backends: the table of named backends.

    Returns:
        outputs (B, H, V), or (B, H, K) for a transposed read, in the queries' dtype, and the state
        after the token.

    Raises:
        ValueError: an argument is wrong, or the backend asked for cannot compute the problem.
    """
    problem = check_step(queries, transition, writes, state, scale, transposed_read)
    with full_precision(queries):
        return choose_backend(problem, backend, backends).backend.step(problem)


def explain_backend(
    queries: Tensor,
    transition: Transition,
    writes: Writes,
    state: Tensor | None = None,
    *,
    cu_seqlens: Tensor | None = None,
    scale: float = 1.0,
    chunk_size: int = 64,
    transposed_read: bool = False,
    backend: str | Backend = "auto",
    backends: tuple[Backend, ...] = BUILTIN_BACKENDS,
) -> BackendChoice:
    """Which backend `scan` would run with the same arguments, and why; computes nothing.

    Raises:
        ValueError: as `scan`.
    """
    problem = check_scan(
        queries, transition, writes, state, cu_seqlens, scale, chunk_size, transposed_read
    )
    return choose_backend(problem, backend, backends)


def choose_backend(
    problem: ScanProblem, backend: str | Backend, backends: tuple[Backend, ...]
) -> BackendChoice:
    """Picks the backend of a checked problem.

    Raises:
        ValueError: no such name; BackendError, a ValueError: it cannot compute the problem.
    """
    if not isinstance(backend, str):
        if not isinstance(backend, Backend):
            raise ValueError(
                "scan: backend must be a name, or an object with name, supports, scan and step; "
                f"got {type(backend).__name__}"
            )
        return _asked_for(problem, backend, "it was passed directly")
    if backend != "auto":
        for known in backends:
            if known.name == backend:
                return _asked_for(problem, known, "it was asked for by name")
        names = [known.name for known in backends] + ["auto"]
        close = difflib.get_close_matches(backend, names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"no scan backend {backend!r}; there are {', '.join(names)}.{hint}")

    chosen: Backend | None = None
    reasons: list[str] = []
    for known in backends:
        refusal = known.supports(problem)
        if refusal is not None:
            reasons.append(f"{known.name}: not used, {refusal}")
            if chosen is None:
                warn_once(refusal)
        elif chosen is None:
            chosen = known
            reasons.append(f"{known.name}: used, the first backend that can compute it")
        else:
            reasons.append(f"{known.name}: not used, {chosen.name} comes first")
    if chosen is None:
        raise ValueError(f"no scan backend supports this problem: {'; '.join(reasons)}")
    note("scan", chosen.name, tuple(reasons))
    return BackendChoice(chosen.name, tuple(reasons), chosen)


def _asked_for(problem: ScanProblem, backend: Backend, why: str) -> BackendChoice:
    refusal = backend.supports(problem)
    if refusal is not None:
        raise BackendError(
            f"scan backend {backend.name!r} cannot compute this problem: {refusal}. "
            'backend="auto", in a spec `scan: auto`, takes one that can.'
        )
    reasons = (f"{backend.name}: used, {why}",)
    note("scan", backend.name, reasons)
    return BackendChoice(backend.name, reasons, backend)
