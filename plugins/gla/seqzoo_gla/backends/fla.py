"""The scan by flash-linear-attention's kernels, where they compute the same function.

Theirs are linear attention, simple GLA, GLA, the delta rule, the gated delta rule and KDA: one
write a token; no decay, or one a head or a key channel; no erase, or one along the write's own key
with the write's own strength. Their state is ours transposed, (B, H, K, V).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from seqzoo.errors import BackendError
from seqzoo.scan import ScanResult
from seqzoo.scan.part import ScanPart
from seqzoo.scan.problem import ScanProblem
from seqzoo.scan.token import repeated_keys
from seqzoo_gla.backends.kernels import FUNCTIONS, Function, Installed, Kernels

__all__ = ["FlaBackend", "FlaScan"]

HALVES = (torch.float16, torch.bfloat16)
LARGEST_KEY = 256  # of their delta rules


class FlaBackend:
    """`scan` by their `chunk_*`, `step` by their `fused_recurrent_*`.

    Args:
        kernels: where their functions come from.
    """

    name = "fla"

    def __init__(self, kernels: Kernels | None = None) -> None:
        self.kernels: Kernels = Installed() if kernels is None else kernels

    def supports(self, problem: ScanProblem) -> str | None:
        """None, or why their kernels do not compute this problem."""
        return self.kernels.refusal(problem.queries.device) or _other_function(problem)

    def scan(self, problem: ScanProblem) -> ScanResult:
        """Whole sequences, packed or not."""
        if 0 in problem.queries.shape[:2]:
            return ScanResult(problem.no_outputs(), problem.initial_state())
        return self._run(problem, _function(problem), whole=True)

    def step(self, problem: ScanProblem) -> ScanResult:
        """One token; where gradients are wanted, as a sequence of one."""
        if len(problem.queries) == 0:
            return ScanResult(problem.no_outputs(), problem.initial_state())
        whole = torch.is_grad_enabled() and any(
            tensor is not None and tensor.requires_grad for tensor in _tensors(problem)
        )
        return self._run(problem, _function(problem), whole=whole)

    def _run(self, problem: ScanProblem, function: Function, *, whole: bool) -> ScanResult:
        form = "chunk" if whole else "fused_recurrent"
        call = self.kernels.function(function.package, f"{form}_{function.name}")
        is_step = problem.queries.ndim == 3
        outputs, state = call(**_arguments(problem, function, whole=whole, is_step=is_step))
        if is_step:
            outputs = outputs.squeeze(1)
        return ScanResult(outputs.to(problem.queries.dtype), state.transpose(-1, -2))


class FlaScan(ScanPart):
    """flash-linear-attention's kernels, on a GPU; extra `fla`. `chunk_size` is their own."""

    name = "fla"
    backend = FlaBackend()

    def elementwise(
        self,
        log_decay: Tensor,
        inputs: Tensor,
        state: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
    ) -> ScanResult:
        """Refused, rather than computed by another backend.

        Raises:
            BackendError: always.
        """
        raise BackendError(
            "scan backend 'fla' has no element-wise scan; write scan: auto for this mixer"
        )


def _function(problem: ScanProblem) -> Function:
    decay = problem.transition.log_decay
    kind = "none" if decay is None else "channel"
    if decay is not None and decay.ndim == problem.writes.values.ndim - 2:
        kind = "head"
    return FUNCTIONS[kind, problem.transition.erase is not None]


def _other_function(problem: ScanProblem) -> str | None:
    """What of the problem none of their functions computes."""
    writes, erase, function = problem.writes, problem.transition.erase, _function(problem)
    rank = writes.keys.shape[-3]
    if rank > 1:
        return f"its kernels take one write a token, and there are {rank}"
    if writes.steps > 1:
        return f"its kernels take one step a token, and there are {writes.steps}"
    if problem.transposed_read:
        return "its kernels do not read the state transposed"
    if problem.dtype != torch.float32:
        return f"its kernels compute in float32, and the tensors ask for {problem.dtype}"
    if function.halves_only and problem.queries.dtype not in HALVES:
        return (
            f"its kernel of {function.title} takes float16 and bfloat16, and the queries are "
            f"{problem.queries.dtype}"
        )
    if erase is not None:
        if erase.read is not None or erase.write is not None:
            return f"its kernel of {function.title} erases along the write's key, not another one"
        if erase.before_decay and problem.transition.log_decay is not None:
            return f"its kernel of {function.title} decays before it erases"
        if not _is_same(erase.strength, writes.strengths):
            return (
                f"its kernel of {function.title} writes and erases with one strength, and there "
                "are two"
            )
        if writes.keys.shape[-1] > LARGEST_KEY:
            return (
                f"its kernel of {function.title} takes keys up to {LARGEST_KEY}, not "
                f"{writes.keys.shape[-1]}"
            )
    bounds = problem.bounds
    if bounds is not None and any(begin == end for begin, end in pairwise(bounds)):
        return "its kernels need a token in every packed sequence"
    return None


def _is_same(strength: Tensor | None, strengths: Tensor | None) -> bool:
    """Whether the erase's strength is the write's: the same memory, not only the same numbers."""
    if strength is None or strengths is None:
        return False
    first = strengths.select(-2, 0)
    return (
        strength.data_ptr() == first.data_ptr()
        and strength.shape == first.shape
        and strength.stride() == first.stride()
    )


def _arguments(
    problem: ScanProblem, function: Function, *, whole: bool, is_step: bool
) -> dict[str, Any]:
    """Their keywords: tensors (B, T, H, .), gates and states in float32, states (N, H, K, V)."""
    writes, heads, dtype = problem.writes, problem.heads, problem.queries.dtype
    keys, values = writes.keys.select(-3, 0), writes.values.select(-3, 0)
    strength = None if writes.strengths is None else writes.strengths.select(-2, 0)
    if strength is not None and not function.erases:
        values = values * strength.unsqueeze(-1)
    decay = problem.transition.log_decay

    def laid_out(tensor: Tensor, kind: torch.dtype) -> Tensor:
        return (tensor.unsqueeze(1) if is_step else tensor).to(kind).contiguous()

    arguments: dict[str, Any] = {
        "q": laid_out(repeated_keys(problem.queries, heads), dtype),
        "k": laid_out(repeated_keys(keys, heads), dtype),
        "v": laid_out(values, dtype),
        "scale": problem.scale,
        "initial_state": problem.initial_state().transpose(-1, -2).contiguous(),
        "output_final_state": True,
    }
    name = function.decay if whole else function.token_decay
    if name is not None:
        assert decay is not None
        arguments[name] = laid_out(decay, torch.float32)
    if function.erases:
        assert strength is not None
        arguments["beta"] = laid_out(strength, dtype)
    if function.name == "linear_attn":
        arguments["normalize"] = False
    if problem.cu_seqlens is not None:
        arguments["cu_seqlens"] = problem.cu_seqlens.long()
    return arguments


def _tensors(problem: ScanProblem) -> tuple[Tensor | None, ...]:
    writes, erase = problem.writes, problem.transition.erase
    strength = None if erase is None else erase.strength
    given = (problem.queries, writes.keys, writes.values, writes.strengths, problem.state)
    return (*given, problem.transition.log_decay, strength)
