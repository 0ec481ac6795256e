"""The recurrent mixer: every layer of the form S_t = S_{t-1} A_t + B_t, composed by slots."""

from __future__ import annotations

from typing import Annotated, Any, cast

import torch
from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError
from torch import Tensor

from seqzoo.errors import counted
from seqzoo.model.heads import default_heads, heads_misfit
from seqzoo.model.mixer import Mixer
from seqzoo.operators import (
    Anchor,
    Dims,
    Forget,
    Injection,
    Projection,
    ProjectionSpec,
    Readout,
    State,
)
from seqzoo.scan.part import ScanPart
from seqzoo.spec import PartSpec, Slot

__all__ = ["RecurrentMixer"]


class RecurrentMixer(Mixer):
    """Anchor, injection, forget, scan, readout: any of each with any other."""

    name = "recurrent"

    class Spec(PartSpec):
        """The slots of a recurrent mixer, and its sizes.

        heads: H; null is one for every 64 features of the width.
        key_size: K of a head; null is width / heads.
        value_size: V of a head; null is width / heads.
        anchor: x -> u.
        queries: u -> q; their scale is `scale`, null for K^-0.5.
        injection: u -> writes.
        forget: u, writes -> transition.
        scan: the backend that computes states and reads.
        readout: reads, x -> y.
        """

        heads: PositiveInt | None = None
        key_size: PositiveInt | None = None
        value_size: PositiveInt | None = None
        anchor: Annotated[PartSpec, Slot("anchor")] = Field(default=cast("Any", "identity"))
        queries: ProjectionSpec = Field(default=cast("Any", {}))
        scale: float | None = Field(default=None, gt=0.0)
        injection: Annotated[PartSpec, Slot("injection")] = Field(default=cast("Any", "rank_one"))
        forget: Annotated[PartSpec, Slot("forget")] = Field(default=cast("Any", "none"))
        scan: Annotated[PartSpec, Slot("scan")] = Field(default=cast("Any", "auto"))
        readout: Annotated[PartSpec, Slot("readout")] = Field(default=cast("Any", "linear"))

        @model_validator(mode="after")
        def _forget_fits_injection(self) -> RecurrentMixer.Spec:
            part: Any = self.forget.part
            misfit = part.misfit(self.forget, self.injection)
            if misfit:
                raise PydanticCustomError("misfit", "{why}", {"why": misfit})
            return self

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__(spec, width)
        heads = spec.heads or default_heads(width)
        size = width // heads
        self.dims = Dims(width, heads, spec.key_size or size, spec.value_size or size)
        self.scale = self.dims.key_size**-0.5 if spec.scale is None else spec.scale
        self.anchor: Anchor = spec.anchor.build(self.dims)
        self.queries = Projection(spec.queries, width, heads, self.dims.key_size)
        self.injection: Injection = spec.injection.build(self.dims)
        self.forget: Forget = spec.forget.build(self.dims)
        self.scan: ScanPart = spec.scan.build()
        self.readout: Readout = spec.readout.build(self.dims)

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """Heads that do not divide the width, unless both sizes are given."""
        if spec.key_size and spec.value_size:
            return ""
        return heads_misfit(width, spec.heads, cls.name)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """x (B, T, D), state -> y (B, T, D), state."""
        before = self.start(x) if state is None else state
        u, anchor = self.anchor(x, before["anchor"])
        writes, injection = self.injection(u, before["injection"])
        transition = self.forget(u, writes)
        queries, query = self.queries(u, before["queries"])
        read = self.scan(queries, transition, writes, before["memory"], scale=self.scale)
        y = self.readout(read.outputs, x)
        after = {"anchor": anchor, "injection": injection, "queries": query, "memory": read.state}
        return y, after

    def packed(self, x: Tensor, cu_seqlens: Tensor) -> Tensor:
        """x (1, T, D) of documents side by side -> y (1, T, D)."""
        u = self.anchor.packed(x, cu_seqlens)
        writes = self.injection.packed(u, cu_seqlens)
        transition = self.forget(u, writes)
        queries = self.queries.packed(u, cu_seqlens)
        read = self.scan(queries, transition, writes, None, cu_seqlens=cu_seqlens, scale=self.scale)
        return self.readout(read.outputs, x)

    def start(self, like: Tensor) -> State:
        """Zeros: the memory S (B, H, V, K), and the last inputs of every convolution."""
        dims = self.dims
        shape = (like.shape[0], dims.heads, dims.value_size, dims.key_size)
        dtype = torch.promote_types(like.dtype, torch.float32)
        return {
            "anchor": self.anchor.initial_state(like),
            "injection": self.injection.initial_state(like),
            "queries": self.queries.initial_state(like),
            "memory": like.new_zeros(shape, dtype=dtype),
        }

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The shared recurrence, and each slot's part by the first line of its docstring."""
        dims = self.dims
        heads = counted(dims.heads, "head")
        sizes = f"{heads}, S is {dims.value_size} x {dims.key_size} each"
        slots = (self.anchor, self.injection, self.forget, self.readout)
        return (
            ("state", f"S_t = S_{{t-1}} A_t + B_t, o_t = S_t q_t; {sizes}"),
            *((f"{part.family} {part.name}", part.summary()) for part in slots),
        )
