"""Error ratios against the token loop in float64, RMSE(ref - x) / (RMS(ref) + 1e-8).

The loop sees the same numbers, as rounded to the measured dtype. It is slow and keeps every state
for its gradients, so the ratio is taken at a reduced shape, named in the record.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from scanning.recurrences import Leaves, Recurrence, Shape
from scanning.work import TRAINING, Work
from seqzoo.scan import ScanResult

LONGEST = 256  # tokens


def reduced(shape: Shape) -> Shape:
    """A sequence of at most `LONGEST` tokens, with the heads and sizes as they are."""
    return shape._replace(batch=1, time=min(shape.time, LONGEST))


def error_ratios(work: Work, expected: dict[str, Tensor]) -> dict[str, float]:
    """The ratios of outputs, final state and the gradient of each input.

    Args:
        work: what to measure; its action is `TRAINING`.
        expected: `reference_results` of its recurrence, shape and dtype.
    """
    found = _results(work.function(), work.leaves())
    return {
        name: _ratio(tensor, expected[name]) for name, tensor in found.items() if tensor.numel()
    }


def reference_results(work: Work) -> dict[str, Tensor]:
    """The same results by the token loop in float64."""
    rule: Recurrence = work.rule
    leaves = {name: leaf.double() for name, leaf in work.leaves().items()}
    return _results(lambda inputs: rule.scan(inputs, "reference"), leaves)


def _results(function: Callable[[Leaves], ScanResult], leaves: Leaves) -> dict[str, Tensor]:
    for leaf in leaves.values():
        leaf.requires_grad_()
    result = function(leaves)
    ends = [result.outputs] + ([result.state] if result.state.requires_grad else [])
    generator = torch.Generator().manual_seed(1)
    weights = []
    for end in ends:
        # bfloat16 holds them exactly after this, so that every dtype is given the same
        drawn = torch.randn(end.shape, generator=generator).bfloat16()
        weights.append(drawn.to(end.device, end.dtype))
    gradients = torch.autograd.grad(ends, list(leaves.values()), weights)
    named = {f"d {name}": each for name, each in zip(leaves, gradients, strict=True)}
    return {"outputs": result.outputs.detach(), "state": result.state.detach()} | named


def _ratio(found: Tensor, expected: Tensor) -> float:
    found, expected = found.double(), expected.double()
    if not torch.isfinite(found).all():
        return math.inf
    rmse = (found - expected).square().mean().sqrt()
    return float(rmse / (expected.square().mean().sqrt() + 1e-8))


def reduced_work(work: Work) -> Work:
    """The training of the same subject at the reduced shape."""
    return Work(
        work.recurrence, work.subject, reduced(work.shape), TRAINING, work.dtype, work.device
    )
