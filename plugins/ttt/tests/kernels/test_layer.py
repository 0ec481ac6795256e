"""By the kernels a layer gives what its dual form in torch does: whole, in pieces, in documents."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.model import Mixer
from seqzoo.scan.used import watching
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()


def layer(backend: str, device: torch.device) -> Mixer:
    torch.manual_seed(0)
    rule = {"mini_batch": 4, "backend": backend}
    mixer = seqzoo.build_mixer({"type": "ttt-linear", "heads": 2, "rule": rule}, 12, REGISTRY)
    with torch.no_grad():
        for name, parameter in mixer.named_parameters():
            strength = 0.05 if name.endswith("offsets") else 0.3
            parameter.add_(strength * torch.randn_like(parameter))
    return mixer.to(device)


def whole(mixer: Mixer, x: Tensor) -> Tensor:
    return mixer(x)[0]


def in_pieces(mixer: Mixer, x: Tensor) -> Tensor:
    """Beginning within a mini-batch and with one; a piece of a single token."""
    state, outputs = None, []
    for begin, end in pairwise((0, 3, 8, 10, 11)):
        y, state = mixer(x[:, begin:end], state)
        outputs.append(y)
    return torch.cat(outputs, 1)


def in_documents(mixer: Mixer, x: Tensor) -> Tensor:
    bounds = torch.tensor([0, 6, 6, 11], device=x.device)
    y, state = mixer(x[:1], cu_seqlens=bounds)
    assert state["rule.state"]["place"].tolist() == [2, 0, 1]
    return y


@pytest.mark.parametrize("form", [whole, in_pieces, in_documents], ids=lambda f: f.__name__)
def test_as_in_torch(device: torch.device, form: Callable[[Mixer, Tensor], Tensor]) -> None:
    results = []
    for backend in ("triton", "chunked"):
        mixer = layer(backend, device)
        x = torch.randn(1, 11, 12, generator=torch.Generator().manual_seed(1)).to(device)
        x.requires_grad_()
        with watching() as used:
            y = form(mixer, x)
        assert {each.backend for each in used} == {backend}
        gradients = torch.autograd.grad(y.sin().sum(), [x, *mixer.parameters()])
        results.append([y, *gradients])
    for mine, right in zip(*results, strict=True):
        assert error_ratio(mine, right) < 1e-5


def test_in_half_precision_the_reads_are_half(device: torch.device) -> None:
    x = torch.randn(1, 9, 12, generator=torch.Generator().manual_seed(1)).to(device)
    found = layer("triton", device).bfloat16()(x.bfloat16())[0]
    assert found.dtype == torch.bfloat16
    assert error_ratio(found, layer("chunked", device)(x)[0]) < 3e-2


def test_reference_is_the_token_loop(device: torch.device) -> None:
    x = torch.randn(1, 9, 12, generator=torch.Generator().manual_seed(1)).to(device)
    expected = layer("chunked", device)(x)[0]
    assert error_ratio(layer("reference", device)(x)[0], expected) < 1e-5
