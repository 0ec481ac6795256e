"""A Transformer layer over the rows of chunks, pre-norm, and its settings."""

from __future__ import annotations

from typing import Any

from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import SpecError
from seqzoo.model.heads import default_heads, heads_misfit
from seqzoo.operators import Place
from seqzoo.spec import Part, PartSpec

__all__ = ["StackSpec", "TransformerLayer", "layers_of", "stack"]


class StackSpec(PartSpec):
    """A stack of Transformer layers.

    layers: their number.
    heads: null is one for every 64 features of the width.
    ratio: hidden features of each MLP, in widths.
    """

    layers: PositiveInt = 1
    heads: PositiveInt | None = None
    ratio: float = Field(default=4.0, gt=0.0)


class TransformerLayer(nn.Module):
    """x + W_o attention(norm(x)), then x + MLP(norm(x)); no positions.

    Queries, and keys with values, are computed apart, so that rows may be read by others only.
    """

    def __init__(self, width: int, heads: int, ratio: float) -> None:
        super().__init__()
        hidden = max(1, round(ratio * width))
        self.shape = heads, width // heads
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.project = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (B', n, D) -> keys and values (B', n, H, d)."""
        keys, values = self.key_value(self.norm(x)).chunk(2, dim=-1)
        return keys.unflatten(-1, self.shape), values.unflatten(-1, self.shape)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        """x (B', n, D), keys and values (B', m, H, d), mask (n, m) or (1 or B', n, m), true where
        seen -> x."""
        queries = self.query(self.norm(x)).unflatten(-1, self.shape)
        q, k, v = (each.to(queries.dtype).transpose(1, 2) for each in (queries, keys, values))
        mask = mask.unsqueeze(-3) if mask is not None else None  # of all heads
        reads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)
        return self.after(x, reads)

    def after(self, x: Tensor, reads: Tensor) -> Tensor:
        """x (B', n, D) and what it reads (B', n, H, d) -> x after both residuals."""
        x = x + self.project(reads.flatten(2))
        return x + self.down(F.gelu(self.up(self.mlp_norm(x))))


def stack(spec: Any, place: Place, part: Part) -> nn.ModuleList:
    """The layers of a `StackSpec`.

    Raises:
        SpecError: heads that do not divide the width; it names the part.
    """
    heads = spec.heads or default_heads(place.width)
    misfit = heads_misfit(place.width, heads, part.name, part.family)
    if misfit:
        raise SpecError(misfit)
    return nn.ModuleList(
        TransformerLayer(place.width, heads, spec.ratio) for _ in range(spec.layers)
    )


def layers_of(layers: nn.ModuleList) -> list[TransformerLayer]:
    """What `stack` made, by its class."""
    return [layer for layer in layers if isinstance(layer, TransformerLayer)]
