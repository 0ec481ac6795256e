"""The dual form by its kernels, forward and backward: tensors in, tensors out.

Forward keeps W and b before each SPAN-th mini-batch. Backward goes through each sequence SPAN
mini-batches at a time, the last first: W and b before each of these again (`forward`), what the
reads' gradients come to (`read_gradients`), and the part that runs backward in time
(`state_gradients`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.triton.architecture import architecture_of, capability
from seqzoo.scan.triton.available import interpreting
from seqzoo.scan.triton.configs import HeadSize, config_for
from seqzoo.scan.triton.launch import Kernel, launch
from seqzoo_ttt.kernels.case import TABLE
from seqzoo_ttt.kernels.forward import ttt_forward_kernel
from seqzoo_ttt.kernels.problem import Found, Given
from seqzoo_ttt.kernels.read_gradients import ttt_read_gradients_kernel
from seqzoo_ttt.kernels.state_gradients import ttt_state_gradients_kernel

__all__ = ["SPAN", "Kept", "checkpoints", "run_backward", "run_forward"]

SPAN = 2 if interpreting() else 32
"""Mini-batches between two states that are kept."""

LEAST = 16
"""Rows of the smallest matrix product."""


class Kept(NamedTuple):
    """The states that forward keeps, float32: (.., H, K, K) and (.., H, K)."""

    states: Tensor
    biases: Tensor


def run_forward(given: Given, cu_seqlens: Tensor | None) -> tuple[Found, Kept]:
    """What is found, and what backward needs of it.

    Args:
        given: queries, keys and values of one dtype, float32 or half; the weights float32.
        cu_seqlens: (N + 1,) bounds of packed sequences, with B = 1. Not read by the host.
    """
    run = _Run(given, cu_seqlens)
    weight, bias = run.given.weight, run.given.bias
    batch, time = given.keys.shape[:2]
    number = checkpoints(batch, time, run.mini_batch, cu_seqlens)
    states = weight.new_empty(number, *weight.shape[1:])
    kept = Kept(states, bias.new_empty(number, *bias.shape[1:]))
    reads = torch.empty_like(run.given.values)
    final, final_bias = torch.empty_like(weight), torch.empty_like(bias)
    sums, bias_sums = torch.zeros_like(weight), torch.zeros_like(bias)
    run.forward(
        (weight, bias, run.sequences, *run.tokens()),
        reads=reads,
        states=kept.states,
        state_biases=kept.biases,
        first=run.first,
        final=final,
        final_bias=final_bias,
        sums=sums,
        bias_sums=bias_sums,
        EVERY=SPAN,
    )
    return Found(reads, final, final_bias, sums, bias_sums), kept


def run_backward(given: Given, cu_seqlens: Tensor | None, kept: Kept, of: Found) -> Given:
    """The gradients of what is given; those of rates, factors and the norm in their own dtypes."""
    run = _Run(given, cu_seqlens)
    given = run.given
    sequences, heads, size = given.bias.shape
    carried, carried_bias = of.weight.clone(), of.bias.clone()
    zeros = given.bias.new_zeros
    states = given.weight.new_empty(sequences, SPAN, heads, size, size)
    biases = given.bias.new_empty(sequences, SPAN, heads, size)
    reading = {
        "of_unread": torch.empty_like(given.queries),
        "key_part": torch.empty_like(given.keys, dtype=torch.float32),
        "inner_part": torch.empty_like(given.keys, dtype=torch.float32),
        "rate_part": torch.empty_like(given.rates, dtype=torch.float32),
    }
    of_queries, of_keys = torch.empty_like(given.queries), torch.empty_like(given.keys)
    of_values, of_rates = torch.empty_like(given.values), torch.empty_like(given.rates)
    of_factors = zeros(sequences, SPAN, heads, run.mini_batch)
    of_scales, of_shifts = zeros(2, sequences, SPAN, heads, size)
    of_scale, of_shift = zeros(2, sequences, heads, size)
    of_last = zeros(sequences, heads)
    of_reads, of_sums = of.reads.contiguous(), of.weight_sum.contiguous()
    of_bias_sums = of.bias_sum.contiguous()
    for span in reversed(range(run.spans)):
        tokens = run.tokens(span)
        slots = (run.first + span).clamp(max=len(kept.states) - 1)  # of those that have the span
        run.forward(
            (kept.states, kept.biases, slots, *tokens),
            reads=None,
            states=states,
            state_biases=biases,
            first=run.sequences * SPAN,
            final=None,
            final_bias=None,
            sums=None,
            bias_sums=None,
            EVERY=1,
        )
        common = {
            "states": states,
            "state_biases": biases,
            "starts": tokens[0],
            "counts": tokens[1],
            "SPAN": SPAN,
            **reading,
        }
        run.launch(
            ttt_read_gradients_kernel,
            SPAN,
            of_reads=of_reads,
            of_queries_=of_queries,
            of_factors=of_factors,
            of_scale=of_scales,
            of_shift=of_shifts,
            **common,
        )
        run.launch(
            ttt_state_gradients_kernel,
            of_sums=of_sums,
            of_bias_sums=of_bias_sums,
            carried=carried,
            carried_bias=carried_bias,
            of_keys_=of_keys,
            of_values=of_values,
            of_rates=of_rates,
            of_last=of_last,
            of_scale=of_scale,
            of_shift=of_shift,
            **common,
        )
    of_places = of_factors.sum((0, 1, 2))
    of_places[-1] += of_last.sum()
    return Given(
        of_queries,
        of_keys,
        of_values,
        of_rates,
        of_places.to(given.factors.dtype),
        (of_scales.sum((0, 1)) + of_scale.sum(0)).to(given.scale.dtype),
        (of_shifts.sum((0, 1)) + of_shift.sum(0)).to(given.shift.dtype),
        carried,
        carried_bias,
    )


def checkpoints(batch: int, time: int, mini_batch: int, cu_seqlens: Tensor | None) -> int:
    """The most states that forward keeps."""
    length = mini_batch * SPAN
    if cu_seqlens is None:
        return batch * ((time + length - 1) // length)
    return time // length + cu_seqlens.shape[0] - 1


class _Run:
    """A problem's sequences and spans, and its tensors laid out for the kernels."""

    def __init__(self, given: Given, cu_seqlens: Tensor | None) -> None:
        self.given = given = Given(*(x.contiguous() for x in given))
        batch, time, self.heads, self.size = given.keys.shape
        device = given.keys.device
        if cu_seqlens is None:
            self.bounds = torch.arange(batch + 1, device=device) * time
        else:
            self.bounds = cu_seqlens.to(device, torch.int64)
        self.sequences = torch.arange(len(self.bounds) - 1, device=device)
        self.mini_batch = len(given.factors)
        self.length = self.mini_batch * SPAN
        self.spans = -(-time // self.length)
        of_each = (self.bounds.diff() + self.length - 1) // self.length
        self.first = of_each.cumsum(0) - of_each

    def tokens(self, span: int | None = None) -> tuple[Tensor, Tensor]:
        """Where the sequences' runs begin, and of how many tokens: whole ones, or one span each."""
        if span is None:
            return self.bounds[:-1].contiguous(), self.bounds.diff()
        starts = self.bounds[:-1] + span * self.length
        return starts, (self.bounds[1:] - starts).clamp(0, self.length)

    def forward(self, of: tuple[Tensor, ...], **arguments: Any) -> None:
        """The forward kernel from `of`: weight, bias, slots, starts, counts."""
        names = ("weight", "bias", "slots", "starts", "counts")
        self.launch(ttt_forward_kernel, **dict(zip(names, of, strict=True)), **arguments)

    def launch(self, kernel: Kernel, parts: int = 1, **arguments: Any) -> None:
        """One program per head of each of the `parts` of a sequence."""
        given = self.given
        device = given.keys.device
        size = HeadSize(self.size, 8 * given.keys.element_size())
        config = config_for(kernel.__name__, size, device, TABLE)
        common = {
            "queries": given.queries,
            "keys": given.keys,
            "values": given.values,
            "rates": given.rates,
            "factors": given.factors,
            "scale": given.scale,
            "shift": given.shift,
            "heads": self.heads,
            "size": self.size,
            "MINI": self.mini_batch,
            # on NVIDIA's matrix unit as three products of tf32, as the scan's kernels
            "PRECISION": "ieee" if capability(architecture_of(device)) is None else "tf32x3",
            "CHUNK": _power(self.mini_batch),
            "SIZE": _power(self.size),
        }
        launch(kernel, (len(self.sequences) * parts * self.heads,), common | arguments, config)


def _power(number: int) -> int:
    """The power of 2 at or above it, at least LEAST."""
    return max(LEAST, 1 << (number - 1).bit_length())
