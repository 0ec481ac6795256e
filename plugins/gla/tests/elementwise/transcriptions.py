"""A mixer against its equations written out in a test, token by token, in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

import seqzoo
from seqzoo.model import Mixer
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()
CLOSE = 1e-9  # error ratio

Transcription = Callable[[Tensor, Mapping[str, Tensor]], Tensor]
"""x (T, D) of one sequence and a mixer's parameters -> y (T, D), token by token."""


def check_transcription(
    spec: Any, transcription: Transcription, width: int = 16, length: int = 11
) -> Mixer:
    """Outputs, and gradients of x and of every parameter, are the transcription's, in float64.

    Parameters are moved from their initial values first, so that none is 0 or 1.
    """
    torch.manual_seed(0)
    mixer = seqzoo.build_mixer(spec, width, REGISTRY).double()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    x = torch.randn(length, width, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(length, width, dtype=torch.float64)
    named = dict(mixer.named_parameters())
    found, expected = mixer(x.unsqueeze(0))[0][0], transcription(x, named)
    assert error_ratio(found, expected) <= CLOSE, f"outputs: {error_ratio(found, expected):.1e}"
    sources = {"x": x, **named}
    of_found = torch.autograd.grad((found * weights).sum(), list(sources.values()))
    of_expected = torch.autograd.grad((expected * weights).sum(), list(sources.values()))
    for name, mine, theirs in zip(sources, of_found, of_expected, strict=True):
        ratio = error_ratio(mine, theirs)
        assert ratio <= CLOSE, f"gradient of {name}: {ratio:.1e}"
    return mixer
