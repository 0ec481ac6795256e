"""The memory family: a network per head whose weights change as tokens arrive."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from seqzoo.operators import Dims, Hint
from seqzoo.spec import Part, PartSpec
from seqzoo_ttt.derived import token_gradients
from seqzoo_ttt.loss import InnerLoss
from seqzoo_ttt.memories.maps import Maps, Seen, Weights, applied

__all__ = ["Memory"]

INITIAL_DEVIATION = 0.02


class MapParameters(nn.ParameterDict):
    """A map's initial weights; weight decay leaves biases and scales alone, as elsewhere."""

    @property
    def hints(self) -> Mapping[str, Hint]:
        """See `seqzoo.operators.Hint`."""
        return {name: Hint(decay=False) for name in ("bias", "scale") if name in self}


class Memory(Part, nn.Module, family="memory"):
    """z = f(x), a network of maps; its parameters are their initial weights.

    Built from its spec and the mixer's sizes. A subclass adds its maps when it is built, and writes
    the network in `forward`; it may give its gradients in closed form.

    Attributes:
        layers: the maps' initial weights, by name.
    """

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__()
        self.layers = nn.ModuleDict()

    def add_map(self, name: str, weight: Tensor, *, bias: bool) -> None:
        """x W, or x W + b with b = 0: weight (H, in, out)."""
        layer = {"weight": weight}
        if bias:
            layer["bias"] = torch.zeros(weight.shape[0], weight.shape[2])
        self.layers[name] = MapParameters({key: nn.Parameter(x) for key, x in layer.items()})

    def add_scale(self, name: str, scale: Tensor) -> None:
        """x * s: scale (H, features)."""
        self.layers[name] = MapParameters({"scale": nn.Parameter(scale)})

    def initial(self) -> Weights:
        """The weights before the first token, each (H, ...)."""
        return {name: dict(layer.items()) for name, layer in self._named()}

    def _named(self) -> list[tuple[str, nn.ParameterDict]]:
        return [(name, x) for name, x in self.layers.items() if isinstance(x, nn.ParameterDict)]

    @abstractmethod
    def forward(self, maps: Maps, x: Tensor) -> Tensor:
        """The network over its maps: x (B, H, c, K) -> z (B, H, c, V)."""

    def gradients(
        self, weights: Weights, loss: InnerLoss, keys: Tensor, values: Tensor
    ) -> dict[str, Seen]:
        """Each map at the keys, and the gradients of the tokens' losses by what it gives there.

        Derived from `forward` where no closed form is given: a zero is added to each map's output,
        and the loss is differentiated with respect to it.

        Args:
            weights: of (B, H, ...).
            loss: of z.
            keys: (B, H, c, K).
            values: (B, H, c, V).
        """
        inputs: dict[str, Tensor] = {}
        outputs: dict[str, Tensor] = {}

        def kept(name: str, x: Tensor) -> Tensor:
            inputs[name], outputs[name] = x, applied(weights[name], x)
            return outputs[name]

        self({name: lambda x, name=name: kept(name, x) for name in weights}, keys)

        def losses(added: list[Tensor]) -> Tensor:
            extra = dict(zip(weights, added, strict=True))
            maps: dict[str, Callable[[Tensor], Tensor]] = {
                name: lambda x, name=name: applied(weights[name], x) + extra[name]
                for name in weights
            }
            return loss.value(self(maps, keys), keys, values)

        found = token_gradients(losses, [torch.zeros_like(outputs[name]) for name in weights])
        pairs = zip(weights, found, strict=True)
        return {name: Seen(inputs[name], gradient) for name, gradient in pairs}
