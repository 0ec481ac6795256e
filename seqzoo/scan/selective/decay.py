"""How the decays of a selective scan are made from a number per channel and a number per state.

The decays are N times as large as the channels' numbers, so they exist for a few tokens at a time;
a class says how they are made and how their gradient is propagated.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

__all__ = ["ExponentialDecay", "SelectiveDecay"]


class SelectiveDecay(ABC):
    """A decay exp(g) <= 1 of each state of each channel, (B, T, H, N, D).

    Every method is given some tokens' steps (B, T, H, 1, D) and rates, which have the decays' five
    axes, or 1 on those to broadcast.
    """

    @abstractmethod
    def log_decay(self, steps: Tensor, rates: Tensor) -> Tensor:
        """g <= 0, differentiable: for the backends that scan log decays."""

    @abstractmethod
    def decay(self, steps: Tensor, rates: Tensor) -> Tensor:
        """exp(g), a new tensor; called without gradients."""

    @abstractmethod
    def gradients(
        self, of_decay: Tensor, decay: Tensor, steps: Tensor, rates: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The gradients of steps and rates, in their shapes, from that of `decay`'s result.

        of_decay and decay may be overwritten.
        """


class ExponentialDecay(SelectiveDecay):
    """exp(Delta A), Delta > 0 the steps and A < 0 the rates: Mamba-1's (arXiv 2312.00752)."""

    def log_decay(self, steps: Tensor, rates: Tensor) -> Tensor:
        """Delta A."""
        return steps * rates

    def decay(self, steps: Tensor, rates: Tensor) -> Tensor:
        """exp(Delta A)."""
        return (steps * rates).exp_()

    def gradients(
        self, of_decay: Tensor, decay: Tensor, steps: Tensor, rates: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Of Delta and of A."""
        of_log_decay = of_decay.mul_(decay)
        of_steps = (of_log_decay * rates).sum_to_size(steps.shape)
        return of_steps, (of_log_decay.mul_(steps)).sum_to_size(rates.shape)
