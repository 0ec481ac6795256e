"""Which backend a rule takes, and the words in which the kernels are refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import seqzoo
from seqzoo.errors import BackendError
from seqzoo.model import Mixer
from seqzoo.scan.used import watching

REGISTRY = seqzoo.load_registry()


def layer(width: int = 8, heads: int = 2, **rule: Any) -> Mixer:
    spec = {"type": "ttt-linear", "heads": heads, "rule": {"backend": "triton", **rule}}
    return seqzoo.build_mixer(spec, width, REGISTRY)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"memory": "mlp"}, "it has the memory 'linear' alone, not 'mlp'"),
        ({"loss": "reconstruction"}, "the loss 'ln_reconstruction' alone, not 'reconstruction'"),
        ({"optimizer": "momentum"}, "the optimizer 'sgd' alone, not 'momentum'"),
        ({"memory": {"type": "linear", "bias": False}}, "has a bias, and this one has none"),
        ({"mini_batch": 17}, "mini-batches of up to 16 tokens, not 17"),
        ({"width": 33, "heads": 1, "rotary": False}, "up to 32 features in torch.float32, not 33"),
    ],
)
def test_what_the_kernels_have_not(device: torch.device, rule: Any, words: str) -> None:
    mixer = layer(**rule).to(device)
    x = torch.randn(1, 3, rule.get("width", 8), device=device)
    with pytest.raises(BackendError, match=f"{words}. backend: auto takes one that can"):
        mixer(x)


def test_float64_is_refused(device: torch.device) -> None:
    x = torch.randn(1, 3, 8, dtype=torch.float64, device=device)
    with pytest.raises(BackendError, match="it computes in float32, and an argument is float64"):
        layer().to(device).double()(x)


def test_auto_leaves_the_interpreter_to_tests_and_a_token_to_the_step(device: torch.device) -> None:
    x = torch.randn(1, 3, 8, device=device)
    with watching() as used:
        layer(backend="auto").to(device)(x)
    (found,) = used
    assert found.operation == "test-time training"
    assert found.backend == ("triton" if device.type == "cuda" else "chunked")
    with watching() as used:
        layer().to(device)(x[:, :1])
    assert not used


def test_an_unknown_backend_is_an_error_of_the_spec() -> None:
    with pytest.raises(seqzoo.errors.SpecError, match="backend"):
        layer(backend="tritn")
