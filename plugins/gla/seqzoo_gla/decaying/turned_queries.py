"""Mamba-3's queries, rotated by the angles that come with the writes."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.operators import Place, Projection, Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec
from seqzoo_gla.decaying.trapezoid import TrapezoidInjection, TrapezoidWrites
from seqzoo_gla.decaying.turned_keys import TurnedKeys

__all__ = ["TurnedQueries"]


class TurnedQueries(Projection):
    """q = Rot(theta_t) (RMSNorm(W u) + bias), turned as the token's keys are (Mamba-3).

    The injection is `trapezoid`, which makes the angles; as many queries a token as it has keys.
    """

    name = "turned"

    class Spec(PartSpec):
        """Both as the injection has them.

        groups: of heads that share a query before its bias and its turn.
        rank: of the writes.
        """

        groups: PositiveInt = 1
        rank: PositiveInt = 1

    def __init__(self, spec: Spec, place: Place, heads: int, size: int) -> None:
        super().__init__(spec, place, heads, size)
        self.rank = spec.rank
        self.queries = TurnedKeys(place, spec.groups, heads, size, spec.rank)

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """The injection must make the angles and have the same rank and groups."""
        if injection.part is TrapezoidInjection:
            for what in ("rank", "groups"):
                own, other = getattr(spec, what), getattr(injection, what)
                if own != other:
                    return (
                        f"queries '{cls.name}' have {what}: {own} and the injection has {other}; "
                        f"give injection and queries the same {what}"
                    )
            return ""
        return (
            f"queries '{cls.name}' are turned by the angles of injection: trapezoid, not of "
            f"'{injection.part.name}'; use it, or queries: {{rotary: {{}}}}"
        )

    def forward(self, u: Tensor, stream: Stream, writes: Writes | None = None) -> Tensor:
        """u (B, T, D) -> (B, T, heads, size), or (B, T, M, heads, size) of rank M."""
        if not isinstance(writes, TrapezoidWrites) or writes.angles is None:
            raise SpecError(
                f"projection '{self.name}' makes queries, turned by the angles of injection: "
                "trapezoid, which is not in this mixer"
            )
        queries = self.queries(u, writes.angles)
        return queries if self.rank > 1 else queries.squeeze(2)
