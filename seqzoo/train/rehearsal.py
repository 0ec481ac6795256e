"""Run one row through the model before the first step, to learn which backends compute it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from seqzoo.errors import RunError
from seqzoo.operators.forgets import Forget
from seqzoo.scan import Transition
from seqzoo.scan.used import Used, watching
from seqzoo.tasks import Batch
from seqzoo.train.distributed import ALONE, Processes
from seqzoo.train.objective import Objective
from seqzoo.train.parallel import cut_up_again
from seqzoo.train.precision import Precision

__all__ = ["rehearse", "slower_than_expected"]

EXPECTED = {"cuda": "triton"}  # which backend of the scan; elsewhere it is this one:
ELSEWHERE = "chunked"


@torch.no_grad()
def rehearse(
    objective: Objective,
    batch: Batch,
    precision: Precision,
    processes: Processes = ALONE,
) -> tuple[Used, ...]:
    """Run the first row of a batch forward, without drawing dropout.

    Args:
        objective: of the model.
        batch: of training, on the CPU.
        precision: of the forward pass.
        processes: all of which call this.

    Returns:
        The backends that computed.

    Raises:
        RunError: a forget's log decay is positive, so that its state would grow with every token.
    """
    row = batch.rows(0, 1)
    device = precision.device
    was_training = objective.training
    objective.eval()
    try:
        with watching() as used, _decays(objective.model) as largest, precision.autocast():
            position = torch.zeros(1, dtype=torch.long, device=device)
            objective.scores(row.tokens.to(device), None, position, row.cu_seqlens)
    finally:
        objective.train(was_training)
        cut_up_again(objective, processes)
    if largest:
        values = torch.stack(list(largest.values())).tolist()  # one wait for the device
        for (path, name), value in zip(largest, values, strict=True):
            if value > 0:
                raise RunError(
                    f"forget '{name}' (model.{path}) returns a log decay of {value:+.3g}, and "
                    "exp of it above 1 lets the state grow with every token; a log decay is 0 or "
                    "less, such as -softplus(x) or logsigmoid(x)"
                )
    return tuple(used)


@contextmanager
def _decays(model: nn.Module) -> Iterator[dict[tuple[str, str], Tensor]]:
    """Collect the largest log decay that each forget returns, by its path and its name."""
    largest: dict[tuple[str, str], Tensor] = {}

    def watch(path: str, name: str) -> Any:
        def hook(module: nn.Module, inputs: object, transition: Transition) -> None:
            if transition.log_decay is not None and transition.log_decay.numel():
                largest[path, name] = transition.log_decay.detach().max().float()

        return hook

    handles = [
        module.register_forward_hook(watch(path, module.name))
        for path, module in model.named_modules()
        if isinstance(module, Forget)
    ]
    try:
        yield largest
    finally:
        for handle in handles:
            handle.remove()


def slower_than_expected(used: tuple[Used, ...], device: torch.device) -> tuple[str, ...]:
    """A sentence for each backend that is slower than the one expected on this device."""
    expected = EXPECTED.get(device.type, ELSEWHERE)
    found = []
    for operation, backend, reasons in used:
        refused = f"{expected}: not used, "
        why = next((each.removeprefix(refused) for each in reasons if each.startswith(refused)), "")
        if backend != expected and why:
            found.append(f"{operation}: backend {backend} computes and not {expected}: {why}")
    return tuple(found)
