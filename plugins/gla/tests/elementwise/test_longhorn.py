"""Longhorn, written out, and its step as the minimum that it is."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

import seqzoo

from .functions import conv, sigmoid, silu
from .transcriptions import REGISTRY, check_transcription


def longhorn(x: Tensor, w: Mapping[str, Tensor]) -> Tensor:
    """S <- S (1 - Delta k^2) + Delta k x, Delta = s / (1 + s |k|^2); y = S q + D x, by silu(z)."""
    channels, rank = w["step_size.weight"].shape
    states = (w["select.weight"].shape[0] - rank) // 2
    state = torch.zeros(channels, states, dtype=x.dtype)
    seen, outputs = [], []
    for token in x:
        both = w["project_in.weight"] @ token
        seen.append(both[:channels])
        u = silu(conv(seen, w["conv.weight"], w["conv.bias"]))
        made = w["select.weight"] @ u
        r, k, q = made[:rank], made[rank : rank + states], made[rank + states :]
        s = sigmoid(w["step_size.weight"] @ r + w["step_size.bias"])
        delta = (s / (1 + s * (k @ k)))[:, None]
        state = state * (1 - delta * k**2) + delta * k * u[:, None]
        y = state @ q + w["skip"] * u
        outputs.append(w["project.weight"] @ (y * silu(both[channels:])))
    return torch.stack(outputs)


@pytest.mark.parametrize("spec", ["longhorn", {"type": "longhorn", "state_size": 3, "expand": 1}])
def test_it_is_the_released_layer(spec: object) -> None:
    check_transcription(spec, longhorn)


def test_long_keys_keep_numbers_finite() -> None:
    mixer = seqzoo.build_mixer({"type": "longhorn", "state_size": 1}, 16, REGISTRY)
    x = (1e4 * torch.randn(1, 20, 16)).requires_grad_()
    y, _ = mixer(x)
    y.sum().backward()
    assert x.grad is not None
    assert y.isfinite().all()
    assert x.grad.isfinite().all()
