"""How checks compare: by the error ratio, in float64 where rounding would hide faults."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.model.mixer import Mixer
from seqzoo.operators import State

__all__ = ["agree", "error_ratio", "measured", "names_of"]

EXACT = 1e-10
"""Error ratio allowed between two float64 forms of one computation."""


def error_ratio(found: Tensor, expected: Tensor) -> float:
    """RMS(found - expected) / RMS(expected), 0 where both are 0 or empty; NaN never agrees."""
    found, expected = found.detach().double(), expected.detach().double()
    if found.numel() == 0:
        return 0.0
    error = (found - expected).square().mean().sqrt()
    size = expected.square().mean().sqrt()
    return float(error / size) if size > 0 else float(error)


def agree(found: Tensor, expected: Tensor, what: str, most: float = EXACT) -> None:
    """Raise AssertionError where shapes differ, or numbers by more than `most`."""
    assert found.shape == expected.shape, f"{what}: {found.shape} is not {expected.shape}"
    ratio = error_ratio(found, expected)
    assert ratio <= most, f"{what}: error ratio {ratio:.1e}, more than {most:.0e}"


def measured(mixer: Mixer, x: Tensor, y: Tensor) -> list[Tensor]:
    """Outputs, and the gradients of x and of every parameter for fixed weights of the outputs.

    A parameter that the outputs do not depend on has a gradient of zeros.
    """
    generator = torch.Generator().manual_seed(2)
    weights = torch.randn(y.shape, generator=generator, dtype=torch.float64).to(y.dtype)
    sources = [x, *mixer.parameters()]
    found = torch.autograd.grad((y * weights).sum(), sources, allow_unused=True)
    pairs = zip(sources, found, strict=True)
    gradients = [torch.zeros_like(own) if each is None else each for own, each in pairs]
    return [y.detach(), *gradients]


def names_of(mixer: Mixer) -> list[str]:
    """What `measured` gives, in words."""
    parameters = (f"gradient of {name}" for name, _ in mixer.named_parameters())
    return ["outputs", "gradient of the inputs", *parameters]


def run_in_pieces(mixer: Mixer, x: Tensor, lengths: list[int]) -> tuple[Tensor, State]:
    """The outputs of a sequence cut into pieces, the state carried from one to the next."""
    state: State = mixer.initial_state(x.shape[0])
    pieces = []
    for piece in x.split(lengths, dim=1):
        y, state = mixer(piece, state)
        pieces.append(y)
    return torch.cat(pieces, dim=1), state
