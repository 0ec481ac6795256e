"""Queries and keys that share one matrix, as the second published TTT shell has them."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from seqzoo.errors import SpecError
from seqzoo.operators import Place, Projection, ShortConv, Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec

__all__ = ["SharedKeys", "SharedQueries"]

SHARED = "seqzoo_ttt.shared_projection"


class SharedKeys(Projection):
    """k = conv_k(W u); W u is left for `shared_queries`."""

    name = "shared_keys"

    class Spec(PartSpec):
        """kernel_size: of the causal depthwise convolution, which has a bias."""

        kernel_size: int = Field(default=4, ge=1, le=64)

    def __init__(self, spec: Spec, place: Place, heads: int, size: int) -> None:
        super().__init__(spec, place, heads, size)
        self.shape = (heads, size)
        self.project = nn.Linear(place.width, heads * size, bias=False)
        self.conv = ShortConv(heads * size, spec.kernel_size, bias=True)

    def forward(self, u: Tensor, stream: Stream, writes: Writes | None = None) -> Tensor:
        """u (B, T, D) -> (B, T, heads, size)."""
        x = self.project(u)
        stream.share(SHARED, x)
        return self.conv(x, stream).unflatten(-1, self.shape)


class SharedQueries(Projection):
    """q = conv_q(W u), with the W u of the layer's `shared_keys`."""

    name = "shared_queries"

    class Spec(PartSpec):
        """kernel_size: of the causal depthwise convolution, which has a bias."""

        kernel_size: int = Field(default=4, ge=1, le=64)

    def __init__(self, spec: Spec, place: Place, heads: int, size: int) -> None:
        super().__init__(spec, place, heads, size)
        self.shape = (heads, size)
        self.conv = ShortConv(heads * size, spec.kernel_size, bias=True)

    def forward(self, u: Tensor, stream: Stream, writes: Writes | None = None) -> Tensor:
        """u (B, T, D) -> (B, T, heads, size).

        Raises:
            SpecError: no `shared_keys` came before.
        """
        x = stream.shared(SHARED)
        if x is None:
            raise SpecError(
                "projection 'shared_queries' takes what the key's projection made: set key: "
                "shared_keys"
            )
        return self.conv(x, stream).unflatten(-1, self.shape)
