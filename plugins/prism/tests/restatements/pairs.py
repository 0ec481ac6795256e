"""A mixer and its restatement: the same parameters in both, outputs and gradients compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqzoo.model import Mixer

from .functions import Parameters

__all__ = ["Where", "agree", "put"]

OUTPUTS, GRADIENTS = 1e-14, 1e-12


class Where(NamedTuple):
    """Where a restatement's tensor lies in the mixer: a parameter, and the part of it."""

    path: str
    part: Any = ...

    def of(self, tensor: Tensor, like: Tensor) -> Tensor:
        """That part of a tensor of the parameter's shape, in the restatement's shape."""
        return tensor[self.part].reshape(like.shape)


def put(p: Parameters, mixer: Mixer, places: Mapping[str, Where]) -> None:
    """Copy the restatement's parameters into the mixer, every one of whose numbers has a place."""
    assert set(places) == set(p)
    assert sum(tensor.numel() for tensor in p.values()) == sum(
        parameter.numel() for parameter in mixer.parameters()
    )
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.fill_(torch.nan)
        for name, where in places.items():
            parameter = mixer.get_parameter(where.path)
            parameter[where.part] = p[name].reshape(parameter[where.part].shape)
        assert not any(parameter.isnan().any() for parameter in mixer.parameters())


def agree(
    p: Parameters,
    mixer: Mixer,
    places: Mapping[str, Where],
    restated: Callable[[Parameters, Tensor], Tensor],
    x: Tensor,
) -> None:
    """Outputs agree to 1e-14 of the largest or of 1, gradients of x and parameters to 1e-12."""
    put(p, mixer, places)
    x = x.requires_grad_()
    generator = torch.Generator().manual_seed(3)
    weights = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    expected, found = restated(p, x), mixer(x)[0]
    _close("outputs", found.detach(), expected.detach(), OUTPUTS)
    names = list(p)
    of_x, *wanted = torch.autograd.grad((expected * weights).sum(), [x, *(p[n] for n in names)])
    parameters = dict(mixer.named_parameters())
    mine_of_x, *mine = torch.autograd.grad((found * weights).sum(), [x, *parameters.values()])
    gradients = dict(zip(parameters, mine, strict=True))
    _close("gradient of x", mine_of_x, of_x, GRADIENTS)
    for name, gradient in zip(names, wanted, strict=True):
        where = places[name]
        assert gradient.any(), f"the restatement does not use {name}"
        _close(
            f"gradient of {name}", where.of(gradients[where.path], gradient), gradient, GRADIENTS
        )


def _close(what: str, found: Tensor, expected: Tensor, bound: float) -> None:
    scale = max(1.0, float(expected.abs().max()))
    error = float((found - expected).abs().max()) / scale
    assert error <= bound, f"{what}: {error:.1e} of {scale:.1e}"
