"""PRISM's injection: L refinement steps of one residual, each a write of rank one.

    v = W_v u                               r^(1) = v - u                  (14)
    delta^(l) = act(p^(l) * r^(l))          r^(l+1) = r^(l) - delta^(l)    (15, 16)
    k^(l) = W_k^(l) u                       beta^(l) = W_beta^(l) u        (12, 11)
    B_t = sum_l beta^(l) delta^(l) k^(l)T                                  (10)

u, the anchor, stands in for the state read S_{t-1} k_t, and p, the predicted gain, for its
derivative; nothing here depends on the state, so the recurrence stays a parallel scan.
Equations are those of arXiv 2602.10796 v2. Keys, gains and gates of all steps take as many matrix
products as those of one step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.operators import Activation, Dims, FirstWrite, Hint, Predictor, Projection, Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec, slot
from seqzoo_prism.following import FollowingInjection
from seqzoo_prism.step_gates import GateSpec, StepGates
from seqzoo_prism.step_keys import KeySpec, StepKeys

__all__ = ["ResidualRefinement"]


class ResidualRefinement(FollowingInjection):
    """B_t = sum_l beta^(l) delta^(l) k^(l)T, delta^(l) = act(p^(l) * r^(l)) (PRISM, Eqs. 10-16)."""

    name = "residual_refinement"
    hints: ClassVar = {"gates": Hint(decay=False)}

    class Spec(PartSpec):
        """Every axis on which PRISM's published variants differ.

        depth: L, refinement steps, the rank of what they write.
        value: a projection of u; null for the value of the write before, in `concatenated`.
        residual: r^(1), the value less the anchor, or the value.
        gain: predictor of p^(l), which makes those of all steps at once.
        activation: of a step.
        chain: whether a step subtracts what it wrote from the residual of the next.
        keys: of the steps.
        gate: strengths of the steps.
        swapped: write k delta^T, so that queries meet delta and the key is read, as released for
            the paper's Table 4.
        """

        depth: int = Field(default=2, ge=1, le=16)
        value: PartSpec[Projection] | None = slot("projection", "linear", default_type="linear")
        residual: Literal["value_minus_anchor", "value"] = "value_minus_anchor"
        gain: PartSpec[Predictor] = slot("predictor", "linear")
        activation: PartSpec[Activation] = slot("activation", "gelu")
        chain: Literal["subtract", "none"] = "subtract"
        keys: KeySpec = cast("Any", {})
        gate: GateSpec = cast("Any", {})
        swapped: bool = False

    def __init__(self, spec: Spec, dims: Dims, *, follows: bool = False) -> None:
        super().__init__(spec, dims, follows=follows)
        _check(spec, dims, follows=follows)
        size = dims.key_size if spec.swapped else dims.value_size
        self.shape = (dims.heads, size)
        self.depth = spec.depth
        self.value: Projection | None = (
            spec.value.build(dims.place, dims.heads, size) if spec.value else None
        )
        self.minus_anchor = spec.residual == "value_minus_anchor"
        self.gain: Predictor = spec.gain.build(replace(dims, value_size=size), spec.depth)
        self.activation: Activation = spec.activation.build()
        self.chained = spec.chain == "subtract"
        key_size = dims.value_size if spec.swapped else dims.key_size
        self.keys = StepKeys(spec.keys, dims, spec.depth, key_size)
        self.gates = StepGates(spec.gate, dims, spec.depth)
        self.swapped = spec.swapped

    @classmethod
    def first_write(cls, spec: Any) -> FirstWrite:
        """Follows from the norm of its keys and the squashing of its gates."""
        own = spec.keys.of in ("own", "shared")
        unit = own and not spec.swapped and spec.keys.norm.part.unit
        return FirstWrite(unit_key=unit, strength=spec.gate.strength)

    def after(self, u: Tensor, stream: Stream, before: Writes | None) -> Writes:
        """u (B, T, D), the writes before -> writes of rank R = L."""
        keys = self.keys(u, before)
        residual = self.residual_of(u, self.value_of(u, stream, before))
        deltas = self._refined(residual, self.gain(u, stream))
        if self.swapped:
            keys, deltas = deltas, keys
        return Writes(keys, deltas, self.gates(u))

    def value_of(self, u: Tensor, stream: Stream, before: Writes | None) -> Tensor:
        """v (B, T, H, V), its own or that of the write before."""
        if self.value is not None:
            return self.value(u, stream)
        assert before is not None  # or `_check` had refused
        return before.values[:, :, 0]

    def residual_of(self, u: Tensor, value: Tensor) -> Tensor:
        """u (B, T, D), v (B, T, H, V) -> r^(1), in v's shape."""
        return value - u.unflatten(-1, self.shape) if self.minus_anchor else value

    def _refined(self, residual: Tensor, gains: Tensor) -> Tensor:
        """r^(1) (B, T, H, V), p that broadcasts to (B, T, L, H, V) -> all delta^(l)."""
        deltas = []
        if gains.ndim < 5 or gains.shape[2] != self.depth:
            batch, length, heads, size = residual.shape
            gains = gains.broadcast_to(batch, length, self.depth, heads, size)
        for gain in gains.unbind(2):
            delta = self.activation(gain * residual)
            if self.chained:
                residual = residual - delta
            deltas.append(delta)
        return torch.stack(deltas, dim=2)


def _check(spec: ResidualRefinement.Spec, dims: Dims, *, follows: bool) -> None:
    """Refuse sizes that do not fit, and a base write that is not there."""
    side, size = ("key_size", dims.key_size) if spec.swapped else ("value_size", dims.value_size)
    if spec.residual == "value_minus_anchor" and dims.heads * size != dims.width:
        raise SpecError(
            "injection 'residual_refinement' makes its steps of the value less the anchor, so "
            f"heads * {side} ({dims.heads} * {size}) must be the width {dims.width}; leave {side} "
            "out, or write residual: value"
        )
    if spec.swapped and dims.key_heads != dims.heads:
        raise SpecError(
            f"injection 'residual_refinement' with swapped: true needs as many key heads "
            f"({dims.key_heads}) as heads ({dims.heads}); leave key_heads out"
        )
    takes = spec.value is None or spec.keys.takes_base
    if spec.swapped and takes and dims.key_size != dims.value_size:
        raise SpecError(
            "injection 'residual_refinement' with swapped: true takes keys for values, so what it "
            f"takes of the write before must have one size, and key_size {dims.key_size} is not "
            f"value_size {dims.value_size}; make them equal, or leave value: null and keys.of out"
        )
    if follows:
        return
    for taken, how in ((spec.value is None, "value: null"), (spec.keys.takes_base, "keys.of")):
        if taken:
            raise SpecError(
                f"injection 'residual_refinement': {how} takes what a write before it has, and "
                "there is none; put it into {type: concatenated, then: {type: "
                "residual_refinement, ...}}"
            )
