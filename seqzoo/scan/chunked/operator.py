"""The chunked form as an operator: `seqzoo::chunked_scan` and its backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from seqzoo.scan.chunked.broken_tokens import (
    all_whole,
    find_broken,
    mark_broken,
    reached,
    without_broken,
)
from seqzoo.scan.chunked.passes import Kept
from seqzoo.scan.chunked.rows import ScanOptions, ScanTensors
from seqzoo.scan.chunked.segments import Forward, backward, cut, forward
from seqzoo.scan.ops.once import ScanGradients
from seqzoo.scan.ops.refusals import refuse_forward_mode, refuse_second_derivative, refuse_vmap
from seqzoo.scan.precision import full_precision

ARGUMENTS = (
    "Tensor queries, Tensor keys, Tensor values, Tensor? strengths, Tensor? log_decay, "
    "Tensor? erase_read, Tensor? erase_strength, Tensor? erase_write, Tensor? state, "
    "Tensor? cu_seqlens, bool before_decay, float scale, int chunk_size, bool along_key"
)
"""Of every operator over a whole scan: the fields of `ScanTensors`, the state, and the fields of
`ScanOptions`."""

NUM_TENSORS = len(ScanTensors._fields)
NUM_OPTIONS = len(ScanOptions._fields)


def chunked_scan(
    tensors: ScanTensors, state: Tensor | None, options: ScanOptions
) -> tuple[Tensor, Tensor]:
    """Outputs (B, T, H, V) and the final state; tensors and state in one dtype, T and B not 0."""
    if torch.compiler.is_compiling():
        return torch.ops.seqzoo.chunked_scan(*tensors, state, *options)
    keep = torch.is_grad_enabled() and any(
        tensor is not None and tensor.requires_grad for tensor in (state, *tensors)
    )
    transformed = torch._C._are_functorch_transforms_active()
    enter = _TransformedScan if transformed else _ChunkedScan
    outputs, final, *_ = enter.apply(options, keep, state, *tensors)  # type: ignore[misc]
    broken = None if all_whole(tensors, outputs, final) else find_broken(tensors)
    if broken is None:
        return outputs, final
    outputs, final = chunked_scan(without_broken(tensors), state, options)
    return mark_broken(outputs, final, broken, options.cu_seqlens)


class _TransformedScan(torch.autograd.Function):
    """The entry for eager calls under torch.func, which requires that it returns what it saves."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        options: ScanOptions, keep: bool, state: Tensor | None, *arguments: Tensor | None
    ) -> tuple[Any, ...]:
        tensors = ScanTensors(*arguments)  # type: ignore[arg-type]
        segments = cut(tensors, options)
        outputs, final, kept = forward(segments, tensors, state, options, keep)
        saved = (tensor for each in kept for tensor in each.flat())
        return outputs, final.clone(), segments, *saved  # a view could not be changed in place

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        ctx.options, _, _, *tensors = inputs
        _, _, ctx.segments, *saved = output
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*(tensor for tensor in saved if tensor is not None))
        ctx.save_for_backward(*tensors, *saved)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, of_outputs: Tensor | None, of_final: Tensor | None, *_: None
    ) -> tuple[Tensor | None, ...]:
        segments, options = ctx.segments, ctx.options

        def gradients(
            of_outputs: Tensor | None, of_final: Tensor | None, *saved: Tensor
        ) -> tuple[Tensor | None, ...]:
            tensors, rest = ScanTensors(*saved[:NUM_TENSORS]), saved[NUM_TENSORS:]
            number = len(rest) // len(segments.pieces)
            kept = [Kept.unflat(rest[at : at + number]) for at in range(0, len(rest), number)]
            with full_precision(tensors.queries):
                of_tensors, of_state = backward(
                    segments, tensors, options, kept, of_outputs, of_final
                )
            return of_state, *of_tensors

        saved = ctx.saved_tensors  # once: unpacking may recompute them
        of_state, *of_tensors = ScanGradients.apply(gradients, of_outputs, of_final, *saved)  # type: ignore[misc]
        return None, None, of_state if ctx.needs_input_grad[2] else None, *of_tensors

    jvp = staticmethod(refuse_forward_mode)  # pyright: ignore[reportAssignmentType]
    vmap = staticmethod(refuse_vmap)  # pyright: ignore[reportAssignmentType]


