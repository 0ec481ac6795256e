"""Linear attention against the masked product that it is."""

import torch
from torch.nn import functional as F

import seqzoo
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()


def test_linear_attention_is_a_masked_product() -> None:
    """o_t = sum_{s<=t} phi(q_t) phi(k_s) v_s / sqrt(K), phi = elu + 1."""
    torch.manual_seed(0)
    width, length = 16, 19
    mixer = seqzoo.build_mixer("linear_attention", width, REGISTRY).double()
    weights = mixer.state_dict()
    x = torch.randn(1, length, width, dtype=torch.float64)
    q = F.elu(x[0] @ weights["queries.project.weight"].T) + 1
    k = F.elu(x[0] @ weights["injection.key.project.weight"].T) + 1
    v = x[0] @ weights["injection.value.project.weight"].T
    o = torch.tril(q @ k.T) @ v * width**-0.5
    normed = o / (o.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weights["readout.norm.weight"]
    found, _ = mixer(x)
    assert error_ratio(found[0], normed @ weights["readout.project.weight"].T) < 1e-12
