"""One step per mini-batch, whose tokens all read the weights before it, as in LaCT."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import SpecError
from seqzoo.operators import Dims, Hint, Stream
from seqzoo.spec import PartSpec
from seqzoo_ttt.memories.maps import Combination, Seen, Weights, chosen, combined, summed
from seqzoo_ttt.newton_schulz import LACT_COEFFICIENTS, orthogonalised
from seqzoo_ttt.optimizers.optimizer import InnerOptimizer, Moved, none_ends

__all__ = ["LargeChunkOptimizer"]

EPSILON = 1e-5


class LargeChunkOptimizer(InnerOptimizer):
    """D_c = m_c D_{c-1} - sum_j eta_j grad_j, W_{c+1} = norm(W_c + NS(D_c)); chunk c reads W_c.

    LaCT (arXiv 2505.23884, its published code): apply, then update, so that no token reads what its
    own chunk wrote. eta_j = softplus(w u_j + b), one for each map and head; m_c is the mean of
    sigmoid(w u_j + b) over the chunk; NS is Newton-Schulz of each matrix (Muon); norm gives the
    weights of each output the length that they had before the first token.
    """

    name = "large_chunk"
    hints: ClassVar = {"rates": Hint(decay=False), "strength": Hint(decay=False)}

    class Spec(PartSpec):
        """How weights move.

        initial_rate: of a token, about, before training.
        momentum: whether there is m; without it D_c is the chunk's gradient.
        orthogonal: whether there is NS.
        renormalise: whether there is norm.
        """

        initial_rate: float = Field(default=1e-3, gt=0.0)
        momentum: bool = False
        orthogonal: bool = False
        renormalise: bool = True

    def __init__(self, spec: Spec, dims: Dims, mini_batch: int | None, maps: Sequence[str]) -> None:
        super().__init__(spec, dims, mini_batch, maps)
        if mini_batch is None:
            raise SpecError("inner_optimizer 'large_chunk' takes a step a mini-batch: give one")
        self.period, self.heads, self.maps = mini_batch, dims.heads, tuple(maps)
        self.orthogonal, self.renormalise = spec.orthogonal, spec.renormalise
        self.shift = spec.initial_rate + math.log(-math.expm1(-spec.initial_rate))
        self.rates = nn.Linear(dims.width, len(maps) * dims.heads)
        self.strength = nn.Linear(dims.width, dims.heads) if spec.momentum else None

    def inputs(self, u: Tensor, stream: Stream) -> dict[str, Tensor]:
        """eta of each map, and of what m is the mean, (B, T, H) each."""
        rates = F.softplus(self.rates(u) + self.shift).split(self.heads, dim=-1)
        numbers = {f"rates.{name}": each for name, each in zip(self.maps, rates, strict=True)}
        if self.strength is not None:
            numbers["strengths"] = self.strength(u).sigmoid()
        return numbers

    def start(self, base: Weights) -> Any:
        """The sum of the chunk so far, with momentum D_{c-1} too, and lengths to go back to."""
        zeros = combined((0.0, base))
        first = next(iter(next(iter(base.values())).values()))
        carried: dict[str, Any] = {"sums": zeros}
        if self.strength is not None:
            carried |= {"step": zeros, "strengths": first.new_zeros(first.shape[:2])}
        if self.renormalise:
            carried["lengths"] = _of_matrices(_lengths, base)
        return carried

    def one(
        self,
        base: Weights,
        carried: Any,
        seen: Mapping[str, Seen],
        numbers: dict[str, Tensor],
        place: Tensor,
    ) -> Moved:
        """One token; the weights move where a chunk ends with it."""
        now = self._added(base, carried, seen, numbers)
        ends = place == self.period - 1
        if none_ends(ends):
            return Moved(base, base, now)
        after, next_one = self._moved(base, now)
        kept = {
            **now,
            **{
                name: chosen(ends, next_one[name], now[name])
                for name in ("sums", "step")
                if name in now
            },
        }
        if "strengths" in now:
            kept["strengths"] = torch.where(ends.unsqueeze(-1), 0.0, now["strengths"])
        return Moved(base, chosen(ends, after, base), kept)

    def reads(self, base: Weights, carried: Any, numbers: dict[str, Tensor]) -> Combination:
        """The chunk's first weights."""
        return Combination([(None, base)], None)

    def many(
        self, base: Weights, carried: Any, seen: Mapping[str, Seen], numbers: dict[str, Tensor]
    ) -> Moved:
        """A whole chunk moves the weights; a part of one has only been added up."""
        now = self._added(base, carried, seen, numbers)
        length = seen[self.maps[0]].inputs.shape[-2]
        if length < self.period:
            return Moved(base, base, now)
        after, now = self._moved(base, now)
        return Moved(base, after, now)

    def _added(
        self, base: Weights, carried: Any, seen: Mapping[str, Seen], numbers: dict[str, Tensor]
    ) -> dict[str, Any]:
        """What is carried, with these tokens' gradients in the sums."""
        new: Weights = {}
        for name in self.maps:
            new |= summed({name: base[name]}, {name: seen[name]}, numbers[f"rates.{name}"])
        now = {**carried, "sums": combined((1.0, carried["sums"]), (1.0, new))}
        if "strengths" in carried:
            now["strengths"] = carried["strengths"] + numbers["strengths"].sum(-1)
        return now

    def _moved(self, base: Weights, now: dict[str, Any]) -> tuple[Weights, dict[str, Any]]:
        """The next chunk's weights, and what is carried into it."""
        step = combined((-1.0, now["sums"]))
        carried = {**now, "sums": combined((0.0, now["sums"]))}
        if "strengths" in now:
            step = combined((1.0, step), (now["strengths"] / self.period, now["step"]))
            carried |= {"step": step, "strengths": torch.zeros_like(now["strengths"])}
        if self.orthogonal:
            step = _of_matrices(lambda x: orthogonalised(x, LACT_COEFFICIENTS), step, rest=True)
        weights = combined((1.0, base), (1.0, step))
        if self.renormalise:
            lengths = now["lengths"]
            weights = {
                name: {
                    key: x / (_lengths(x) + EPSILON) * lengths[name][key] if key == "weight" else x
                    for key, x in layer.items()
                }
                for name, layer in weights.items()
            }
        return weights, carried


def _lengths(weight: Tensor) -> Tensor:
    """Of the weights of each output: (..., in, out) -> (..., 1, out)."""
    return torch.linalg.vector_norm(weight, dim=-2, keepdim=True)


def _of_matrices(
    function: Callable[[Tensor], Tensor], weights: Weights, *, rest: bool = False
) -> Weights:
    """A function of each matrix; `rest` keeps what is none."""
    return {
        name: {
            key: function(x) if key == "weight" else x
            for key, x in layer.items()
            if rest or key == "weight"
        }
        for name, layer in weights.items()
    }
