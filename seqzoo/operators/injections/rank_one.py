"""The usual injection: one key and one value a token."""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import Field
from torch import Tensor, nn

from seqzoo.operators.injections.injection import Injection
from seqzoo.operators.operator import Dims, State
from seqzoo.operators.projection import Projection, ProjectionSpec
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec

__all__ = ["RankOneInjection"]


class RankOneInjection(Injection):
    """B_t = beta_t v_t k_t^T: linear attention's write, or the delta rule's with a strength."""

    name = "rank_one"
    no_weight_decay = ("strength",)

    class Spec(PartSpec):
        """key, value: how they are made of u. strength: none (beta = 1), or sigmoid(W_beta u)."""

        key: ProjectionSpec = Field(default=cast("Any", {}))
        value: ProjectionSpec = Field(default=cast("Any", {}))
        strength: Literal["none", "sigmoid"] = "none"

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.key = Projection(spec.key, dims.width, dims.heads, dims.key_size)
        self.value = Projection(spec.value, dims.width, dims.heads, dims.value_size)
        self.strength = (
            nn.Linear(dims.width, dims.heads, bias=False) if spec.strength == "sigmoid" else None
        )

    @classmethod
    def has_strengths(cls, spec: PartSpec) -> bool:
        """With strength: sigmoid."""
        return cast("RankOneInjection.Spec", spec).strength == "sigmoid"

    @classmethod
    def has_unit_keys(cls, spec: PartSpec) -> bool:
        """With key: {norm: unit}."""
        return cast("RankOneInjection.Spec", spec).key.norm == "unit"

    def initial_state(self, like: Tensor) -> State:
        """The states of the key's and the value's projection."""
        return (self.key.initial_state(like), self.value.initial_state(like))

    def forward(self, u: Tensor, state: State) -> tuple[Writes, State]:
        """u (B, T, D) -> writes of rank R = 1."""
        keys, key_state = self.key(u, state[0])
        values, value_state = self.value(u, state[1])
        return self._writes(u, keys, values), (key_state, value_state)

    def packed(self, x: Tensor, cu_seqlens: Tensor) -> Writes:
        """x (1, T, D) -> writes, for documents side by side."""
        keys, values = self.key.packed(x, cu_seqlens), self.value.packed(x, cu_seqlens)
        return self._writes(x, keys, values)

    def _writes(self, u: Tensor, keys: Tensor, values: Tensor) -> Writes:
        strengths = None if self.strength is None else self.strength(u).sigmoid().unsqueeze(2)
        return Writes(keys.unsqueeze(2), values.unsqueeze(2), strengths)
