"""The rule family: a memory updated token by token, in a way that depends on its state."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from seqzoo.operators.operator import Operator
from seqzoo.operators.place import Dims
from seqzoo.operators.stream import State, Stream
from seqzoo.scan.serial import serial_scan
from seqzoo.spec import PartSpec

__all__ = ["Rule"]


class Rule(Operator, family="rule"):
    """Keys, values and queries -> reads, by a serial update. Built from its spec and the sizes.

    A rule defines its state and the update by one token. It may also implement `chunk`, a faster
    form over several tokens, and set `chunk_size`; both forms must agree.

    Attributes:
        chunk_size: the most tokens that `chunk` takes at once; 0 for a rule without it.
        recompute: see `seqzoo.scan.serial.serial_scan`.
    """

    chunk_size: int = 0
    recompute: ClassVar[int | None] = 0

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec)

    def inputs(self, u: Tensor, stream: Stream) -> dict[str, Tensor]:
        """The rule's inputs from the anchor u (B, T, D), such as learning rates: (B, T, ...)."""
        return {}

    @abstractmethod
    def start(self, sequences: int, like: Tensor) -> State:
        """The state before the first token: a pytree of (sequences, ...), in any dtypes."""

    @abstractmethod
    def step(self, state: State, token: dict[str, Tensor]) -> tuple[State, Tensor]:
        """One token: state and the token's tensors -> state, read (B, H, V).

        Args:
            state: a pytree of (B, ...).
            token: `queries` and `keys` (B, H, K), `values` (B, H, V), and what `inputs` gave.
        """

    def chunk(self, state: State, tokens: dict[str, Tensor]) -> tuple[State, Tensor]:
        """Up to `chunk_size` tokens, (B, c, ...) each -> state, reads (B, c, H, V)."""
        raise NotImplementedError(f"rule '{self.name}' has no form for several tokens")

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, u: Tensor, stream: Stream
    ) -> Tensor:
        """queries and keys (B, T, H, K), values (B, T, H, V), u (B, T, D) -> reads (B, T, H, V)."""
        tokens = {"queries": queries, "keys": keys, "values": values, **self.inputs(u, stream)}
        before: Any = stream.past(self, "state", lambda: None)
        reads, state = serial_scan(
            self, tokens, before, cu_seqlens=stream.cu_seqlens, recompute=self.recompute
        )
        stream.keep(self, "state", state)
        return reads.to(values.dtype)
