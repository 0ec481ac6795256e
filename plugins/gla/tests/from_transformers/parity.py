"""A module of transformers against the mixer that from_transformers makes of it, in float32."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import seqzoo
from seqzoo.model import Mixer
from seqzoo.testing import error_ratio
from seqzoo_gla import from_transformers

REGISTRY = seqzoo.load_registry()
CLOSE = 1e-5  # error ratio
LENGTH = 37


def modeling(name: str) -> Any:
    """transformers.models.NAME.modeling_NAME; or the test is skipped.

    Beside fla transformers' modules take its Triton kernels, which need a GPU.
    """
    if importlib.util.find_spec("fla") is not None:
        pytest.skip("fla is installed, and transformers' modules would compute with its kernels")
    pytest.importorskip("transformers")
    return importlib.import_module(f"transformers.models.{name}.modeling_{name}")


def filled(module: Any, seed: int = 0) -> Any:
    """The module in evaluation mode, each parameter drawn anew: none is 0, 1 or uninitialised.

    Matrices are N(0, 1/inputs), gains of norms about 1, all else N(0, 1/4).
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            drawn = torch.randn(parameter.shape, generator=generator)
            if "norm" in name and parameter.ndim == 1:
                drawn = 1 + 0.3 * drawn
            elif parameter.ndim < 2 or name.endswith("A_log"):
                drawn = 0.5 * drawn
            else:
                drawn = drawn * parameter[0].numel() ** -0.5
            parameter.copy_(drawn)
    return module.eval()


def check_parity(
    module: nn.Module,
    width: int,
    call: Callable[[nn.Module, Tensor], Tensor] = lambda module, x: module(x),
    length: int = LENGTH,
) -> Mixer:
    """The mixer agrees with the module: whole, split at three places, and token by token.

    Args:
        module: with its parameters filled.
        width: D.
        call: how the module is called on x (B, T, D); gives y (B, T, D).
        length: T, at least 8.
    """
    x = torch.randn(2, length, width, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = call(module, x)
        mixer = from_transformers(module, REGISTRY)
        ways = {
            "whole": [length],
            "split at three places": [1, length // 2, 5, length - length // 2 - 6],
            "token by token": [1] * length,
        }
        for way, lengths in ways.items():
            state = mixer.initial_state(len(x))
            pieces = []
            for piece in x.split(lengths, dim=1):
                y, state = mixer(piece, state)
                pieces.append(y)
            ratio = error_ratio(torch.cat(pieces, dim=1), expected)
            assert ratio <= CLOSE, f"{way}: error ratio {ratio:.1e}"
    return mixer
