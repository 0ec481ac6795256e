"""The recurrent mixer: every layer of the form S_t = S_{t-1} A_t + B_t, composed by slots."""

from __future__ import annotations

from typing import Any

from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from pydantic_core import PydanticCustomError
from torch import Tensor, nn

from seqzoo.errors import counted
from seqzoo.model.duality import LINEAR
from seqzoo.model.heads import (
    HEAD_SIZE,
    default_heads,
    expanded_misfit,
    expanded_size,
    groups_misfit,
    heads_misfit,
)
from seqzoo.model.mixer import Mixer
from seqzoo.operators import (
    Anchor,
    Dims,
    Features,
    Forget,
    Injection,
    Memory,
    Place,
    Projection,
    Readout,
    Stream,
)
from seqzoo.scan.part import ScanPart
from seqzoo.spec import PartSpec, since, slot

__all__ = ["RecurrentMixer"]


class RecurrentMixer(Mixer):
    """Anchor, injection, forget, scan, readout: any of each with any other."""

    name = "recurrent"
    scaling = LINEAR

    class Spec(PartSpec):
        """The slots of a recurrent mixer, and its sizes.

        heads: H; null is one for every head_size features of the width.
        head_size: features of the width for each head, where heads is null.
        key_heads: G, heads of queries and keys, each shared by H / G heads; null is H.
        key_size: K of a head; null is expand_keys * width / heads.
        value_size: V of a head; null is expand_values * width / heads.
        expand_keys: features of H keys together, as a multiple of the width.
        expand_values: features of all values together, as a multiple of the width.
        anchor: x -> u.
        injection: u -> writes.
        queries: u, writes -> q.
        scale: of the reads; null is K^-0.5.
        forget: x, u, q, writes -> transition.
        scan: the backend that computes states and reads, and the scan of an anchor such as `ema`.
        readout: reads and x, u, q, writes -> y.
        xavier_gain: every matrix is drawn Xavier-uniformly with this gain; null leaves it to torch.
        """

        heads: PositiveInt | None = None
        head_size: PositiveInt = since("0.2", HEAD_SIZE)
        key_heads: PositiveInt | None = None
        key_size: PositiveInt | None = None
        value_size: PositiveInt | None = None
        expand_keys: PositiveFloat = since("0.2", 1.0)
        expand_values: PositiveFloat = since("0.2", 1.0)
        anchor: PartSpec[Anchor] = slot("anchor", "identity")
        injection: PartSpec[Injection] = slot("injection", "rank_one")
        queries: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        scale: float | None = Field(default=None, gt=0.0)
        forget: PartSpec[Forget] = slot("forget", "none")
        scan: PartSpec[ScanPart] = slot("scan", "auto")
        readout: PartSpec[Readout] = slot("readout", "linear")
        xavier_gain: PositiveFloat | None = since("0.2", None)

        @model_validator(mode="after")
        def _parts_fit(self) -> RecurrentMixer.Spec:
            forget: Any = self.forget.part
            injection: Any = self.injection.part
            readout: Any = self.readout.part
            queries: Any = self.queries.part
            misfit = forget.misfit(self.forget, self.injection)
            misfit = misfit or injection.misfit(self.injection, self.forget)
            misfit = misfit or readout.misfit(self.readout, self.injection)
            misfit = misfit or queries.misfit(self.queries, self.injection)
            if misfit:
                raise PydanticCustomError("misfit", "{why}", {"why": misfit})
            return self

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        width = place.width
        heads = spec.heads or default_heads(width, spec.head_size)
        key_size = spec.key_size or expanded_size(width, heads, spec.expand_keys)
        value_size = spec.value_size or expanded_size(width, heads, spec.expand_values)
        scan = spec.scan.build()
        dims = Dims(place, heads, key_size, value_size, spec.key_heads or heads, scan)
        self.dims = dims
        self.anchor = spec.anchor.build(dims)
        self.injection = spec.injection.build(dims)
        self.queries = spec.queries.build(place, dims.key_heads, dims.key_size)
        self.forget = spec.forget.build(dims)
        scale = dims.key_size**-0.5 if spec.scale is None else spec.scale
        self.memory = Memory(scan, scale)
        self.readout = spec.readout.build(dims)
        if spec.xavier_gain is not None:
            for layer in self.modules():
                if isinstance(layer, nn.Linear):
                    nn.init.xavier_uniform_(layer.weight, spec.xavier_gain)

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """Heads that do not divide the width, unless both sizes are given; or uneven key heads."""
        heads = spec.heads or default_heads(width, spec.head_size)
        uneven = groups_misfit(heads, spec.key_heads, cls.name)
        if uneven or (spec.key_size and spec.value_size):
            return uneven
        misfit = heads_misfit(width, heads, cls.name)
        for what in ("key", "value"):
            expand = getattr(spec, f"expand_{what}s")
            if misfit or getattr(spec, f"{what}_size"):
                continue
            if uneven := expanded_misfit(width, heads, expand, cls.name, what):
                misfit = f"{uneven}; give {what}_size"
        return misfit

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        u = self.anchor(x, stream)
        writes = self.injection(u, stream)
        features = Features(x, u, self.queries(u, stream, writes), writes)
        reads = self.memory(features.queries, self.forget(features, stream), writes, stream)
        return self.readout(reads, features, stream)

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The shared recurrence, and each slot's part by the first line of its docstring."""
        dims = self.dims
        heads = counted(dims.heads, "head")
        if dims.key_heads != dims.heads:
            heads += f" on {counted(dims.key_heads, 'key head')}"
        sizes = f"{heads}, S is {dims.value_size} x {dims.key_size} each"
        slots = (self.anchor, self.injection, self.forget, self.readout)
        return (
            ("state", f"S_t = S_{{t-1}} A_t + B_t, o_t = S_t q_t; {sizes}"),
            *((f"{part.family} {part.name}", part.summary()) for part in slots),
        )
