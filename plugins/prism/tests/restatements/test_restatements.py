"""The restatements themselves: their parameter counts, causality, and what they reduce to."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from .algorithm1 import algorithm1, algorithm1_parameters
from .baselines import linear_attention, linear_attention_parameters, mom, mom_parameters
from .functions import Parameters, elu1, gelu, layer_norm, silu
from .lm import Variant, lm, lm_parameters
from .probing import probing, probing_parameters

VARIANTS: tuple[Variant, ...] = ("", "r2", "r3", "r4", "r5")


def count(p: Parameters) -> int:
    return sum(tensor.numel() for tensor in p.values())


def inputs(width: int, length: int = 6, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, length, width, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    ("width", "depth", "parameters"), [(16, 1, 1_137), (16, 2, 1_410), (128, 2, 82_946)]
)
def test_the_probing_mixers_parameters_are_the_releases(
    width: int, depth: int, parameters: int
) -> None:
    assert count(probing_parameters(width, depth)) == parameters


def test_functions_are_those_of_torch() -> None:
    x = torch.linspace(-4, 4, 101, dtype=torch.float64)
    functional = torch.nn.functional
    torch.testing.assert_close(gelu(x), functional.gelu(x), rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(silu(x), functional.silu(x), rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(elu1(x), functional.elu(x) + 1, rtol=1e-14, atol=1e-14)
    weight, bias = x.flip(0), x.square()
    expected = functional.layer_norm(x, x.shape, weight, bias)
    torch.testing.assert_close(layer_norm(x, weight, bias), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_probing_state_is_a_sum_over_earlier_tokens(depth: int) -> None:
    """Without a forget the output of token t is linear in what each token before it wrote."""
    p = probing_parameters(8, depth)
    x = inputs(8)
    changed = x.clone()
    changed[:, 3:] = 0.0
    torch.testing.assert_close(probing(p, x, depth)[:, :3], probing(p, changed, depth)[:, :3])
    with torch.no_grad():
        for step in range(depth):
            p[f"gate{step}"].zero_()
            p[f"gate_bias{step}"].zero_()
    assert probing(p, x, depth).abs().max() == 0


def test_algorithm_1_with_all_its_gates_shut_only_forgets() -> None:
    p = algorithm1_parameters(8, 2, 2)
    with torch.no_grad():
        p["gate0"].zero_()
        p["gate1"].zero_()
        p["value"].copy_(torch.eye(8))  # v = u, so that nothing is left to write
    assert algorithm1(p, inputs(8), 2, 2).abs().max() == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_lm_variants_differ_from_each_other_and_are_causal(variant: Variant) -> None:
    p = lm_parameters(8, 2, 2)
    x = inputs(8)
    y = lm(p, x, 2, 2, variant)
    changed = x.clone()
    changed[:, 4] += 1.0
    z = lm(p, changed, 2, 2, variant)
    torch.testing.assert_close(y[:, :4], z[:, :4], rtol=0, atol=0)
    assert (y[:, 4:] - z[:, 4:]).abs().max() > 1e-3
    if variant:
        assert (y - lm(p, x, 2, 2)).abs().max() > 1e-6


def test_an_lm_without_gains_is_a_gated_delta_rule() -> None:
    """With gains of 0 no step writes, and of the variants nothing is left."""
    p = lm_parameters(8, 2, 2)
    with torch.no_grad():
        for step in range(2):
            p[f"gate{step}"].zero_()
            p[f"gate_bias{step}"].fill_(-1e3)
    x = inputs(8)
    outputs = [lm(p, x, 2, 2, variant) for variant in VARIANTS]
    for other in outputs[1:]:
        torch.testing.assert_close(other, outputs[0], rtol=0, atol=0)


def test_one_memory_is_linear_attention() -> None:
    p = mom_parameters(8, 1)
    q = linear_attention_parameters(8)
    with torch.no_grad():
        for name in ("conv", "conv_bias", "query", "out", "out_bias"):
            q[name].copy_(p[name])
        q["key"].copy_(p["key0"])
        q["value"].copy_(p["value0"])
    x = inputs(8)
    torch.testing.assert_close(mom(p, x, 1), linear_attention(q, x), rtol=1e-13, atol=1e-13)
