"""The keys of refinement steps: one per step, one for all, or that of the write before."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from seqzoo.operators import Dims, Norm
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec, SpecModel, slot
from seqzoo_prism.step_projection import StepProjection

__all__ = ["KeySpec", "StepKeys"]


class KeySpec(SpecModel):
    """How the key of each step is made.

    Attributes:
        of: `own`, a key a step; `shared`, one for all; `base`, all use the first key of the write
            before, in a `concatenated` injection; `base_first`, step 1 uses it.
        rank: features between two thin matrices, or `quarter` of the width; null is one matrix.
        bias: b in W u + b, or in W_up (W_down u + b).
        norm: of each head's key; one taken from the write before stays as it is.
    """

    of: Literal["own", "shared", "base", "base_first"] = "own"
    rank: PositiveInt | Literal["quarter"] | None = None
    bias: bool = False
    norm: PartSpec[Norm] = slot("norm", "unit")

    @property
    def takes_base(self) -> bool:
        """Whether a step uses the key of the write before."""
        return self.of.startswith("base")

    def own(self, depth: int) -> int:
        """How many keys are made here."""
        return {"own": depth, "shared": 1, "base": 0, "base_first": depth - 1}[self.of]


class StepKeys(nn.Module):
    """k^(l) = norm(W_k^(l) u) for l = 1 ... L (PRISM, Eq. 12).

    Args:
        spec: how.
        dims: sizes of the mixer.
        depth: L.
        size: features of a key.
    """

    def __init__(self, spec: KeySpec, dims: Dims, depth: int, size: int) -> None:
        super().__init__()
        self.depth, self.takes_base = depth, spec.takes_base
        self.shape = (dims.key_heads, size)
        self.project: StepProjection | None = None
        own = spec.own(depth)
        if own:
            self.project = StepProjection(
                dims.width, own, dims.key_heads * size, spec.rank, bias=spec.bias
            )
        self.norm: Norm = spec.norm.build(size)

    def forward(self, u: Tensor, before: Writes | None) -> Tensor:
        """u (B, T, D), the writes before -> keys (B, T, L, G, K)."""
        parts = []
        if self.takes_base and before is not None:
            parts.append(before.keys[:, :, :1])
        if self.project is not None:
            parts.append(self.norm(self.project(u).unflatten(-1, self.shape)))
        keys = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
        return keys if keys.shape[2] == self.depth else keys.expand(-1, -1, self.depth, -1, -1)
