"""The backend of Triton kernels: the exact chunked form on a GPU, a stage a kernel."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.autograd import forward_ad

from seqzoo.scan.chunked.rows import ScanOptions, ScanTensors
from seqzoo.scan.plain import last_of_each_token, single_steps
from seqzoo.scan.problem import ScanProblem
from seqzoo.scan.recurrence import ScanResult
from seqzoo.scan.token import step_token
from seqzoo.scan.triton.available import available
from seqzoo.scan.triton.padding import padded
from seqzoo.scan.triton.verdict import set_aside

LARGEST = 256
"""The largest key or value size that the kernels have tiles for."""


class TritonBackend:
    """The chunked form as kernels, differentiable once; state and sums in float32.

    Queries, keys, values and the erase's keys are multiplied in their own dtype, half precisions on
    the matrix unit; gates and strengths are read in theirs. Micro-steps are tokens of their own to
    the kernels, with a query of zeros but for the last of each token.
    """

    name = "triton"

    def supports(self, problem: ScanProblem) -> str | None:
        """None, or why the kernels cannot compute the problem."""
        device = problem.queries.device
        refusal = available(device) or set_aside("linear", device)
        if refusal is not None:
            return refusal
        if problem.transposed_read:
            return "it does not read the state transposed"
        key_size, value_size = problem.writes.keys.shape[-1], problem.writes.values.shape[-1]
        if not 1 <= min(key_size, value_size) <= max(key_size, value_size) <= LARGEST:
            return f"keys and values have sizes from 1 to {LARGEST}, not {key_size}, {value_size}"
        if problem.dtype != torch.float32:
            return f"it computes in float32, and the tensors ask for {problem.dtype}"
        return None

    def scan(self, problem: ScanProblem) -> ScanResult:
        """Scans in chunks; linear in T in time and memory."""
        queries, erase = problem.queries, problem.transition.erase
        if queries.shape[0] == 0 or queries.shape[1] == 0:
            return ScanResult(problem.no_outputs(), problem.untouched_state())
        if problem.writes.steps > 1:
            outputs, final = self.scan(single_steps(problem))
            return ScanResult(last_of_each_token(outputs, problem.writes.steps), final)
        from seqzoo.scan.triton.scan_op import triton_scan

        before_decay = erase is not None and erase.before_decay
        along_key = erase is not None and erase.along_key
        options = ScanOptions(
            problem.cu_seqlens, before_decay, problem.scale, problem.chunk_size, along_key
        )
        tensors, state = padded(_tensors(problem), _state(problem))
        outputs, final = triton_scan(*tensors, state, *options)
        key_size, value_size = queries.shape[-1], problem.writes.values.shape[-1]
        outputs, final = outputs[..., :value_size], final[..., :value_size, :key_size]
        return ScanResult(outputs.to(queries.dtype), final)

    def step(self, problem: ScanProblem) -> ScanResult:
        """One token: a separate kernel, or torch's operations if derivatives are wanted."""
        tensors, state = _tensors(problem), _state(problem)
        given = (*tensors, state)
        if problem.writes.steps > 1 or _differentiated(given) or problem.queries.numel() == 0:
            return step_token(problem)
        from seqzoo.scan.triton.scan_op import triton_step

        erase = problem.transition.erase
        before_decay = erase is not None and erase.before_decay
        along_key = erase is not None and erase.along_key
        outputs, final = triton_step(*given, before_decay, problem.scale, along_key)
        return ScanResult(outputs.to(problem.queries.dtype), final)


def _differentiated(tensors: Iterable[Tensor | None]) -> bool:
    """Whether a derivative with respect to one of them is wanted, in reverse or forward mode."""
    given = [tensor for tensor in tensors if tensor is not None]
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given):
        return True
    if torch.compiler.is_compiling():
        return False
    return any(forward_ad.unpack_dual(tensor).tangent is not None for tensor in given)


def _tensors(problem: ScanProblem) -> ScanTensors:
    """What is multiplied in one dtype, the widest among them; gates as they are."""
    writes, transition = problem.writes, problem.transition
    erase = transition.erase
    read = None if erase is None else erase.read
    write = None if erase is None else erase.write
    dtype = problem.queries.dtype
    for tensor in (writes.keys, writes.values, read, write):
        if tensor is not None:
            dtype = torch.promote_types(dtype, tensor.dtype)
    return ScanTensors(
        problem.queries.to(dtype),
        writes.keys.to(dtype),
        writes.values.to(dtype),
        writes.strengths,
        transition.log_decay,
        _to(read, dtype),
        None if erase is None else erase.strength,
        _to(write, dtype),
    )


def _to(tensor: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return None if tensor is None else tensor.to(dtype)


def _state(problem: ScanProblem) -> Tensor | None:
    return None if problem.state is None else problem.state.to(torch.float32)
