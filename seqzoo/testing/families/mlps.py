"""Checks of MLPs: causal, and the same in one call, in pieces and token by token."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.model import MLP
from seqzoo.operators import Place, State, Stream
from seqzoo.testing.checks.agreement import agree
from seqzoo.testing.checks.memory import filled_with_nan
from seqzoo.testing.part import PartCase
from seqzoo.testing.zeros import move_zeros

__all__ = ["MLP_CHECKS"]

WIDTH, ROWS, LENGTH = 32, 2, 13


def is_causal(case: PartCase) -> None:
    """Results before t are bit-equal when the tokens from t on change; all, if it never looks back.

    An MLP that says it never looks back sees its own token only, in inputs of any shape.
    """
    mlp, x = _mlp(case), _inputs()
    with torch.no_grad():
        y = mlp(x, Stream.over(x))
        assert y.shape == x.shape, f"(B, T, D) {tuple(x.shape)} gives {tuple(y.shape)}"
        changed = x.clone()
        changed[:, 7:] = 3.0 * changed[:, 7:] + 1.0
        z = mlp(changed, Stream.over(changed))
        assert torch.equal(y[:, :7], z[:, :7]), "results before token 7 see tokens from it on"
        if not mlp.looks_back:
            alone = mlp(x[:, 7], Stream.over(x))
            agree(alone, y[:, 7], "looks_back is False, and token 7 alone")


def pieces_agree(case: PartCase) -> None:
    """A sequence cut up gives what one call gives, gradients too."""
    mlp, x = _mlp(case), _inputs().requires_grad_()
    weights = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=x.dtype)
    sources = [x, *mlp.parameters()]
    y = mlp(x, Stream.over(x))
    wanted = torch.autograd.grad((y * weights).sum(), sources)
    for lengths in ([6, 7], [1] * LENGTH):
        found, state = _in_pieces(mlp, x, lengths)
        del state
        agree(found, y, f"cut into {lengths}")
        gradients = torch.autograd.grad((found * weights).sum(), sources)
        for mine, one_call in zip(gradients, wanted, strict=True):
            agree(mine, one_call, f"cut into {lengths}, a gradient")


def rows_are_apart(case: PartCase) -> None:
    """Another sequence of the batch changes nothing, even if it is NaN."""
    mlp, x = _mlp(case), _inputs()
    broken = x.clone()
    broken[1] = torch.nan
    with torch.no_grad():
        y, z = (mlp(each, Stream.over(each)) for each in (x, broken))
    agree(z[:1], y[:1], "beside a sequence of NaN, the first")


def gradients_reach_every_parameter(case: PartCase) -> None:
    """Every parameter and the inputs have a finite gradient, not all zero."""
    mlp, x = _mlp(case), _inputs().requires_grad_()
    y = mlp(x, Stream.over(x))
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(2), dtype=y.dtype)
    (y * weights).sum().backward()
    for name, tensor in [("the inputs", x), *mlp.named_parameters()]:
        assert tensor.grad is not None, f"{name}: no gradient"
        assert bool(tensor.grad.isfinite().all()), f"{name}: the gradient is not finite"
        assert bool(tensor.grad.any()), f"{name}: the gradient is zero everywhere"


def parameters_are_initialised(case: PartCase) -> None:
    """No value is left uninitialised, and a seed gives the same values again."""
    with filled_with_nan():
        first, second = (case.build(Place(WIDTH)) for _ in range(2))
    for name, tensor in first.state_dict().items():
        assert bool(tensor.isfinite().all()), f"{name} was not given an initial value"
        assert torch.equal(tensor, second.state_dict()[name]), f"{name} differs between two builds"


MLP_CHECKS = (
    is_causal,
    pieces_agree,
    rows_are_apart,
    gradients_reach_every_parameter,
    parameters_are_initialised,
)


def _mlp(case: PartCase) -> MLP:
    mlp: MLP = case.build(Place(WIDTH)).double().eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        move_zeros(mlp)
    return mlp


def _inputs() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(ROWS, LENGTH, WIDTH, generator=generator, dtype=torch.float64)


def _in_pieces(mlp: MLP, x: Tensor, lengths: list[int]) -> tuple[Tensor, State]:
    stream = Stream.over(x)
    mlp(x[:, :0], stream)
    state, pieces = stream.after(), []
    for piece in x.split(lengths, dim=1):
        stream = Stream.over(piece, state)
        pieces.append(mlp(piece, stream))
        state = stream.after()
    return torch.cat(pieces, dim=1), state
