"""The dual form's kernels as custom operators: compiled graphs hold each as one node."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from torch import Tensor

from seqzoo.scan.ops.once import ScanGradients
from seqzoo.scan.ops.signed import signed
from seqzoo_ttt.kernels.problem import Found, Given
from seqzoo_ttt.kernels.run import Kept, checkpoints, run_backward, run_forward

__all__ = ["dual_triton"]


def dual_triton(given: Given, cu_seqlens: Tensor | None) -> Found:
    """What is found by the kernels, differentiable once in everything given; not empty."""
    enter = _forward_op if torch.compiler.is_compiling() else _Dual.apply
    found: Any = enter(*given, cu_seqlens)  # type: ignore[misc]
    return Found(*found[:5])


def _refuse_vmap(*_: Any) -> NoReturn:
    raise NotImplementedError(
        "rule 'ttt': the kernels have no vmap rule; use backend: chunked, or reference"
    )


def _refuse_forward_mode(*_: Any) -> NoReturn:
    raise NotImplementedError(
        "rule 'ttt': the kernels have no forward-mode derivative; use reverse mode, or "
        "backend: chunked"
    )


def _refuse_second_derivative(*_: Any) -> NoReturn:
    raise RuntimeError(
        "rule 'ttt': the kernels differentiate once, and the gradient of their gradient was asked "
        "for; use backend: chunked for higher derivatives"
    )


class _Gradients(ScanGradients):
    """A backward that has none."""

    backward = staticmethod(_refuse_second_derivative)  # pyright: ignore[reportAssignmentType]
    jvp = staticmethod(_refuse_forward_mode)  # pyright: ignore[reportAssignmentType]
    vmap = staticmethod(_refuse_vmap)  # pyright: ignore[reportAssignmentType]


class _Dual(torch.autograd.Function):
    """The entry for eager calls."""

    @staticmethod
    @signed
    def forward(*given: Tensor | None) -> tuple[Tensor, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _forward_op(*given)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(*output[5:])
        _keep(ctx, inputs, output)

    @staticmethod
    def backward(ctx: Any, *of: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (*_Gradients.apply(_backward_op, *ctx.saved_tensors, *of[:5]), None)  # type: ignore[misc]

    jvp = staticmethod(_refuse_forward_mode)  # pyright: ignore[reportAssignmentType]
    vmap = staticmethod(_refuse_vmap)  # pyright: ignore[reportAssignmentType]


@torch.library.custom_op("seqzoo_ttt::dual_triton", mutates_args=())
def _forward_op(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    rates: Tensor,
    factors: Tensor,
    scale: Tensor,
    shift: Tensor,
    weight: Tensor,
    bias: Tensor,
    cu_seqlens: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    given = Given(queries, keys, values, rates, factors, scale, shift, weight, bias)
    found, kept = run_forward(given, cu_seqlens)
    return (
        *(found.reads, found.weight, found.bias, found.weight_sum, found.bias_sum),
        *(kept.states, kept.biases),
    )


@_forward_op.register_fake
def _(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    rates: Tensor,
    factors: Tensor,
    scale: Tensor,
    shift: Tensor,
    weight: Tensor,
    bias: Tensor,
    cu_seqlens: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    number = checkpoints(keys.shape[0], keys.shape[1], factors.shape[0], cu_seqlens)
    return (
        values.new_empty(values.shape),
        weight.new_empty(weight.shape),
        bias.new_empty(bias.shape),
        weight.new_empty(weight.shape),
        bias.new_empty(bias.shape),
        weight.new_empty((number, *weight.shape[1:])),
        bias.new_empty((number, *bias.shape[1:])),
    )


@torch.library.custom_op("seqzoo_ttt::dual_triton_backward", mutates_args=())
def _backward_op(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    rates: Tensor,
    factors: Tensor,
    scale: Tensor,
    shift: Tensor,
    weight: Tensor,
    bias: Tensor,
    cu_seqlens: Tensor | None,
    states: Tensor,
    biases: Tensor,
    of_reads: Tensor,
    of_weight: Tensor,
    of_bias: Tensor,
    of_weight_sum: Tensor,
    of_bias_sum: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    given = Given(queries, keys, values, rates, factors, scale, shift, weight, bias)
    of = Found(of_reads, of_weight, of_bias, of_weight_sum, of_bias_sum)
    return run_backward(given, cu_seqlens, Kept(states, biases), of)


@_backward_op.register_fake
def _(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    rates: Tensor,
    factors: Tensor,
    scale: Tensor,
    shift: Tensor,
    weight: Tensor,
    bias: Tensor,
    *_: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    given = Given(queries, keys, values, rates, factors, scale, shift, weight, bias)
    return Given(*(x.new_empty(x.shape) for x in given))


def _keep(ctx: Any, inputs: tuple[Tensor | None, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs, *output[5:])


def _backward(ctx: Any, *of: Tensor) -> Any:
    return (*_backward_op(*ctx.saved_tensors, *of[:5]), None)


_forward_op.register_autograd(_backward, setup_context=_keep)
_forward_op.register_vmap(_refuse_vmap)
_backward_op.register_vmap(_refuse_vmap)
_backward_op.register_autograd(_refuse_second_derivative)