class _ChunkedScan(torch.autograd.Function):
    """The entry for other eager calls: the same, and quicker."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *inputs: Any
    ) -> tuple[Tensor, Tensor]:
        outputs, final, ctx.segments, *saved = _TransformedScan.forward(*inputs)
        ctx.options, _, _, *tensors = inputs
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *saved)
        return outputs, final

    backward = staticmethod(_TransformedScan.backward)  # pyright: ignore[reportAssignmentType]
    jvp = staticmethod(refuse_forward_mode)  # pyright: ignore[reportAssignmentType]


@torch.library.custom_op(
    "seqzoo::chunked_scan", mutates_args=(), schema=f"({ARGUMENTS}) -> (Tensor, Tensor)"
)
def _scan(*arguments: Any) -> tuple[Tensor, Tensor]:
    tensors, state, options = split_arguments(arguments)
    with full_precision(tensors.queries):
        _, (outputs, final, _), broken = _forward(tensors, state, options, keep=False)
    if broken is not None:
        outputs, final = mark_broken(outputs, final, broken, options.cu_seqlens)
    return outputs.contiguous(), final.contiguous()


def _forward(
    tensors: ScanTensors, state: Tensor | None, options: ScanOptions, keep: bool
) -> tuple[ScanTensors, Forward, Tensor | None]:
    """The tensors without tokens that are not finite, their scan, and which tokens those are."""
    segments = cut(tensors, options)
    result = forward(segments, tensors, state, options, keep)
    broken = None if all_whole(tensors, result.outputs, result.final) else find_broken(tensors)
    if broken is not None:
        tensors = without_broken(tensors)
        result = forward(segments, tensors, state, options, keep)
    return tensors, result, broken


@torch.library.custom_op(
    "seqzoo::chunked_scan_backward",
    mutates_args=(),
    schema=f"(Tensor? of_outputs, Tensor? of_final, {ARGUMENTS}) -> Tensor[]",
)
def _scan_backward(
    of_outputs: Tensor | None, of_final: Tensor | None, *arguments: Any
) -> list[Tensor]:
    given, state, options = split_arguments(arguments)
    with full_precision(given.queries):
        tensors, (_, _, kept), broken = _forward(given, state, options, keep=True)
        if broken is not None:
            after, at_end = reached(broken, options.cu_seqlens)
            of_outputs = None if of_outputs is None else of_outputs.masked_fill(after, 0.0)
            of_final = None if of_final is None else of_final.masked_fill(at_end, 0.0)
        segments = cut(tensors, options)
        of_tensors, of_state = backward(segments, tensors, options, kept, of_outputs, of_final)
    if broken is not None:
        of_tensors = without_broken(of_tensors, where=given)
    gradients = (*of_tensors, None if state is None else of_state)
    return [gradient.contiguous() for gradient in gradients if gradient is not None]


def split_arguments(arguments: tuple[Any, ...]) -> tuple[ScanTensors, Tensor | None, ScanOptions]:
    """The operators' arguments, named."""
    state, *options = arguments[NUM_TENSORS:]
    return ScanTensors(*arguments[:NUM_TENSORS]), state, ScanOptions(*options)


def fake_scan(*arguments: Any) -> tuple[Tensor, Tensor]:
    """Empty results of the right shapes."""
    tensors, _, options = split_arguments(arguments)
    (batch, time), (heads, value_size) = tensors.queries.shape[:2], tensors.values.shape[-2:]
    key_size = tensors.keys.shape[-1]
    sequences = batch if options.cu_seqlens is None else len(options.cu_seqlens) - 1
    outputs = tensors.queries.new_empty(batch, time, heads, value_size)
    return outputs, tensors.queries.new_empty(sequences, heads, value_size, key_size)


def fake_gradients(
    of_outputs: Tensor | None, of_final: Tensor | None, *arguments: Any
) -> list[Tensor]:
    """An empty gradient for each tensor that is given, the state last."""
    tensors, state, _ = split_arguments(arguments)
    given = (*tensors, state)
    return [tensor.new_empty(tensor.shape) for tensor in given if tensor is not None]


def keep_arguments(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    """Saves the inputs, and nothing else."""
    tensors, state, options = split_arguments(inputs)
    ctx.set_materialize_grads(False)
    ctx.options = options[1:]
    ctx.save_for_backward(*tensors, state, options.cu_seqlens)


def gradients_by(operator: Any, options: tuple[Any, ...]) -> Callable[..., tuple[Any, ...]]:
    """The results' gradients and what `keep_arguments` kept -> a gradient for each of the tensors
    and the state, by an operator's backward operator."""

    def gradients(
        of_outputs: Tensor | None, of_final: Tensor | None, *saved: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        found = iter(operator(of_outputs, of_final, *saved, *options))
        given = saved[: NUM_TENSORS + 1]
        return tuple(None if tensor is None else next(found) for tensor in given)

    return gradients


def backward_by(operator: Any) -> Any:
    """The autograd formula of an operator over a whole scan whose backward is another operator."""

    def backward(ctx: Any, of_outputs: Tensor | None, of_final: Tensor | None) -> tuple[Any, ...]:
        gradients = gradients_by(operator, ctx.options)
        return *gradients(of_outputs, of_final, *ctx.saved_tensors), *(None,) * NUM_OPTIONS

    return backward


_scan.register_fake(fake_scan)
_scan.register_vmap(refuse_vmap)
_scan.register_autograd(
    backward_by(torch.ops.seqzoo.chunked_scan_backward), setup_context=keep_arguments
)
_scan_backward.register_fake(fake_gradients)
_scan_backward.register_vmap(refuse_vmap)
_scan_backward.register_autograd(refuse_second_derivative)
