"""The element-wise scan by its kernels, forward and backward: tensors in, tensors out.

Only the inputs and one float32 state a chunk are kept for the backward pass, which runs each chunk
again. Chunks have 64 tokens however long the sequence is, so a long one with few channels still
occupies a GPU; only the pass over chunks is in order, BLOCK_C chunks a step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.triton.available import interpreting
from seqzoo.scan.triton.chunk_table import ChunkTable, chunk_table
from seqzoo.scan.triton.configs import HeadSize, config_for
from seqzoo.scan.triton.kernels.elementwise_stages import (
    elementwise_carry_kernel,
    elementwise_ends_kernel,
    elementwise_gradients_kernel,
    elementwise_outputs_kernel,
)
from seqzoo.scan.triton.launch import Kernel, launch

CHUNK = 16 if interpreting() else 64
"""Tokens a chunk; fewer in the interpreter, which scans number by number."""


class Elementwise(NamedTuple):
    """outputs (B, T, D) in the inputs' dtype; final (N, D) and states (chunks, D), the state before
    each chunk, in float32."""

    outputs: Tensor
    final: Tensor
    states: Tensor


class ElementwiseGradients(NamedTuple):
    """Of the log decay (B, T, D), of the inputs, and of the initial state (N, D)."""

    log_decay: Tensor
    inputs: Tensor
    state: Tensor


def elementwise_forward(
    log_decay: Tensor, inputs: Tensor, state: Tensor | None, cu_seqlens: Tensor | None
) -> Elementwise:
    """h_t = exp(g_t) h_{t-1} + b_t.

    Args:
        log_decay: g <= 0, (B, T, D), with any strides; a broadcast one stays a view.
        inputs: b, (B, T, D).
        state: (B, D), or (N, D) with cu_seqlens, float32; None is zero.
        cu_seqlens: (N + 1,) bounds of packed sequences on the device, with B = 1. Not read by the
            host; bounds out of order or beyond T give wrong values.
    """
    run = _Run(log_decay, inputs.contiguous(), cu_seqlens)
    if state is not None:
        state = state.contiguous()
    decays, added = run.ends(run.inputs, back=False)
    states, final = run.carry(decays, added, state, back=False)
    outputs = torch.empty_like(run.inputs)
    run.launch(
        elementwise_outputs_kernel,
        inputs=run.inputs,
        states=states,
        outputs=outputs,
        **run.decay(),
        **run.chunks(),
    )
    return Elementwise(outputs, final, states)


def elementwise_backward(
    log_decay: Tensor,
    inputs: Tensor,
    cu_seqlens: Tensor | None,
    states: Tensor,
    of_outputs: Tensor,
    of_final: Tensor,
) -> ElementwiseGradients:
    """The gradients from those of the outputs (B, T, D) and of the final state (N, D)."""
    run = _Run(log_decay, inputs.contiguous(), cu_seqlens)
    of_outputs = of_outputs.contiguous()
    decays, added = run.ends(of_outputs, back=True)
    of_ends, of_state = run.carry(decays, added, of_final.contiguous(), back=True)
    of_log_decay = torch.empty_like(run.inputs, dtype=log_decay.dtype)
    of_inputs = torch.empty_like(run.inputs)
    run.launch(
        elementwise_gradients_kernel,
        inputs=run.inputs,
        of_outputs=of_outputs,
        states=states,
        of_ends=of_ends,
        of_log_decay=of_log_decay,
        of_inputs=of_inputs,
        **run.decay(),
        **run.chunks(),
    )
    return ElementwiseGradients(of_log_decay, of_inputs, of_state)


class _Run:
    """A problem's chunks and channels.

    Args:
        log_decay: (B, T, D).
        inputs: (B, T, D), contiguous.
        cu_seqlens: (N + 1,) or None.
    """

    def __init__(self, log_decay: Tensor, inputs: Tensor, cu_seqlens: Tensor | None) -> None:
        # channels far apart would be read one by one, beyond what 32 bits count
        self.log_decay = log_decay if log_decay.stride(-1) in (0, 1) else log_decay.contiguous()
        self.inputs = inputs
        batch, self.time, self.size = inputs.shape
        self.table: ChunkTable | None = None
        self.num_sequences, self.num_chunks = batch, batch * -(-self.time // CHUNK)
        if cu_seqlens is not None:
            self.table = chunk_table(cu_seqlens.to(inputs.device), self.time, CHUNK)
            self.num_sequences = cu_seqlens.shape[0] - 1
            self.num_chunks = self.table.starts.shape[0]

    def ends(self, values: Tensor, back: bool) -> tuple[Tensor, Tensor]:
        """Each chunk's whole decay, and what it adds to the state behind it: (chunks, D) both."""
        decays = self._empty(self.num_chunks)
        added = self._empty(self.num_chunks)
        self.launch(
            elementwise_ends_kernel,
            values=values,
            decays=decays,
            added=added,
            BACK=back,
            **self.decay(),
            **self.chunks(),
        )
        return decays, added

    def carry(
        self, decays: Tensor, added: Tensor, initial: Tensor | None, back: bool
    ) -> tuple[Tensor, Tensor]:
        """The state before each chunk (chunks, D) and after the last (N, D); back, of ends."""
        carried = self._empty(self.num_chunks)
        final = self._empty(self.num_sequences)
        self.launch(
            elementwise_carry_kernel,
            programs=self.num_sequences,
            decays=decays,
            added=added,
            initial=initial,
            carried=carried,
            final=final,
            first=None if self.table is None else self.table.first,
            time=self.time,
            size=self.size,
            BACK=back,
            CHUNK=CHUNK,
        )
        return carried, final

    def decay(self) -> dict[str, Any]:
        """The log decay and its strides, and the size."""
        batch_stride, stride, column_stride = self.log_decay.stride()
        return {
            "log_decay": self.log_decay,
            "decay_batch_stride": batch_stride,
            "decay_stride": stride,
            "decay_column_stride": column_stride,
            "size": self.size,
        }

    def chunks(self) -> dict[str, Any]:
        """Where the chunks lie."""
        return {
            "starts": None if self.table is None else self.table.starts,
            "counts": None if self.table is None else self.table.counts,
            "time": self.time,
            "CHUNK": CHUNK,
        }

    def launch(self, kernel: Kernel, programs: int | None = None, **arguments: Any) -> None:
        """One program per chunk, or `programs` of them, and a block of channels."""
        size = HeadSize(self.size, 8 * self.inputs.element_size())
        config = config_for(kernel.__name__, size, self.inputs.device)
        blocks = -(-self.size // config.tiles["BLOCK_D"])
        grid = (self.num_chunks if programs is None else programs, blocks)
        launch(kernel, grid, arguments, config)

    def _empty(self, rows: int) -> Tensor:
        return self.inputs.new_empty((rows, self.size), dtype=torch.float32)
