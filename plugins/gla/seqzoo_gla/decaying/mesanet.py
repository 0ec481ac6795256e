"""MesaNet: each read is the regularised least-squares fit of everything written so far."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import SpecError
from seqzoo.model import Mixer
from seqzoo.model.duality import LINEAR
from seqzoo.model.heads import default_heads, groups_misfit, heads_misfit
from seqzoo.operators import (
    DecayForget,
    Dims,
    Features,
    Hint,
    Injection,
    Memory,
    Place,
    Projection,
    Readout,
    Stream,
)
from seqzoo.scan import Transition, Writes
from seqzoo.scan.part import ScanPart
from seqzoo.spec import PartSpec, since, slot
from seqzoo_gla.decaying.conjugate_gradients import conjugate_gradients, corrected

__all__ = ["MesaMixer"]

UNIT = {"type": "unit", "epsilon": 1e-6}
MADE = {"type": "linear", "kernel_size": 4, "activation": "silu", "norm": UNIT}


class MesaMixer(Mixer):
    """o_t = S_t (H_t + Lambda)^-1 q_t, S = gamma S + beta v k^T, H = gamma H + beta k k^T.

    The least-squares map of the decayed past from keys to values, read at q (MesaNet, arXiv
    2506.05233). Both states are the shared scan's; the inverse is solved by conjugate gradients,
    each of whose products is a read of H, and the gradient is that of the exact solution.
    """

    name = "mesanet"
    scaling = LINEAR
    hints: ClassVar = {"regulariser": Hint(decay=False)}

    class Spec(PartSpec):
        """Sizes, and what stands around the two states.

        heads: H; null is one for every head_size features. head_size: where heads is null.
        key_heads: G, heads of queries and keys, each shared by H / G heads; null is H.
        queries: of x. injection: k, v and beta of x. forget: gamma, one number a head.
        least: of Lambda = softplus(p) + least, one number a head and key channel, from 1.
        steps: of conjugate gradients. scan: the backend of both states.
        readout: reads and x -> y.
        """

        heads: PositiveInt | None = None
        head_size: PositiveInt = 64
        key_heads: PositiveInt | None = since("0.2", None)
        queries: PartSpec[Projection] = slot("projection", MADE, default_type="linear")
        injection: PartSpec[Injection] = slot(
            "injection",
            {"type": "rank_one", "key": MADE, "strength": {"type": "sigmoid", "initial": 0.5}},
        )
        forget: PartSpec[DecayForget] = slot("forget", {"type": "head_decay", "initial": 0.5})
        least: float = Field(default=0.25, gt=0.0, lt=1.0)
        steps: PositiveInt = 30
        scan: PartSpec[ScanPart] = slot("scan", "auto")
        readout: PartSpec[Readout] = slot("readout", {"type": "linear", "norm": "rms_norm"})

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        heads = spec.heads or default_heads(place.width, spec.head_size)
        size = place.width // heads
        dims = Dims(place, heads, size, size, spec.key_heads or 0, spec.scan.build())
        self.dims, self.steps, self.least = dims, spec.steps, spec.least
        self.queries: Projection = spec.queries.build(place, dims.key_heads, size)
        self.injection: Injection = spec.injection.build(dims)
        self.forget: DecayForget = spec.forget.build(dims)
        start = math.log(math.expm1(1.0 - spec.least))
        self.regulariser = nn.Parameter(torch.full((heads, size), start))
        self.gram, self.memory = Memory(spec.scan.build()), Memory(spec.scan.build())
        self.readout: Readout = spec.readout.build(dims)

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """Heads that do not fit; an injection that counts; a forget that erases."""
        if not issubclass(spec.forget.part, DecayForget):
            return f"mixer '{cls.name}' decays each head as one; '{spec.forget.part.name}' does not"
        misfit = spec.injection.part.misfit(spec.injection, spec.forget)
        misfit = misfit or spec.readout.part.misfit(spec.readout, spec.injection)
        misfit = misfit or spec.queries.part.misfit(spec.queries, spec.injection)
        heads = spec.heads or default_heads(width, spec.head_size)
        misfit = misfit or groups_misfit(heads, spec.key_heads, cls.name)
        return misfit or heads_misfit(width, spec.heads, cls.name)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        writes, queries = self.injection(x, stream), self.queries(x, stream)
        features = Features(x, x, queries, writes)
        transition = self.forget(features, stream)
        if transition.log_decay is None or transition.log_decay.ndim != 3:
            raise SpecError(
                f"mixer '{self.name}' needs a decay of each head as one, or H is not symmetric; "
                f"'{self.forget.name}' decays each channel: use forget: head_decay"
            )
        sharing = self.dims.heads // self.dims.key_heads
        if sharing > 1:  # every head has a Gram matrix of its own, and so an answer
            queries = queries.repeat_interleave(sharing, dim=-2)
            writes = replace(writes, keys=writes.keys.repeat_interleave(sharing, dim=-2))
        answers = self._solved(queries, transition, writes, stream)
        reads = self.memory(answers, transition, writes, stream)
        return self.readout(reads.to(queries.dtype), features, stream)

    def _solved(self, q: Tensor, transition: Transition, writes: Writes, stream: Stream) -> Tensor:
        """(H_t + Lambda)^-1 q_t, (B, T, H, K), float32 or wider."""
        wide = torch.promote_types(q.dtype, torch.float32)
        q, keys = q.to(wide), writes.keys.to(wide)
        of_gram = Writes(keys, keys, writes.strengths, writes.steps)
        ridge = F.softplus(self.regulariser).to(wide) + self.least
        past = stream.past(self.gram, "state", lambda: None)
        decay, start = (x if x is None else x.detach() for x in (transition.log_decay, past))
        strengths = None if writes.strengths is None else writes.strengths.detach()
        bounds = stream.cu_seqlens
        still = Writes(keys.detach(), keys.detach(), strengths, writes.steps)

        def product(z: Tensor) -> Tensor:
            read = self.gram.scan(z, Transition(decay), still, start, cu_seqlens=bounds)
            return read.outputs + ridge.detach() * z

        with torch.no_grad():
            z = conjugate_gradients(product, q, self.steps)
        residual = q - self.gram(z, transition, of_gram, stream) - ridge * z
        return corrected(z, residual, product, self.steps)

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """Both states and the read."""
        heads, size = self.dims.heads, self.dims.value_size
        parts = (self.injection, self.forget, self.readout)
        return (
            ("states", f"S_t of values and H_t of keys; {heads} x {size} x {size} each"),
            ("read", f"o_t = S_t (H_t + Lambda)^-1 q_t by {self.steps} conjugate gradients"),
            *((f"{part.family} {part.name}", part.summary()) for part in parts),
        )
