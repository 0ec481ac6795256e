"""One optimizer step, and nothing that waits for the device."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.errors import RunError
from seqzoo.model import LanguageModel
from seqzoo.tasks import IGNORED, Batch
from seqzoo.train.losses import summed_loss
from seqzoo.train.schedule import Schedule

__all__ = ["TrainingStep"]


class TrainingStep:
    """Forward, backward, clip, update.

    The loss is the mean cross entropy over all labelled positions of the whole batch, so that
    cutting it into micro-batches changes nothing but rounding. Logits are made at labelled
    positions only, and of a sample of the vocabulary where the batch names one.

    Args:
        model: trained in place.
        optimizer: over the model's parameters; its groups hold the full learning rate.
        schedule: factor on the learning rate.
        accumulate: micro-batches a batch.
        clip: largest norm of the gradient, None for no clipping.
        device: where the model lies.
    """

    def __init__(
        self,
        model: LanguageModel,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        *,
        accumulate: int = 1,
        clip: float | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.schedule = schedule
        self.accumulate = accumulate
        self.clip = clip
        self.device = device or torch.device("cpu")
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self._full_rates = [group["lr"] for group in optimizer.param_groups]

    def __call__(self, batch: Batch, step: int) -> Tensor:
        """Train on a batch; `step` counts from 0.

        Returns:
            (2,) float32 on the device: loss in nats a label, norm of the gradient before clipping.

        Raises:
            RunError: no position of the batch has a label.
        """
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._forward_backward(batch, step)
        norm = self._clip()
        factor = self.schedule.factor(step)
        for group, full in zip(self.optimizer.param_groups, self._full_rates, strict=True):
            group["lr"] = full * factor
        self.optimizer.step()
        return torch.stack((loss, norm))

    @property
    def learning_rate(self) -> float:
        """The first group's rate at the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def _forward_backward(self, batch: Batch, step: int) -> Tensor:
        count = int((batch.labels != IGNORED).sum())
        if count == 0:
            raise RunError(f"the task's batch of step {step} has no label at any position")
        size = batch.tokens.shape[0] // self.accumulate
        total = torch.zeros((), device=self.device)
        for first in range(0, batch.tokens.shape[0], size):
            part = batch.rows(first, first + size)
            positions, targets = part.labelled()
            wanted = None
            if positions.numel() < part.tokens.numel():
                wanted = positions.to(self.device, non_blocking=True)
            tokens = part.tokens.to(self.device, non_blocking=True)
            bounds = part.cu_seqlens  # read on the CPU first: it decides shapes
            hidden, _ = self.model.hidden(tokens, positions=wanted, cu_seqlens=bounds)
            targets = targets.to(self.device, non_blocking=True)
            loss = summed_loss(self.model, hidden.flatten(0, -2), targets, batch.negatives) / count
            loss.backward()
            total += loss.detach()
        return total

    def _clip(self) -> Tensor:
        """Norm of the gradient of all parameters; scales it down to `clip` where it is larger."""
        if self.clip is not None:
            norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.clip, foreach=True)
        else:
            gradients = [p.grad for p in self.parameters if p.grad is not None]
            norm = torch.nn.utils.get_total_norm(gradients, foreach=True)
        return norm.float()
