"""Two laws of growth, t^p and a + b ln t, fitted to the same points."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Growth", "growth_of"]


class Growth(NamedTuple):
    """How errors y grow with t.

    Attributes:
        power: p of c t^p, the slope of ln y over ln t.
        of_power: R^2 of c t^p, the share of y's variance that it explains; at most 1.
        of_log: R^2 of a + b ln t.
    """

    power: float
    of_power: float
    of_log: float

    def __str__(self) -> str:
        """t^0.98 (R2 1.00) or a + b ln t (R2 0.86)."""
        return f"t^{self.power:.2f} (R2 {self.of_power:.2f}) or ln t (R2 {self.of_log:.2f})"


def growth_of(points: Sequence[tuple[float, float]]) -> Growth | None:
    """Both laws, by least squares, over the points (t, y) with y > 0; None for fewer than 3."""
    positive = [(log(t), y) for t, y in points if y > 0]
    if len(positive) < 3:
        return None
    t, y = torch.tensor(positive, dtype=torch.float64).unbind(1)
    power, offset = _line(t, y.log())
    slope, intercept = _line(t, y)
    return Growth(
        power,
        _explained(y, exp(offset) * (power * t).exp()),
        _explained(y, intercept + slope * t),
    )


def _line(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Slope and intercept, by least squares."""
    about = x - x.mean()
    slope = float((about * y).sum() / (about * about).sum())
    return slope, float(y.mean()) - slope * float(x.mean())


def _explained(y: Tensor, fitted: Tensor) -> float:
    """R^2; 1 where y does not vary, and is met."""
    left, whole = float((y - fitted).square().sum()), float((y - y.mean()).square().sum())
    if whole <= 1e-20 * float(y.square().sum()):
        return 1.0
    return 1.0 - left / whole
