"""The linear recurrence's kernels as operators: `seqzoo::triton_scan`, its backward, and a step.

As in `scan.ops`, a scan has two entries: a compiled graph holds the operator; eager calls go
through an autograd function around it, which works under torch.func and refuses what the operator
would get wrong.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from seqzoo.scan.chunked.operator import (
    ARGUMENTS,
    NUM_OPTIONS,
    backward_by,
    fake_gradients,
    gradients_by,
    keep_arguments,
    split_arguments,
)
from seqzoo.scan.chunked.rows import ScanTensors
from seqzoo.scan.ops.once import ScanGradients
from seqzoo.scan.ops.refusals import refuse_forward_mode, refuse_second_derivative, refuse_vmap
from seqzoo.scan.ops.signed import signed
from seqzoo.scan.triton.backward import run_backward
from seqzoo.scan.triton.forward import run_forward
from seqzoo.scan.triton.run_step import run_step
from seqzoo.scan.triton.setting import Setting


def triton_scan(*arguments: Any) -> tuple[Tensor, Tensor]:
    """Outputs (B, T, H, V) in the queries' dtype and the final state in float32, from the fields of
    `ScanTensors`, the state in float32 or None, and the fields of `ScanOptions`; T and B not 0."""
    if torch.compiler.is_compiling():
        return _scan(*arguments)
    return _TritonScan.apply(*arguments)  # type: ignore[return-value]


class _TritonScan(torch.autograd.Function):
    """The entry for eager calls."""

    @staticmethod
    @signed
    def forward(*arguments: Any) -> tuple[Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _scan(*arguments)

    setup_context = staticmethod(keep_arguments)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, of_outputs: Tensor | None, of_final: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        gradients = gradients_by(_scan_backward, ctx.options)
        found = ScanGradients.apply(gradients, of_outputs, of_final, *ctx.saved_tensors)
        return *found, *(None,) * NUM_OPTIONS  # type: ignore[misc]

    jvp = staticmethod(refuse_forward_mode)  # pyright: ignore[reportAssignmentType]
    vmap = staticmethod(refuse_vmap)  # pyright: ignore[reportAssignmentType]


@torch.library.custom_op(
    "seqzoo::triton_scan", mutates_args=(), schema=f"({ARGUMENTS}) -> (Tensor, Tensor)"
)
def _scan(*arguments: Any) -> tuple[Tensor, Tensor]:
    tensors, state, options = split_arguments(arguments)
    return run_forward(Setting(tensors, options), state)


@torch.library.custom_op(
    "seqzoo::triton_scan_backward",
    mutates_args=(),
    schema=f"(Tensor? of_outputs, Tensor? of_final, {ARGUMENTS}) -> Tensor[]",
)
def _scan_backward(
    of_outputs: Tensor | None, of_final: Tensor | None, *arguments: Any
) -> list[Tensor]:
    tensors, state, options = split_arguments(arguments)
    setting = Setting(tensors, options)
    if of_outputs is None:
        of_outputs = torch.zeros_like(setting.values[:, :, 0])
    if of_final is None:
        shape = (setting.num_sequences, setting.heads, setting.value_size, setting.key_size)
        of_final = tensors.queries.new_zeros(shape, dtype=torch.float32)
    of_tensors, of_state = run_backward(setting, tensors, state, of_outputs, of_final)
    gradients = (*of_tensors, None if state is None else of_state)
    return [gradient for gradient in gradients if gradient is not None]


@torch.library.custom_op(
    "seqzoo::triton_step",
    mutates_args=(),
    schema="(Tensor queries, Tensor keys, Tensor values, Tensor? strengths, Tensor? log_decay, "
    "Tensor? erase_read, Tensor? erase_strength, Tensor? erase_write, Tensor? state, "
    "bool before_decay, float scale, bool along_key) -> (Tensor, Tensor)",
)
def triton_step(*arguments: Any) -> tuple[Tensor, Tensor]:
    """Outputs (B, H, V) and the next state, of one token; not differentiable."""
    *tensors, state, before_decay, scale, along_key = arguments
    return run_step(ScanTensors(*tensors), state, before_decay, scale, along_key)


@_scan.register_fake
def _(*arguments: Any) -> tuple[Tensor, Tensor]:
    tensors, _, options = split_arguments(arguments)
    batch, time, _, key_size = tensors.queries.shape
    heads, value_size = tensors.values.shape[-2:]
    sequences = batch if options.cu_seqlens is None else len(options.cu_seqlens) - 1
    return (
        tensors.queries.new_empty(batch, time, heads, value_size),
        tensors.queries.new_empty(sequences, heads, value_size, key_size, dtype=torch.float32),
    )


@triton_step.register_fake
def _(*arguments: Any) -> tuple[Tensor, Tensor]:
    queries, _, values = arguments[:3]
    batch, _, heads, value_size = values.shape
    shape, key_size = (batch, heads, value_size), queries.shape[-1]
    return queries.new_empty(shape), queries.new_empty((*shape, key_size), dtype=torch.float32)


_scan.register_vmap(refuse_vmap)
_scan.register_autograd(
    backward_by(torch.ops.seqzoo.triton_scan_backward), setup_context=keep_arguments
)
_scan_backward.register_fake(fake_gradients)
_scan_backward.register_vmap(refuse_vmap)
_scan_backward.register_autograd(refuse_second_derivative)
triton_step.register_vmap(refuse_vmap)
