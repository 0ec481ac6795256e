"""Affine maps of a matrix state under composition: the layers of the affine family as one monoid.

A token is the map S -> E S + f, and two maps in a row are one again:

    (E_2, f_2) after (E_1, f_1) = (E_2 E_1, f_2 + E_2 f_1)

So the prefix over tokens 0..t, applied to a start state, is S_t = E_t S_{t-1} + f_t.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from seqzoo.errors import SpecError
from seqzoo.model.heads import default_heads, heads_misfit
from seqzoo.operators import Aggregator, ChunkDims, Dims
from seqzoo.scan.precision import full_precision, wide
from seqzoo.spec import PartSpec, slot
from seqzoo_psm.actions import Action
from seqzoo_psm.folding import fold_tokens

__all__ = ["AffineAggregator", "AffineMap", "compose"]


class AffineMap(NamedTuple):
    """S -> E S + f, of any number of maps (...).

    Attributes:
        factor: E, in the form that the action has for it, in float32 or wider.
        offset: f, (..., H, K, V), in the same dtype.
    """

    factor: Any
    offset: Tensor


def compose(action: type[Action], older: AffineMap, newer: AffineMap) -> AffineMap:
    """The older map and then the newer: (E_2 E_1, f_2 + E_2 f_1)."""
    factor = action.compose(older.factor, newer.factor)
    return AffineMap(factor, newer.offset + action.act(newer.factor, older.offset))


class AffineAggregator(Aggregator):
    """(E_2 E_1, f_2 + E_2 f_1), f_t = k_t v_t^T of each token, E_t by the action.

    Associative: the carried prefix is one state. The start state is learned. What tokens see of it
    are its K rows, all heads side by side and projected.
    """

    name = "affine"
    associative: ClassVar[bool] = True

    class Spec(PartSpec):
        """heads: null is one for every 64 features of the width. action: what E_t is."""

        heads: PositiveInt | None = None
        action: PartSpec[Action] = slot("action", "diagonal")

    def __init__(self, spec: Spec, dims: ChunkDims) -> None:
        super().__init__(spec, dims)
        heads = spec.heads or default_heads(dims.width)
        misfit = heads_misfit(dims.width, heads, self.name, self.family)
        if misfit:
            raise SpecError(misfit)
        size = dims.width // heads
        self.shape = heads, size
        self.key = nn.Linear(dims.width, dims.width, bias=False)
        self.value = nn.Linear(dims.width, dims.width, bias=False)
        self.action: Action = spec.action.build(Dims(dims.place, heads, size, size))
        self.initial = nn.Parameter(0.02 * torch.randn(heads, size, size))
        self.project = nn.Linear(dims.width, dims.width, bias=False)

    def start(self) -> AffineMap:
        """No map yet, and the start state (H, K, V)."""
        state = wide(self.initial)
        return AffineMap(self.action.identity(state), state)

    def leaf(self, rows: Tensor) -> AffineMap:
        """(B', C, D) -> the chunk's map."""
        keys = self.key(rows).unflatten(-1, self.shape) * self.shape[1] ** -0.5
        values = self.value(rows).unflatten(-1, self.shape)
        offsets = wide(keys).unsqueeze(-1) * wide(values).unsqueeze(-2)
        return fold_tokens(self.forward, AffineMap(self.action(rows), offsets))

    def forward(self, older: AffineMap, newer: AffineMap) -> AffineMap:
        """Maps of (B', ...), the older first -> their composition, outside autocast."""
        with full_precision(newer.offset):
            return compose(type(self.action), older, newer)

    def read(self, summary: AffineMap) -> Tensor:
        """The state (B', H, K, V) -> K rows, (B', K, D)."""
        rows = summary.offset.transpose(1, 2).flatten(2)
        return self.project(rows.to(self.project.weight.dtype))
