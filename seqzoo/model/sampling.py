"""How one token is drawn from the logits of each sequence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Draws", "Sampling"]

Draws = torch.Generator | Sequence[torch.Generator] | None


@dataclass(frozen=True)
class Sampling:
    """The settings for drawing tokens.

    Attributes:
        temperature: 0 takes the most likely token; below 1 sharpens, above 1 flattens.
        top_k: draw among the k most likely tokens; None for all.
        top_p: of these, keep the most likely ones whose probabilities add up to p; None for all.

    Raises:
        ValueError: a setting out of its range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature is 0 (greedy) or more, got {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k is 1 or more, got {self.top_k}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is more than 0 and at most 1, got {self.top_p}")

    def draw(self, logits: Tensor, draws: Draws = None) -> Tensor:
        """One token per sequence: logits (B, vocabulary), any float dtype -> (B,) int64.

        Args:
            logits: of the next token.
            draws: one generator for all sequences in their order, or one for each, whose draws then
                do not depend on the others; None is torch's global one.
        """
        if self.temperature == 0:
            return logits.argmax(dim=-1)
        shares = self.probabilities(logits)
        if draws is None or isinstance(draws, torch.Generator):
            return torch.multinomial(shares, 1, generator=draws).squeeze(-1)
        rows = zip(shares, draws, strict=True)
        return torch.cat([torch.multinomial(row, 1, generator=own) for row, own in rows])

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities of the next token, for a temperature above 0: (B, vocabulary) float32."""
        logits = logits.float()
        # The largest becomes 0, so that no division by a small temperature overflows.
        logits = (logits - logits.amax(-1, keepdim=True)) / self.temperature
        if self.top_k is not None and self.top_k < logits.shape[-1]:
            kept = logits.topk(self.top_k, dim=-1).indices
            others = torch.ones_like(logits, dtype=torch.bool).scatter(-1, kept, False)
            logits = logits.masked_fill(others, -torch.inf)
        shares = logits.softmax(dim=-1)
        if self.top_p is not None and self.top_p < 1:
            ordered, order = shares.sort(dim=-1, descending=True, stable=True)
            reached = ordered.cumsum(-1) - ordered >= self.top_p  # before this token already
            ordered = ordered.masked_fill(reached, 0)
            shares = torch.zeros_like(shares).scatter(-1, order, ordered)
            shares = shares / shares.sum(-1, keepdim=True)
        return shares
