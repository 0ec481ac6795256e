"""Lower bounds of forget gates that rise from layer to layer (HGRN, arXiv 2311.04823)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import SpecError
from seqzoo.operators import Carrier, Hint, Place, Stream

__all__ = ["LowerBounds", "forget_gates"]


class LowerBounds(Carrier):
    """b_l = sum_{j<=l} softmax(P)_j - softmax(P)_0 over the layers j of one kind; b_0 = 0.

    The first of these layers holds P (layers, channels), initially 0, and hands b on to the others.

    Args:
        place: where the layer stands among those of its kind.
        channels: of the gates.
        kind: a name that only these layers have.
        missing: what the error says of a layer that finds no bounds.
    """

    hints: ClassVar = {"weight": Hint(decay=False)}

    def __init__(self, place: Place, channels: int, kind: str, missing: str) -> None:
        super().__init__()
        self.kin, self.missing, self.name = place.kin, missing, f"lower_bounds of {kind}"
        several = place.kin == 0 and place.kins > 1
        self.weight = nn.Parameter(torch.zeros(place.kins, channels)) if several else None

    def forward(self, like: Tensor, stream: Stream) -> Tensor | None:
        """-> this layer's b (channels,); None where it is 0.

        Raises:
            SpecError: the first layer was not called before this one.
        """
        if self.weight is not None:
            shares = self.weight.softmax(0)
            stream.share(self.name, shares.cumsum(0) - shares[:1])
        if self.kin == 0 or not like.numel():  # without a token, a layer's state is asked
            return None
        bounds = stream.shared(self.name)
        if bounds is None:
            raise SpecError(self.missing)
        return bounds[self.kin].to(like.dtype)


def forget_gates(logits: Tensor, bound: Tensor | None) -> tuple[Tensor, Tensor]:
    """log f and 1 - f of f = b + (1 - b) sigmoid(logits), exact near both ends, as are gradients.

    Args:
        logits: (..., channels).
        bound: b (channels,), between 0 and 1; None for 0.
    """
    log_forget, rest = F.logsigmoid(logits), torch.sigmoid(-logits)
    if bound is None:
        return log_forget, rest
    rest = (1 - bound) * rest
    low = torch.logaddexp(bound.log(), torch.log1p(-bound) + log_forget)
    return torch.where(rest < 0.5, torch.log1p(-rest.clamp(max=0.5)), low), rest
