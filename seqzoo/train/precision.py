"""The precision of forward and backward: float32, or a half type under autocast."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor

from seqzoo.errors import SpecError

__all__ = ["Precision"]


class Precision:
    """Autocast to a half type, and for float16 a loss scale that keeps gradients in range.

    Weights, their gradients, the optimizer, and the states of scans are float32 in all cases.

    Args:
        name: float32, bfloat16 or float16.
        device: where the model lies.

    Raises:
        SpecError: the device cannot compute in this type.
    """

    def __init__(
        self, name: Literal["float32", "bfloat16", "float16"], device: torch.device
    ) -> None:
        self.dtype: torch.dtype | None = None if name == "float32" else getattr(torch, name)
        self.device = device
        if self.dtype is not None:
            self._try(name)
        self.scaler = torch.amp.GradScaler(device.type) if name == "float16" else None

    def autocast(self) -> AbstractContextManager[object]:
        """The context of every forward pass."""
        if self.dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def backward(self, loss: Tensor) -> None:
        """Gradients of the loss, scaled if need be."""
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide the gradients by the loss's factor."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def update(self, optimizer: torch.optim.Optimizer) -> None:
        """The optimizer's step, skipped if a scaled gradient is not finite."""
        if self.scaler is None:
            optimizer.step()
        else:
            self.scaler.step(optimizer)
            self.scaler.update()

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint must hold: the factor, and the steps since it last changed."""
        if self.scaler is None:
            return {}
        state = self.scaler.state_dict()
        return {
            "scale": torch.tensor(state["scale"], dtype=torch.float64),
            "growth_tracker": torch.tensor(state["_growth_tracker"]),
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        if self.scaler is not None and state:
            self.scaler.load_state_dict(
                {
                    **self.scaler.state_dict(),
                    "scale": state["scale"].item(),
                    "_growth_tracker": int(state["growth_tracker"].item()),
                }
            )

    def _try(self, name: str) -> None:
        """Multiply two small matrices, forward and backward."""
        matrix = torch.ones(2, 2, device=self.device, requires_grad=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # torch warns where it falls back to float32
                with self.autocast():
                    product = matrix @ matrix
                product.float().sum().backward()
        except (RuntimeError, Warning) as failure:
            reason = str(failure).partition("\n")[0]
            raise SpecError(
                f"train.precision: {self.device.type} on this machine cannot compute in {name} "
                f"({reason}); write precision: float32, or choose another train.device"
            ) from None
