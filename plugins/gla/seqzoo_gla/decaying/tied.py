"""A decay made together with the writes: what is taken in decides what is kept."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from seqzoo.operators import DecayForget, Dims, Features, Injection, Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec

__all__ = ["DecayingInjection", "DecayingWrites", "TiedDecay"]


@dataclass(frozen=True, eq=False)
class DecayingWrites(Writes):
    """Writes, and the decay that goes with them.

    Args:
        log_decay: g <= 0, (B, T, H), (B, T, G, K) or (B, T, H, K).
    """

    log_decay: Tensor | None = None


class DecayingInjection(Injection):
    """An injection whose writes come with a decay: `DecayingWrites`."""

    @abstractmethod
    def forward(self, u: Tensor, stream: Stream) -> DecayingWrites:
        """u (B, T, D) -> writes and their decay."""


class TiedDecay(DecayForget):
    """alpha_t = the decay that the injection made with its writes.

    Used by HGRN2 (arXiv 2404.07904). Refused with injections that make no decay.
    """

    name = "tied"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.heads = dims.heads

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """The injection must make a decay."""
        if issubclass(injection.part, DecayingInjection):
            return ""
        return (
            f"'{cls.name}' is the decay that an injection makes with its writes, and "
            f"'{injection.part.name}' makes none; use an injection such as complement_gates or "
            "exponential_gates, or a forget of its own such as channel_decay"
        )

    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        """-> g (B, T, H) or (B, T, H, K)."""
        writes = features.writes
        if not isinstance(writes, DecayingWrites) or writes.log_decay is None:
            raise TypeError(f"forget '{self.name}' needs DecayingWrites, got {type(writes)}")
        log_decay = writes.log_decay
        if log_decay.ndim == 4 and log_decay.shape[2] != self.heads:
            return log_decay.repeat_interleave(self.heads // log_decay.shape[2], dim=2)
        return log_decay
