"""The backend of the exact chunked form: parallel inside chunks, one matrix step between them.

One autograd function over the whole scan, in three layers, each with its gradients written out:
the tensors in chunks (`rows`), scores and decays (`factors`), and the erases' solve with the pass
of the state (`within`). It is exact: the chunk size changes nothing beyond rounding.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqzoo.scan.channel_decay import channel_factors, channel_gradients
from seqzoo.scan.factors import ChunkFactors
from seqzoo.scan.head_decay import HeadDecays, head_factors, head_gradients
from seqzoo.scan.layout import ChunkLayout, choose_layout, join_tokens, split_tokens
from seqzoo.scan.precision import full_precision
from seqzoo.scan.problem import ScanProblem, ScanResult
from seqzoo.scan.rows import ChunkRows, ScanTensors, chunk_rows, tensor_gradients
from seqzoo.scan.token import step_token
from seqzoo.scan.undecayed import undecayed_factors, undecayed_gradients
from seqzoo.scan.within import Solved, run_chunks, run_chunks_back


class ChunkedBackend:
    """The chunked form in torch operations, on any device.

    Differentiable once; for higher derivatives ask for the reference.
    """

    name = "chunked"

    def supports(self, problem: ScanProblem) -> str | None:
        """None: every problem is supported."""
        return None

    def scan(self, problem: ScanProblem) -> ScanResult:
        """Scans in chunks; linear in T in time and memory."""
        return chunked_scan(problem)

    def step(self, problem: ScanProblem) -> ScanResult:
        """One token."""
        return step_token(problem)


def chunked_scan(problem: ScanProblem) -> ScanResult:
    """The outputs and final state of a checked problem."""
    queries, writes, transition = problem.queries, problem.writes, problem.transition
    batch, time, heads, _ = queries.shape
    if batch == 0 or time == 0:
        outputs = queries.new_zeros(batch, time, heads, writes.values.shape[-1])
        return ScanResult(outputs, problem.initial_state())

    log_decay, erase = transition.log_decay, transition.erase
    per_channel = log_decay is not None and log_decay.ndim == 4
    layout = choose_layout(problem, power_of_two=per_channel)
    some_empty = layout.active[0] < problem.num_sequences
    state = problem.initial_state() if problem.state is not None or some_empty else None
    erased = (None, None, None) if erase is None else (erase.read, erase.strength, erase.write)
    tensors = (queries, writes.keys, writes.values, writes.strengths, log_decay, *erased)
    converted = [None if tensor is None else tensor.to(problem.dtype) for tensor in tensors]
    before_decay = erase is not None and erase.before_decay
    outputs, final = _ChunkedScan.apply(layout, problem.scale, before_decay, state, *converted)  # type: ignore[misc]
    return ScanResult(outputs.to(queries.dtype), final)


class _ChunkedScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        layout: ChunkLayout,
        scale: float,
        before_decay: bool,
        state: Tensor | None,
        *arguments: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        tensors = ScanTensors(*arguments)  # type: ignore[arg-type]
        rows = chunk_rows(layout, tensors, scale)
        factors, decays = _factors(rows, before_decay)
        first = None if state is None else layout.order_states(state)
        lanes = [active * layout.shape[2] for active in layout.active]
        values = rows.values.flatten(1, 2)
        outputs, final, solved = run_chunks(factors, values, layout.chunk, first, lanes)

        ctx.set_materialize_grads(False)
        ctx.layout, ctx.lanes, ctx.total = layout, lanes, len(final)
        ctx.scale, ctx.before_decay = scale, before_decay
        ctx.save_for_backward(*tensors, rows.reading, rows.keys, *factors, *solved, *decays)
        return join_tokens(layout, outputs), layout.restore_states(final)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *of_results: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors  # once: unpacking may recompute them
        with full_precision(saved[0]):
            return _gradients(ctx, saved, *of_results)


def _gradients(
    ctx: Any, saved_tensors: tuple[Tensor, ...], of_outputs: Tensor | None, of_final: Tensor | None
) -> tuple[Tensor | None, ...]:
    """The gradients of what `_ChunkedScan.forward` takes."""
    layout: ChunkLayout = ctx.layout
    saved = iter(saved_tensors)
    tensors = ScanTensors(*islice(saved, len(ScanTensors._fields)))
    reading, keys = islice(saved, 2)
    factors = ChunkFactors(*islice(saved, len(ChunkFactors._fields)))
    solved = Solved(*islice(saved, len(Solved._fields)))
    decays = tuple(saved)

    value_size = tensors.values.shape[-1]
    of_rows = keys.new_empty(*layout.shape, *reading.shape[1:3], value_size)
    if of_outputs is None:
        of_rows[:, :, :, 0].zero_()
    else:
        of_rows[:, :, :, 0].copy_(split_tokens(layout, of_outputs))
    of_rows = of_rows.flatten(0, 2).flatten(1, 2)
    if of_final is not None:
        of_final = layout.order_states(of_final).contiguous()
    of_factors, of_values, of_state = run_chunks_back(
        factors, solved, of_rows, of_final, ctx.lanes, ctx.total
    )
    if tensors.log_decay is None:
        gradients = undecayed_gradients(reading, keys, of_factors)
    elif tensors.log_decay.ndim == 3:
        gradients = head_gradients(
            reading, keys, factors, HeadDecays(*decays), of_factors, ctx.before_decay
        )
    else:
        gradients = channel_gradients(reading, keys, decays, of_factors, ctx.before_decay)
    of_values = of_values.unflatten(1, keys.shape[1:3])
    of_tensors = tensor_gradients(
        layout,
        tensors,
        ctx.scale,
        ChunkRows(gradients.reading, gradients.keys, of_values, gradients.log_decay),
    )
    if of_state is not None:
        of_state = layout.restore_states(of_state) if ctx.needs_input_grad[3] else None
    return None, None, None, of_state, *of_tensors


def _factors(
    rows: ChunkRows, before_decay: bool
) -> tuple[ChunkFactors, HeadDecays | tuple[Tensor, ...]]:
    """The factors for the kind of decay there is, and what else their gradients need."""
    if rows.log_decay is None:
        return undecayed_factors(rows.reading, rows.keys), ()
    of_kind = head_factors if rows.log_decay.ndim == 2 else channel_factors
    return of_kind(rows.reading, rows.keys, rows.log_decay, before_decay)
