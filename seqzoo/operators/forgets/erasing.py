"""The erase of a delta rule, with a key and a strength of its own or the injection's."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from seqzoo.operators.operator import Dims
from seqzoo.operators.projection import unit_norm
from seqzoo.scan import Erase
from seqzoo.spec import PartSpec

__all__ = ["DeltaErase", "EraseSpec", "erase_misfit"]


class EraseSpec(PartSpec):
    """key: tied to the injection's first key (no extra work in the scan), or own (W u, unit norm).

    strength: tied to the injection's first strength, or own (sigmoid(W u), one a head).
    """

    key: Literal["tied", "own"] = "tied"
    strength: Literal["tied", "own"] = "tied"


def erase_misfit(spec: EraseSpec, injection: PartSpec) -> str:
    """Why an erase of this spec cannot be tied to this injection; "" if it can."""
    part: Any = injection.part
    if spec.key == "tied" and not part.has_unit_keys(injection):
        return (
            f"'{spec.part.name}' erases along the first key of '{injection.part.name}', whose norm "
            "is not bounded by 1; give the injection's key norm: unit, or this forget key: own"
        )
    if spec.strength == "tied" and not part.has_strengths(injection):
        return (
            f"'{spec.part.name}' erases with the first strength of '{injection.part.name}', which "
            "has none; give the injection strength: sigmoid, or this forget strength: own"
        )
    return ""


class DeltaErase(nn.Module):
    """u, tied strengths -> I - beta k k^T."""

    no_weight_decay = ("strength",)

    def __init__(self, spec: EraseSpec, dims: Dims) -> None:
        super().__init__()
        self.shape = (dims.heads, dims.key_size)
        own_key, own_strength = spec.key == "own", spec.strength == "own"
        key_features = dims.heads * dims.key_size
        self.key = nn.Linear(dims.width, key_features, bias=False) if own_key else None
        self.strength = nn.Linear(dims.width, dims.heads, bias=False) if own_strength else None

    def forward(self, u: Tensor, strengths: Tensor | None) -> Erase:
        """u (B, T, D), strengths (B, T, R, H) of the writes -> the erase."""
        read = None if self.key is None else unit_norm(self.key(u).unflatten(-1, self.shape))
        if self.strength is not None:
            return Erase(read=read, strength=self.strength(u).sigmoid())
        if strengths is None:
            raise ValueError("the erase's strength is tied to writes that have none")
        return Erase(read=read, strength=strengths[:, :, 0])
