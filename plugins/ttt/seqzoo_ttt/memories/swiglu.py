"""The gated memory of LaCT and ATLAS."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import SpecError
from seqzoo.operators import Dims
from seqzoo.spec import PartSpec
from seqzoo_ttt.loss import InnerLoss
from seqzoo_ttt.memories.maps import Maps, Seen, Weights, applied
from seqzoo_ttt.memories.memory import Memory
from seqzoo_ttt.slope import silu_slope

__all__ = ["SwigluMemory"]

GAIN = 0.5


class SwigluMemory(Memory):
    """z = (silu(x W0) * (x W2)) W1, without biases, weights N(0, 1 / inputs) at first.

    LaCT's fast weights (arXiv 2505.23884, its published code), where W0 is `gate`, W2 `up` and W1
    `down`. With `rank` r the initial W0 and W2 are A B + I / 2 of two thin matrices, A of
    N(0, 1 / (4 inputs)) and B of N(0, 1 / (4 r)); what changes at test time is the whole matrix.
    ATLAS adds x itself.
    """

    name = "swiglu"

    class Spec(PartSpec):
        """Sizes, and what is added.

        ratio: hidden features over those of a key.
        rank: of the initial gate and up matrices; null for whole ones.
        residual: whether the first V features of x are added to z.
        """

        ratio: float = Field(default=1.0, gt=0.0)
        rank: PositiveInt | None = None
        residual: bool = False

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        heads, size, values = dims.heads, dims.key_size, dims.value_size
        if spec.residual and size < values:
            raise SpecError(
                f"memory 'swiglu' adds features of a key to a value's, and they are {size} and "
                f"{values}: make key_size as large, or residual false"
            )
        self.residual, self.values = spec.residual, values
        hidden = max(1, round(spec.ratio * size))
        for name in ("gate", "up"):
            if spec.rank is None:
                self.add_map(name, torch.randn(heads, size, hidden) * size**-0.5, bias=False)
            else:
                first = GAIN * size**-0.5 * torch.randn(heads, size, spec.rank)
                second = GAIN * spec.rank**-0.5 * torch.randn(heads, spec.rank, hidden)
                thin = {"first": nn.Parameter(first), "second": nn.Parameter(second)}
                self.layers[name] = nn.ParameterDict(thin)
        self.add_map("down", torch.randn(heads, hidden, values) * hidden**-0.5, bias=False)

    def initial(self) -> Weights:
        """The weights before the first token; those of thin matrices multiplied out."""
        return {name: _whole(layer) for name, layer in super().initial().items()}

    def forward(self, maps: Maps, x: Tensor) -> Tensor:
        """x (B, H, c, K) -> (B, H, c, V)."""
        z = maps["down"](F.silu(maps["gate"](x)) * maps["up"](x))
        return z + x[..., : self.values] if self.residual else z

    def gradients(
        self, weights: Weights, loss: InnerLoss, keys: Tensor, values: Tensor
    ) -> dict[str, Seen]:
        """Back through the product: to `up` by silu(gate), to `gate` by up silu'(gate)."""
        gate, up = applied(weights["gate"], keys), applied(weights["up"], keys)
        opened = F.silu(gate)
        hidden = opened * up
        z = applied(weights["down"], hidden)
        of_z = loss.gradient(z + keys[..., : self.values] if self.residual else z, keys, values)
        of_hidden = of_z @ weights["down"]["weight"].transpose(-1, -2)
        return {
            "gate": Seen(keys, of_hidden * up * silu_slope(gate)),
            "up": Seen(keys, of_hidden * opened),
            "down": Seen(hidden, of_z),
        }


def _whole(layer: dict[str, Tensor]) -> dict[str, Tensor]:
    if "first" not in layer:
        return layer
    product = layer["first"] @ layer["second"]
    diagonal = torch.eye(*product.shape[-2:], dtype=product.dtype, device=product.device)
    return {"weight": product + GAIN * diagonal}
