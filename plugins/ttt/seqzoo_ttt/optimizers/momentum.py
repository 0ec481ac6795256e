"""Momentum and forgetting, as in Titans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import SpecError
from seqzoo.operators import Dims, Hint, Stream
from seqzoo.spec import PartSpec
from seqzoo_ttt.decays import decays
from seqzoo_ttt.memories.maps import Combination, Seen, Weights, chosen, combined, summed
from seqzoo_ttt.optimizers.optimizer import InnerOptimizer, Moved

__all__ = ["MomentumOptimizer"]


class MomentumOptimizer(InnerOptimizer):
    """M_c = eta_c M_{c-1} - sum_{j in c} theta_j grad_j, W_c = (1 - alpha_c) W_{c-1} + M_c.

    Chunk c is of C tokens. theta_j = largest_rate sigmoid(w u_j + b); alpha_c and eta_c are the
    sigmoid of the mean over the chunk of w u_j + b, for each head. The last token of a chunk reads
    W_c, those before it W_{c-1}; with C = 1 each token reads what it wrote. Titans (arXiv
    2501.00663), as in titans-pytorch.
    """

    name = "momentum"
    hints: ClassVar = {"numbers": Hint(decay=False)}

    class Spec(PartSpec):
        """How weights move.

        chunk: C, tokens whose gradients are added up before the weights move.
        largest_rate: of the inner learning rate theta.
        momentum: whether there is eta; without it M_c is the chunk's gradient.
        forgetting: whether there is alpha.
        """

        chunk: PositiveInt = 1
        largest_rate: float = Field(default=0.1, gt=0.0)
        momentum: bool = True
        forgetting: bool = True

    def __init__(self, spec: Spec, dims: Dims, mini_batch: int | None, maps: Sequence[str]) -> None:
        super().__init__(spec, dims, mini_batch, maps)
        if mini_batch and mini_batch % spec.chunk:
            raise SpecError(
                f"inner_optimizer 'momentum': a mini_batch of {mini_batch} is not a multiple of "
                f"its chunk of {spec.chunk}"
            )
        self.chunk, self.period = spec.chunk, mini_batch or spec.chunk
        self.largest_rate = spec.largest_rate
        names = ["rates"]
        names += ["momentum"] if spec.momentum else []
        names += ["forgetting"] if spec.forgetting else []
        self.heads, self.names = dims.heads, names
        self.numbers = nn.Linear(dims.width, len(names) * dims.heads)

    def inputs(self, u: Tensor, stream: Stream) -> dict[str, Tensor]:
        """theta, and what alpha and eta are the sigmoids of, (B, T, H) each."""
        parts = self.numbers(u).split(self.heads, dim=-1)
        numbers = dict(zip(self.names, parts, strict=True))
        return {**numbers, "rates": self.largest_rate * numbers["rates"].sigmoid()}

    def start(self, base: Weights) -> Any:
        """W and M after the last whole chunk, and sums over the chunk so far."""
        zeros = combined((0.0, base))
        first = next(iter(next(iter(base.values())).values()))
        logits = {name: first.new_zeros(first.shape[:2]) for name in self.names[1:]}
        return {"weights": base, "momentum": zeros, "sums": zeros, "logits": logits}

    def one(
        self,
        base: Weights,
        carried: Any,
        seen: Mapping[str, Seen],
        numbers: dict[str, Tensor],
        place: Tensor,
    ) -> Moved:
        """One token; the weights move where a chunk ends with it."""
        sums = combined((1.0, carried["sums"]), (1.0, summed(base, seen, numbers["rates"])))
        logits = {name: x + numbers[name].squeeze(-1) for name, x in carried["logits"].items()}
        ends = (place + 1) % self.chunk == 0
        eta, keep = self._strengths({name: x / self.chunk for name, x in logits.items()})
        momentum = combined((eta, carried["momentum"]), (-1.0, sums))
        weights = combined((keep, carried["weights"]), (1.0, momentum))
        weights = chosen(ends, weights, carried["weights"])
        after = {
            "weights": weights,
            "momentum": chosen(ends, momentum, carried["momentum"]),
            "sums": chosen(ends, combined((0.0, sums)), sums),
            "logits": {name: torch.where(ends.unsqueeze(-1), 0.0, x) for name, x in logits.items()},
        }
        return Moved(weights, weights, after)

    def _strengths(self, means: dict[str, Tensor]) -> tuple[float | Tensor, float | Tensor]:
        """eta and 1 - alpha, (B, H) each or a number, of the means over a chunk."""
        eta = means["momentum"].sigmoid() if "momentum" in means else 0.0
        keep = (-means["forgetting"]).sigmoid() if "forgetting" in means else 1.0
        return eta, keep

    def reads(self, base: Weights, carried: Any, numbers: dict[str, Tensor]) -> Combination:
        """W_r = prod keep W_0 + sum_i A_ri (prod eta) M_0 - sum_j (A E)_r,c(j) theta_j grad_j."""
        rates = numbers["rates"]
        length = rates.shape[-1]
        tokens = torch.arange(length, device=rates.device)
        kept, carrying, mixing = self._products(numbers)[:3]
        after = (tokens + 1) // self.chunk  # whole chunks up to each token
        rows = F.pad(mixing, (0, 1, 1, 0))  # and nothing moved, or of the chunk at the end
        of_token = rows[..., after, :][..., tokens // self.chunk]
        terms = [
            (F.pad(kept, (1, 0), value=1.0)[..., after], carried["weights"]),
            (F.pad(carrying, (1, 0))[..., after], carried["momentum"]),
        ]
        return Combination(terms, of_token * rates[..., None, :])

    def many(
        self, base: Weights, carried: Any, seen: Mapping[str, Seen], numbers: dict[str, Tensor]
    ) -> Moved:
        """W and M after the whole chunks; what is left over is added up."""
        rates = numbers["rates"]
        length = rates.shape[-1]
        whole = length // self.chunk * self.chunk
        rest = {name: Seen(*(x[..., whole:, :] for x in each)) for name, each in seen.items()}
        after = {
            "weights": carried["weights"],
            "momentum": carried["momentum"],
            "sums": summed(base, rest, rates[..., whole:]),
            "logits": {name: numbers[name][..., whole:].sum(-1) for name in carried["logits"]},
        }
        if whole:
            kept, carrying, mixing, fading = self._products(numbers)
            done = {name: Seen(*(x[..., :whole, :] for x in each)) for name, each in seen.items()}
            chunk_of = torch.arange(whole, device=rates.device) // self.chunk
            own = rates[..., :whole]
            change = summed(base, done, mixing[..., -1, :][..., chunk_of] * own)
            fresh = summed(base, done, fading[..., -1, :][..., chunk_of] * own)
            before, speed = carried["weights"], carried["momentum"]
            after["weights"] = combined(
                (kept[..., -1], before), (carrying[..., -1], speed), (-1.0, change)
            )
            eta = self._log_eta(numbers)
            lasting = torch.zeros_like(kept[..., -1]) if eta is None else eta.sum(-1).exp()
            after["momentum"] = combined((lasting, speed), (-1.0, fresh))
        return Moved(after["weights"], after["weights"], after)

    def _products(self, numbers: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of whole chunks r, i: prod keep (.., r), what W_r has of M_0, A E and E (.., r, i)."""
        rates = numbers["rates"]
        count = rates.shape[-1] // self.chunk
        shape = (*rates.shape[:2], count, count)
        keeping = torch.ones(count, count, dtype=rates.dtype, device=rates.device).tril()
        fading = torch.eye(count, dtype=rates.dtype, device=rates.device)
        kept = rates.new_ones(shape[:-1])
        carrying = torch.zeros_like(kept)
        log_keep, log_eta = self._log_keep(numbers), self._log_eta(numbers)
        if log_keep is not None:
            keeping, kept = decays(log_keep), log_keep.cumsum(-1).exp()
        if log_eta is not None:
            fading = decays(log_eta)
            carrying = (keeping * log_eta.cumsum(-1).exp().unsqueeze(-2)).sum(-1)
        return kept, carrying, keeping.expand(shape) @ fading.expand(shape), fading.expand(shape)

    def _log_keep(self, numbers: dict[str, Tensor]) -> Tensor | None:
        """log(1 - alpha) of each whole chunk, (B, H, chunks)."""
        if "forgetting" not in self.names:
            return None
        return F.logsigmoid(-self._means(numbers["forgetting"]))

    def _log_eta(self, numbers: dict[str, Tensor]) -> Tensor | None:
        """log eta of each whole chunk."""
        if "momentum" not in self.names:
            return None
        return F.logsigmoid(self._means(numbers["momentum"]))

    def _means(self, logits: Tensor) -> Tensor:
        whole = logits.shape[-1] // self.chunk * self.chunk
        means = logits[..., :whole].unflatten(-1, (-1, self.chunk)).mean(-1)
        return means.nan_to_num()  # or products would carry a NaN to earlier chunks; gradients tell
