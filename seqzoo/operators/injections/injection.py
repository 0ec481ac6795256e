"""The injection family: what is written, B_t = sum_l beta_t^(l) w_t^(l) k_t^(l)T."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from seqzoo.operators.gates.gate import Strength
from seqzoo.operators.operator import Operator
from seqzoo.operators.place import Dims
from seqzoo.operators.stream import Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec

__all__ = ["FirstWrite", "Injection"]


@dataclass(frozen=True)
class FirstWrite:
    """What an erase may be tied to.

    Attributes:
        unit_key: whether the first key has norm <= 1.
        strength: the bound of the first strength; see `seqzoo.operators.Strength`.
    """

    unit_key: bool = False
    strength: Strength = "none"


class Injection(Operator, family="injection"):
    """u -> Writes: R keys, values and strengths per token and head, from the anchor alone.

    Built from its spec and the mixer's sizes.

    Attributes:
        counts: whether values have an extra feature after the V, always 1: its read is the sum of
            the weights of the other reads, by which a readout must divide.
    """

    counts: ClassVar[bool] = False

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec)

    @classmethod
    def first_write(cls, spec: Any) -> FirstWrite:
        """The write that an erase may be tied to; by default none."""
        return FirstWrite()

    @classmethod
    def reads(cls, spec: Any) -> int:
        """How many queries a token has with these writes; a readout must join more than one."""
        return 1

    @classmethod
    def micro_steps(cls, spec: Any) -> int:
        """In how many steps, one after the other, a token writes: the `steps` of its `Writes`."""
        return 1

    @classmethod
    def misfit(cls, spec: Any, forget: Any) -> str:
        """Why this injection cannot be combined with this forget's spec; "" if it can."""
        return ""

    @abstractmethod
    def forward(self, u: Tensor, stream: Stream) -> Writes:
        """u (B, T, D) -> writes.

        Writes: keys (B, T, R, G, K), values (B, T, R, H, V), strengths (B, T, R, H) or None.
        """
