"""Checks of decoders: rows stay apart, and answers do not depend on each other."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.testing.checks.agreement import agree
from seqzoo.testing.checks.memory import filled_with_nan
from seqzoo.testing.part import PartCase

__all__ = ["DECODER_CHECKS"]

WIDTH, ROWS, LENGTH = 32, 3, 11


def sources_are_positions(case: PartCase) -> None:
    """Sources are flat positions of the batch, int64, none twice."""
    sources = _sources(case)
    assert sources.dtype == torch.int64, f"sources are {sources.dtype}, expected int64"
    assert sources.dim() == 1, f"sources are {tuple(sources.shape)}, expected (S,)"
    inside = (sources >= 0) & (sources < ROWS * LENGTH)
    assert bool(inside.all()), f"sources lie outside 0 ... {ROWS * LENGTH - 1}"
    assert len(sources.unique()) == len(sources), "a position is asked for twice"


def answers_do_not_depend_on_each_other(case: PartCase) -> None:
    """Some positions, in any order, give what all of them give."""
    decoder, features = case.build(WIDTH).double(), _features(case)
    every = torch.arange(ROWS * LENGTH)
    with torch.no_grad():
        whole = decoder(features, every, LENGTH)
        assert whole.shape == (ROWS * LENGTH, WIDTH), f"features are {tuple(whole.shape)}"
        some = torch.tensor([20, 3, 3, 32, 0])
        agree(decoder(features, some, LENGTH), whole[some], "some positions")


def rows_are_apart(case: PartCase) -> None:
    """Another sequence's features change nothing, even if they are NaN."""
    decoder, features = case.build(WIDTH).double(), _features(case)
    every = torch.arange(ROWS * LENGTH)
    broken = features.clone()
    broken[torch.div(_sources(case), LENGTH, rounding_mode="floor") == 1] = torch.nan
    with torch.no_grad():
        whole, beside = (decoder(each, every, LENGTH) for each in (features, broken))
    for row in (0, 2):
        own = slice(row * LENGTH, (row + 1) * LENGTH)
        agree(beside[own], whole[own], f"beside a sequence of NaN, row {row}")


def gradients_reach_every_parameter(case: PartCase) -> None:
    """Every parameter and the features have a finite gradient, not all zero."""
    decoder, features = case.build(WIDTH).double(), _features(case).requires_grad_()
    y = decoder(features, torch.arange(ROWS * LENGTH), LENGTH)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(2), dtype=y.dtype)
    (y * weights).sum().backward()
    for name, tensor in [("the features", features), *decoder.named_parameters()]:
        assert tensor.grad is not None, f"{name}: no gradient"
        assert bool(tensor.grad.isfinite().all()), f"{name}: the gradient is not finite"
        assert bool(tensor.grad.any()), f"{name}: the gradient is zero everywhere"


def parameters_are_initialised(case: PartCase) -> None:
    """No value is left uninitialised, and a seed gives the same values again."""
    with filled_with_nan():
        first, second = case.build(WIDTH), case.build(WIDTH)
    for name, tensor in first.state_dict().items():
        assert bool(tensor.isfinite().all()), f"{name} was not given an initial value"
        assert torch.equal(tensor, second.state_dict()[name]), f"{name} differs between two builds"


def runs_in_every_precision(case: PartCase) -> None:
    """float32 is near float64; under autocast bfloat16 and float16 run."""
    features, every = _features(case), torch.arange(ROWS * LENGTH)
    with torch.no_grad():
        exact = case.build(WIDTH).double()(features, every, LENGTH)
        decoder = case.build(WIDTH)
        y = decoder(features.float(), every, LENGTH)
        assert y.dtype == torch.float32, f"float32 features give {y.dtype}"
        agree(y, exact, "float32", 1e-3)
        for half in (torch.bfloat16, torch.float16):
            with torch.autocast("cpu", half):
                agree(decoder(features.float(), every, LENGTH), exact, f"autocast to {half}", 0.1)


DECODER_CHECKS = (
    sources_are_positions,
    answers_do_not_depend_on_each_other,
    rows_are_apart,
    gradients_reach_every_parameter,
    parameters_are_initialised,
    runs_in_every_precision,
)


def _sources(case: PartCase) -> Tensor:
    return case.build(WIDTH).sources(ROWS, LENGTH, torch.device("cpu"))


def _features(case: PartCase) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(len(_sources(case)), WIDTH, generator=generator, dtype=torch.float64)
