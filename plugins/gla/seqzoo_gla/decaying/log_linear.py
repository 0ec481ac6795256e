"""Log-linear attention: Mamba-2 with a separate read of each power of two of its past."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import SpecError
from seqzoo.model import Mixer
from seqzoo.model.duality import Duality
from seqzoo.model.heads import default_heads, expanded_misfit, expanded_size, heads_misfit
from seqzoo.operators import (
    DecayForget,
    Dims,
    Features,
    Hint,
    Injection,
    Place,
    Projection,
    Readout,
    Stream,
)
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.decaying.fenwick_memory import FenwickMemory

__all__ = ["LogLinearMixer"]

MADE = {"type": "linear", "kernel_size": 4, "conv_bias": True, "activation": "silu"}


class LogLinearMixer(Mixer):
    """o_t = sum_l softplus(L_l W_l x_t) S_t^l q_t: a state for each power of two of the past.

    S^l is the state over 2^(l-1) tokens, one for each 1-bit of t, all decaying as the layer's one
    state would; l = 0 is the token itself (log-linear Mamba-2, arXiv 2506.04761).
    """

    name = "log_linear"
    scaling = Duality("n log n", "log n")  # levels grow with the longest sequence
    hints: ClassVar = {"level_gains": Hint(decay=False)}

    class Spec(PartSpec):
        """Sizes and slots; the defaults make log-linear Mamba-2.

        heads: H; null is one for every head_size features. head_size: where heads is null.
        key_heads: G; null is H. key_size: K. expand_values: all values, as a multiple of the width.
        queries, injection, forget, readout: as those of `recurrent`; the forget decays each head as
            one.
        levels: a sequence has at most 2^(levels - 1) tokens; a longer one is an error.
        scale: of the reads.
        """

        heads: PositiveInt | None = None
        head_size: PositiveInt = 32
        key_heads: PositiveInt | None = 1
        key_size: PositiveInt = 128
        expand_values: PositiveFloat = 2.0
        queries: PartSpec[Projection] = slot("projection", MADE, default_type="linear")
        injection: PartSpec[Injection] = slot(
            "injection", {"type": "rank_one", "key": MADE, "value": MADE, "strength": "softplus"}
        )
        forget: PartSpec[DecayForget] = slot("forget", "step_size")
        readout: PartSpec[Readout] = slot("readout", "gated_skip")
        levels: int = Field(default=15, ge=2, le=32)
        scale: PositiveFloat = 1.0

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        heads = spec.heads or default_heads(place.width, spec.head_size)
        value_size = expanded_size(place.width, heads, spec.expand_values)
        dims = Dims(place, heads, spec.key_size, value_size, spec.key_heads or heads)
        self.dims, self.scale = dims, spec.scale
        self.queries: Projection = spec.queries.build(place, dims.key_heads, dims.key_size)
        self.injection: Injection = spec.injection.build(dims)
        self.forget: DecayForget = spec.forget.build(dims)
        self.level_gains = nn.Parameter(torch.ones(heads, spec.levels))
        self.of_levels = nn.Linear(place.width, heads * spec.levels, bias=False)
        self.memory = FenwickMemory(spec.levels)
        self.readout: Readout = spec.readout.build(dims)

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """Parts that do not fit each other, and heads that do not fit the width."""
        forget, readout = spec.forget.part, spec.readout.part
        if not issubclass(forget, DecayForget):
            return f"mixer '{cls.name}' only decays; forget '{forget.name}' does more, or nothing"
        heads = spec.heads or default_heads(width, spec.head_size)
        if spec.key_heads and heads % spec.key_heads:
            return (
                f"mixer '{cls.name}': {heads} heads are not a multiple of "
                f"{spec.key_heads} key heads"
            )
        misfit = forget.misfit(spec.forget, spec.injection)
        misfit = misfit or spec.injection.part.misfit(spec.injection, spec.forget)
        misfit = misfit or readout.misfit(spec.readout, spec.injection)
        misfit = misfit or spec.queries.part.misfit(spec.queries, spec.injection)
        misfit = misfit or heads_misfit(width, heads, cls.name)
        return misfit or expanded_misfit(width, heads, spec.expand_values, cls.name, "value")

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        writes = self.injection(x, stream)
        features = Features(x, x, self.queries(x, stream, writes), writes)
        log_decay = self.forget.log_decay(features, stream)
        if log_decay.ndim != 3 or writes.keys.shape[2] * writes.steps != 1:
            raise SpecError(
                f"mixer '{self.name}' takes one write a token and a decay of each head as one; "
                f"use others than '{self.injection.name}' and '{self.forget.name}'"
            )
        gains = self.scale * F.softplus(
            self.level_gains * self.of_levels(x).unflatten(-1, self.level_gains.shape)
        )
        reads = self.memory(features.queries, log_decay, writes, gains, stream)
        return self.readout(reads, features, stream)
