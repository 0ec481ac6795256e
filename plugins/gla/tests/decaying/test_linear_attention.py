"""Linear attention against the masked product that it is, outputs and gradients."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo

from .transcription import Weights, agrees, gain_normed

REGISTRY = seqzoo.load_registry()
WIDTH = 16
MAPS: dict[str, Callable[[Tensor], Tensor]] = {"elu1": lambda x: F.elu(x) + 1, "relu": F.relu}


def linear_attention(weights: Weights, x: Tensor, phi: Callable[[Tensor], Tensor]) -> Tensor:
    """o_t = sum_{s<=t} phi(q_t) phi(k_s) v_s / sqrt(K)."""
    q = phi(x @ weights["queries.project.weight"].T)
    k = phi(x @ weights["injection.key.project.weight"].T)
    v = x @ weights["injection.value.project.weight"].T
    o = torch.tril(q @ k.T) @ v * WIDTH**-0.5
    return gain_normed(o, weights["readout.norm.weight"]) @ weights["readout.project.weight"].T


@pytest.mark.parametrize("phi", MAPS)
def test_linear_attention_is_a_masked_product(phi: str) -> None:
    torch.manual_seed(0)
    mapped = {"activation": phi}
    spec = {"type": "linear_attention", "queries": mapped, "injection": {"key": mapped}}
    agrees(
        seqzoo.build_mixer(spec, WIDTH, REGISTRY).double(),
        partial(linear_attention, phi=MAPS[phi]),
    )
