"""How a layer is held against its equations, written out token by token in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from seqzoo.model import Mixer
from seqzoo.testing import error_ratio

__all__ = ["Weights", "agrees", "by_token", "convolved", "gain_normed"]

Weights = Mapping[str, Tensor]
"""A mixer's parameters by name."""

EXACT = 1e-9


def agrees(
    mixer: Mixer, transcription: Callable[[Weights, Tensor], Tensor], length: int = 19
) -> None:
    """Outputs, and gradients of the inputs and of every parameter, by error ratio.

    Args:
        mixer: the layer, float64; its parameters are moved a little, so that none stands at a
            special value such as 0 or 1.
        transcription: parameters and x (T, D) of one sequence -> y (T, D).
        length: T.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in mixer.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_(0.1 * noise)
    x = torch.randn(length, mixer.place.width, generator=generator, dtype=torch.float64)
    x.requires_grad_()
    weights = dict(mixer.named_parameters())
    found, _ = mixer(x.unsqueeze(0))
    expected = transcription(weights, x)
    directions = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    sources = [x, *weights.values()]
    of_found, of_expected = (
        torch.autograd.grad((y * directions).sum(), sources, allow_unused=True)
        for y in (found[0], expected)
    )
    assert error_ratio(found[0], expected) <= EXACT, error_ratio(found[0], expected)
    for name, mine, theirs in zip(["x", *weights], of_found, of_expected, strict=True):
        assert mine is not None, f"{name} has no gradient"
        assert theirs is not None, f"{name} is not in the transcription"
        assert error_ratio(mine, theirs) <= EXACT, (name, error_ratio(mine, theirs))


def by_token(x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """(T, ...) -> the function of each token, stacked."""
    return torch.stack([function(token) for token in x])


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y_t = sum_j w_j x_{t-j} + b for x (T, channels), where the last tap is the current token."""
    taps = weight[:, 0]
    kernel = taps.shape[1]
    rows = []
    for t in range(len(x)):
        y = torch.zeros_like(x[0]) if bias is None else bias
        for j in range(min(kernel, t + 1)):
            y = y + taps[:, kernel - 1 - j] * x[t - j]
        rows.append(y)
    return torch.stack(rows)


def gain_normed(x: Tensor, weight: Tensor, epsilon: float = 1e-5) -> Tensor:
    """w x / sqrt(mean(x^2) + epsilon) over the last axis."""
    return weight * x / (x.square().mean(-1, keepdim=True) + epsilon).sqrt()
