"""Gradient descent as in TTT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from seqzoo.errors import SpecError
from seqzoo.operators import Dims, Hint, Stream
from seqzoo.spec import PartSpec
from seqzoo_ttt.memories.maps import Combination, Seen, Weights, combined, summed
from seqzoo_ttt.optimizers.optimizer import InnerOptimizer, Moved

__all__ = ["SgdOptimizer"]


class SgdOptimizer(InnerOptimizer):
    """W_n = W - c_n sum_{j <= n} eta_j grad_j; a mini-batch's last W is carried on (TTT).

    c_n = max(0, 1/n + offset_n) is the read's own factor, so that only the last one's is carried;
    eta_j = base_rate sigmoid(w u_j + c) / K for each head (arXiv 2407.04620, its published code).
    """

    name = "sgd"
    hints: ClassVar = {"rate": Hint(decay=False)}

    class Spec(PartSpec):
        """base_rate: the inner learning rate's largest value, times K."""

        base_rate: float = Field(default=1.0, gt=0.0)

    def __init__(self, spec: Spec, dims: Dims, mini_batch: int | None, maps: Sequence[str]) -> None:
        super().__init__(spec, dims, mini_batch, maps)
        if mini_batch is None:
            raise SpecError(
                "inner_optimizer 'sgd' has a factor for each place of a mini-batch: give mini_batch"
            )
        self.period = mini_batch
        self.rate = nn.Linear(dims.width, dims.heads)
        nn.init.normal_(self.rate.weight, std=0.02)
        nn.init.zeros_(self.rate.bias)
        self.largest_rate = spec.base_rate / dims.key_size
        self.offsets = nn.Parameter(torch.zeros(mini_batch))

    def inputs(self, u: Tensor, stream: Stream) -> dict[str, Tensor]:
        """eta (B, T, H)."""
        return {"rates": self.largest_rate * self.rate(u).sigmoid()}

    def factors(self, like: Tensor) -> Tensor:
        """c_n of the places in a mini-batch, (b,)."""
        offsets = self.offsets.to(like.dtype)
        places = torch.arange(1, self.period + 1, dtype=like.dtype, device=like.device)
        return (1 / places + offsets).clamp_min(0.0)

    def start(self, base: Weights) -> Any:
        """The sum of the mini-batch's gradients so far."""
        return combined((0.0, base))

    def one(
        self,
        base: Weights,
        carried: Any,
        seen: Mapping[str, Seen],
        numbers: dict[str, Tensor],
        place: Tensor,
    ) -> Moved:
        """One token, at its place (B,) in the mini-batch."""
        sums = combined((1.0, carried), (1.0, summed(base, seen, numbers["rates"])))
        factor = self.factors(numbers["rates"])[place].unsqueeze(-1)
        read = combined((1.0, base), (-factor, sums))
        ends = (place == self.period - 1).unsqueeze(-1)
        return Moved(read, read, combined((torch.where(ends, 0.0, 1.0).to(factor.dtype), sums)))

    def reads(self, base: Weights, carried: Any, numbers: dict[str, Tensor]) -> Combination:
        """e_nj = c_n eta_j."""
        rates = numbers["rates"]
        factors = self.factors(rates)[: rates.shape[-1]]
        return Combination([(None, base)], factors[:, None] * rates[..., None, :])

    def many(
        self, base: Weights, carried: Any, seen: Mapping[str, Seen], numbers: dict[str, Tensor]
    ) -> Moved:
        """A whole mini-batch carries no gradients on; a part of one has moved nothing."""
        rates = numbers["rates"]
        sums, length = summed(base, seen, rates), rates.shape[-1]
        read = combined((1.0, base), (-self.factors(rates)[length - 1], sums))
        whole = length == self.period
        return Moved(read, read, combined((0.0, sums)) if whole else sums)
