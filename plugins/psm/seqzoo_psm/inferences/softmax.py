"""The inference module of Transformer-PSM: causal attention over a prefix and a chunk."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.model.not_finite import find_broken
from seqzoo.operators import ChunkDims, Inference, places_from
from seqzoo_psm.transformer import StackSpec, TransformerLayer, layers_of, stack

__all__ = ["SoftmaxInference"]

Opened = tuple[tuple[Tensor, Tensor], ...]
"""Keys and values of each layer, (B', M + C, H, d): of the prefix, then of the chunk so far."""


class SoftmaxInference(Inference):
    """RH(Transformer([prefix | chunk])), causal: M + C rows in, the last C kept.

    Of the last layer only keys and values of the prefix are computed, since nobody reads the rest.
    """

    name = "softmax"

    class Spec(StackSpec):
        """A stack of Transformer layers.

        layers: their number.
        heads: null is one for every 64 features of the width.
        ratio: hidden features of each MLP, in widths.
        """

    def __init__(self, spec: Spec, dims: ChunkDims) -> None:
        super().__init__(spec, dims)
        self.chunk = dims.chunk
        self.layers = stack(spec, dims.place, self)
        self.norm = nn.LayerNorm(dims.width)

    def open(self, prefix: Tensor) -> Opened:
        """Rows (B', M, D) -> keys and values of each layer, with room for the chunk's."""
        opened, rows = [], prefix
        size = prefix.shape[1]
        mask = torch.ones(size, size, dtype=torch.bool, device=prefix.device).tril()
        for number, layer in enumerate(layers_of(self.layers), start=1):
            keys, values = layer.keys_values(rows)
            opened.append(tuple(F.pad(x, (0, 0, 0, 0, 0, self.chunk)) for x in (keys, values)))
            if number < len(self.layers):
                rows = layer(rows, keys, values, mask)
        return tuple(opened)

    def forward(self, rows: Tensor, opened: Opened, place: int | Tensor) -> tuple[Tensor, Opened]:
        """rows (B', h, D) at places from `place` on -> outputs (B', h, D), keys and values."""
        size = opened[0][0].shape[1]
        at = size - self.chunk + places_from(place, rows)  # (1 or B', h)
        mask = torch.arange(size, device=rows.device) <= at.unsqueeze(-1)
        after = []
        for layer, kept in zip(layers_of(self.layers), opened, strict=True):
            fresh = layer.keys_values(rows)
            keys, values = (_put(old, at, new) for old, new in zip(kept, fresh, strict=True))
            rows = _finite(layer, rows, keys, values, mask)
            after.append((keys, values))
        return self.norm(rows), tuple(after)


def _put(old: Tensor, at: Tensor, new: Tensor) -> Tensor:
    """old (B', m, H, d), with new (B', h, H, d) at the places (1 or B', h)."""
    dtype = torch.promote_types(old.dtype, new.dtype)
    return old.to(dtype).scatter(1, at[..., None, None].expand_as(new), new.to(dtype))


def _finite(
    layer: TransformerLayer, rows: Tensor, keys: Tensor, values: Tensor, mask: Tensor
) -> Tensor:
    """The layer; later rows that are not finite do not reach earlier ones, as 0 times NaN would."""
    broken = find_broken(keys, values)
    if broken is None:
        return layer(rows, keys, values, mask)
    keys, values = (x.masked_fill(broken[..., None, None], 0.0) for x in (keys, values))
    seen = (mask & broken.unsqueeze(1)).any(-1, keepdim=True)
    return layer(rows, keys, values, mask).masked_fill(seen, torch.nan)
