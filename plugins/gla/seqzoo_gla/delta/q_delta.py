"""Q-Delta: the erase also reads where the query reads."""

from __future__ import annotations

from typing import Any

from seqzoo.operators import Dims, Features, Gate, Stream
from seqzoo.scan import Erase
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.delta.erasing import DecaySpec, ErasingForget, each_step

__all__ = ["QDelta"]

INITIAL_MIX = 0.28905049737499605  # sigmoid(-0.9)


class QDelta(ErasingForget):
    """A_t = alpha_t (I - beta_t (k_t + lam_t q_t) k_t^T), lam in (0, 1) (arXiv 2606.08804).

    The erase thus predicts what the query will read. The released kernel has beta_i k_i . x_j in
    a chunk where this recurrence has beta_i x_i . k_j, x = k + lam q, so that its results depend on
    the chunk's size; its decoding leaves lam out. This is the recurrence.
    """

    name = "q_delta"

    class Spec(DecaySpec):
        """What is kept.

        decay: any forget that only decays.
        mix: lam, a gate with one number a key head.
        """

        mix: PartSpec[Gate] = slot("gate", {"type": "sigmoid", "initial": INITIAL_MIX})

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.mix: Gate = spec.mix.build(dims.place, dims.key_heads)

    @classmethod
    def erase_misfit(cls, spec: Any, injection: Any) -> str:
        """A key of length 1, a strength of at most 1 to tie to, and a mix that is bounded."""
        first = injection.part.first_write(injection)
        who = injection.part.name
        if spec.mix.part.strength in ("none", "unbounded"):
            return f"'{cls.name}' mixes queries in by a gate in (0, 1); use mix: sigmoid"
        if first.strength in ("none", "unbounded"):
            return (
                f"'{cls.name}' erases with the strength of '{who}', which has no bound; give the "
                "injection strength: sigmoid"
            )
        if first.strength == "unit_keys":
            return (
                f"'{cls.name}' erases with strengths of '{who}' up to 2, which lets "
                "eigenvalues reach -3; give the injection strength: sigmoid"
            )
        if not first.unit_key:
            return (
                f"'{cls.name}' erases along the first key of '{who}', whose norm is not bounded by "
                "1; give the injection's key norm: unit"
            )
        return ""

    def erase(self, features: Features, stream: Stream) -> Erase:
        """Read with k + lam q, erase along k."""
        writes = features.writes
        if writes.strengths is None:
            raise ValueError("the erase's strength is tied to writes that have none")
        keys = writes.keys[:, :, 0]
        mix = self.mix(features.u, stream, features.queries)
        queries = features.queries if mix is None else mix.unsqueeze(-1) * features.queries
        read = keys + each_step(queries, writes.steps)
        return Erase(read, writes.strengths[:, :, 0], along_key=True)
