"""A scan's tensors and settings, as a backend receives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from seqzoo.scan.bounds import read_bounds
from seqzoo.scan.recurrence import Transition, Writes


@dataclass(frozen=True, eq=False)
class ScanProblem:
    """A checked scan, as a backend receives it.

    Args:
        queries: (B, T, G, K), or (B, G, K) for one token; (B, T, H, V) for a transposed read.
        state: the state before the first token, (B, H, V, K) or (N, H, V, K); None is zero.
        cu_seqlens: (N + 1,) integer, where each packed sequence begins and ends; None: not packed.
        scale: a factor on the outputs.
        chunk_size: the most tokens per chunk; never changes the result beyond rounding.
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
        return self.queries.new_zeros(shape) + self._nothing().to(self.queries.dtype)

    def untouched_state(self) -> Tensor:
        """The state where B or T is 0: the one before; of no sequences, with the inputs' graph."""
        state = self.initial_state()
        return state if self.queries.shape[1] == 0 else state + self._nothing().to(state.dtype)

    def _nothing(self) -> Tensor:
        """A scalar 0 of all tensors, which have no elements to sum where B or T is 0."""
        tensors = (self.queries, *_tensors(self.transition, self.writes))
        sums = torch.stack([each.sum().to(self.dtype) for each in tensors if each is not None])
        return 0 * sums.sum()

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
        tensors = (self.queries, *_tensors(self.transition, self.writes), self.state)
        dtypes = {tensor.dtype for tensor in tensors if tensor is not None}
        return reduce(torch.promote_types, dtypes, torch.float32)

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


def _tensors(transition: Transition, writes: Writes) -> Sequence[Tensor | None]:
    erase = transition.erase
    erased = () if erase is None else (erase.read, erase.strength, erase.write)
    return (writes.keys, writes.values, writes.strengths, transition.log_decay, *erased)
