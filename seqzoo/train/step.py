"""One optimizer step, without waiting for the device."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from seqzoo.errors import RunError
from seqzoo.tasks import IGNORED, Batch
from seqzoo.train.distributed import ALONE, Processes
from seqzoo.train.parallel import accumulating, compiling
from seqzoo.train.precision import Precision
from seqzoo.train.schedule import Schedule

__all__ = ["TrainingStep"]


class TrainingStep:
    """Forward, backward, clip, update.

    The loss is the mean cross entropy over all labelled positions of the whole batch, so splitting
    it into micro-batches or among processes changes only rounding. Logits are computed at labelled
    positions only, and for a sample of the vocabulary where the batch names one. Auxiliary losses
    of layers are added, each weighted by its micro-batch's share of the labels.

    Args:
        module: an `Objective`, or what `seqzoo.train.parallel.share` made of it.
        optimizer: over its parameters; its groups hold the full learning rate.
        schedule: factor on the learning rate.
        precision: of forward and backward; None is float32.
        processes: among which the rows of a batch are split.
        accumulate: micro-batches a batch.
        clip: largest norm of the gradient, None for no clipping.
        device: where the model lies.

    Attributes:
        auxiliary: names of the layers' auxiliary losses, known after the first step.
    """

    auxiliary: tuple[str, ...] = ()

    def __init__(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        *,
        precision: Precision | None = None,
        processes: Processes = ALONE,
        accumulate: int = 1,
        clip: float | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.module = module
        self.optimizer = optimizer
        self.schedule = schedule
        self.processes = processes
        self.accumulate = accumulate
        self.clip = clip
        self.device = device or torch.device("cpu")
        self.precision = precision or Precision("float32", self.device)
        self._forwards = False  # whether there was a forward pass
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self._full_rates = [group["lr"] for group in optimizer.param_groups]

    def __call__(self, batch: Batch, step: int) -> Tensor:
        """Train on a batch, the same on every process; `step` counts from 0.

        Returns:
            (2 + A,) float32 on the device: this process's share of the cross entropy in nats a
            label, which add up to the loss; the norm of the whole gradient before clipping, which
            if it is not finite under float16 means that the update was skipped; and this process's
            shares of the auxiliary losses, in the order of `auxiliary`.

        Raises:
            RunError: no position of the batch has a label, or the compiler failed.
        """
        self.optimizer.zero_grad(set_to_none=True)
        losses = self._forward_backward(batch, step)
        self.precision.unscale(self.optimizer)
        norm = self._clip()
        factor = self.schedule.factor(step)
        for group, full in zip(self.optimizer.param_groups, self._full_rates, strict=True):
            group["lr"] = full * factor
        self.precision.update(self.optimizer)
        return torch.cat((losses[:1], norm.unsqueeze(0), losses[1:]))

    @property
    def learning_rate(self) -> float:
        """The first group's learning rate at the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def _forward_backward(self, batch: Batch, step: int) -> Tensor:
        count = int((batch.labels != IGNORED).sum())
        if count == 0:
            raise RunError(f"the task's batch of step {step} has no label at any position")
        rows = self.processes.rows(batch.tokens.shape[0])
        size = (rows.stop - rows.start) // self.accumulate
        total: Tensor | None = None
        for index in range(self.accumulate):
            part = batch.rows(rows.start + index * size, rows.start + (index + 1) * size)
            with accumulating(self.module, self.processes, last=index + 1 == self.accumulate):
                losses = self._losses(part) / count
                # Processes take the mean of their gradients, and the sum is wanted.
                self.precision.backward(losses.sum() * self.processes.size)
            total = losses.detach() if total is None else total + losses.detach()
        assert total is not None
        return total

    def _losses(self, part: Batch) -> Tensor:
        """(1 + A,): the summed cross entropy, and auxiliary losses times the number of labels."""
        positions, targets = part.labelled()
        labels = positions.numel()
        wanted = None
        if labels < part.tokens.numel():
            wanted = positions.to(self.device, non_blocking=True)
        tokens = part.tokens.to(self.device, non_blocking=True)
        targets = targets.to(self.device, non_blocking=True)
        with compiling(), self.precision.autocast():
            # Bounds of documents are read on the CPU first: they decide shapes.
            summed, auxiliary = self.module(
                tokens, targets, wanted, part.negatives, part.cu_seqlens
            )
        names = tuple(sorted(auxiliary))
        if self._forwards and names != self.auxiliary:
            raise RunError(
                f"the layers gave the auxiliary losses {list(self.auxiliary)} before and "
                f"{list(names)} now; a layer adds each of its losses in every call, 0 if need be"
            )
        self._forwards, self.auxiliary = True, names
        each = [auxiliary[name].float() * labels for name in names]
        return torch.stack([summed, *each])

    def _clip(self) -> Tensor:
        """Norm of the gradient of all parameters; scales it down to `clip` where it is larger."""
        if self.clip is not None:
            norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.clip, foreach=True)
        else:
            gradients = [p.grad for p in self.parameters if p.grad is not None]
            norm = torch.nn.utils.get_total_norm(gradients, foreach=True)
        if self.processes.parallel == "fsdp2":
            norm = cast("Any", norm).full_tensor()
        return norm.float()
