"""Rules that work in periods: their form for several tokens starts where a period does."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from seqzoo.operators import Dims, Rule, Stream
from seqzoo.scan import serial_scan
from seqzoo.spec import PartSpec

__all__ = ["PeriodicRule"]


class PeriodicRule(Rule):
    """A rule whose state has `place` (B,), tokens since a period began; `block` begins at 0.

    Whole periods use `block`. Tokens that continue within one use `step` up to its end; in a
    compiled graph, which cannot look at the place, all continuing tokens do.

    Attributes:
        period: tokens after which the place is 0 again.
        block_size: the most tokens that `block` takes, a multiple of the period.
        compiled: whether `block` goes through torch.compile.
    """

    period: int
    block_size: int
    compiled: bool = False

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)

    @abstractmethod
    def block(
        self, state: dict[str, Any], tokens: dict[str, Tensor]
    ) -> tuple[dict[str, Any], Tensor]:
        """Up to `block_size` tokens (B, c, ...), from place 0 -> state, reads (B, c, H, V)."""

    def from_a_start(
        self, tokens: dict[str, Tensor], state: dict[str, Any] | None, cu_seqlens: Tensor | None
    ) -> tuple[Tensor, dict[str, Any]]:
        """Tokens of sequences that all begin a period: reads (B, T, H, V), and the state."""
        return serial_scan(
            _FromAStart(self), tokens, state, cu_seqlens=cu_seqlens, recompute=self.recompute
        )

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, u: Tensor, stream: Stream
    ) -> Tensor:
        """queries and keys (B, T, H, K), values (B, T, H, V), u (B, T, D) -> reads (B, T, H, V)."""
        tokens = {"queries": queries, "keys": keys, "values": values, **self.inputs(u, stream)}
        state = stream.past(self, "state", lambda: None)
        bounds, head = stream.cu_seqlens, self._until_a_start(state)
        if head is None or (head and (bounds is not None or head >= queries.shape[1])):
            reads, state = serial_scan(
                self, tokens, state, cu_seqlens=bounds, recompute=self.recompute
            )
        else:
            first = {name: x[:, :head] for name, x in tokens.items()}
            pieces = []
            if head:
                read, state = serial_scan(self, first, state, recompute=self.recompute)
                pieces.append(read)
                tokens = {name: x[:, head:] for name, x in tokens.items()}
            read, state = self.from_a_start(tokens, state, bounds)
            reads = torch.cat([*pieces, read], dim=1)
        stream.keep(self, "state", state)
        return reads.to(values.dtype)

    def _until_a_start(self, state: dict[str, Any] | None) -> int | None:
        """Tokens until all sequences begin a period; None where they differ or in a graph."""
        if state is None:
            return 0
        if torch.compiler.is_compiling():
            return None
        places = set(state["place"].tolist())
        return -places.pop() % self.period if len(places) == 1 else None


class _FromAStart:
    """The rule for sequences that all begin a period: the driver's chunks are its blocks."""

    def __init__(self, rule: PeriodicRule) -> None:
        self.chunk_size = rule.block_size
        self.start, self.step, self.chunk = rule.start, rule.step, rule.block
        if rule.compiled and not torch.compiler.is_compiling():
            self.chunk = torch.compile(rule.block, dynamic=False)
