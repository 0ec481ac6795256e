"""A running average of the weights, evaluated and saved in their place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

__all__ = ["Average"]


class Average:
    """a <- d a + (1 - d) w after every step, with d = min(decay, (1 + t) / (10 + t)).

    Args:
        model: whose parameters w are averaged; the average starts from their current values.
        decay: the largest d.

    Attributes:
        values: the averages by the parameters' names; each like its parameter.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self._parameters = dict(model.named_parameters())
        self.values = {name: each.detach().clone() for name, each in self._parameters.items()}

    def update(self, step: int) -> None:
        """Update the average with the weights after step t, counted from 0."""
        decay = min(self._decay, (1 + step) / (10 + step))
        average = get_ema_multi_avg_fn(decay)
        with torch.no_grad():
            average(list(self.values.values()), self._weights(), 0)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Swap the average and the model's weights while the block lasts."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for average, weight in zip(self.values.values(), self._weights(), strict=True):
            kept = average.clone()
            average.copy_(weight)
            weight.copy_(kept)

    def _weights(self) -> list[Tensor]:
        return [each.detach() for each in self._parameters.values()]
