"""Every gate against its formula, and what an erase may do with it."""

import math

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.operators import Gate, Place, Stream
from seqzoo.operators.gates.exact_flow import exact_flow

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS, G, K = 6, 4, 2, 3


def gate(spec: object, heads: int = HEADS) -> Gate:
    torch.manual_seed(0)
    return REGISTRY.spec("gate", spec).build(Place(WIDTH), heads).double()


def u() -> Tensor:
    return torch.randn(2, 5, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def of(part: Gate, keys: Tensor | None = None) -> Tensor:
    found = part(u(), Stream.over(u()), keys)
    assert found is not None
    return found


def logits(part: Gate) -> Tensor:
    return u() @ part.get_parameter("project.weight").T


def test_none_is_no_strength() -> None:
    assert gate("none")(u(), Stream.over(u())) is None


def test_sigmoid_is_squashed_and_twice_sigmoid_twice_that() -> None:
    part, twice = gate("sigmoid"), gate("twice_sigmoid")
    torch.testing.assert_close(of(part), logits(part).sigmoid())
    torch.testing.assert_close(of(twice), 2 * logits(twice).sigmoid())


@pytest.mark.parametrize(("name", "factor"), [("sigmoid", 1.0), ("twice_sigmoid", 2.0)])
@pytest.mark.parametrize("rank", [None, 2])
def test_initial_is_the_squashed_bias(name: str, factor: float, rank: int | None) -> None:
    part = gate({"type": name, "initial": 0.2, "rank": rank})
    zeros = torch.zeros(1, 1, WIDTH, dtype=torch.float64)
    found = part(zeros, Stream.over(zeros))
    torch.testing.assert_close(found, torch.full_like(found, 0.2 * factor))
    assert sum(each.numel() for each in part.parameters()) == (
        WIDTH * HEADS + HEADS if rank is None else rank * (WIDTH + HEADS) + HEADS
    )


def test_softplus_is_a_step_size_drawn_between_its_bounds() -> None:
    part = gate({"type": "softplus", "low": 0.01, "high": 0.02}, heads=64)
    bias = part.get_parameter("project.bias").detach()
    expected = (logits(part) + bias).exp().log1p()
    torch.testing.assert_close(of(part), expected)
    steps = bias.exp().log1p()
    assert 0.0099 < float(steps.min()) < float(steps.max()) < 0.0201
    middle = float(steps.log().mean())
    assert math.log(0.012) < middle < math.log(0.0165)  # log-uniform: about sqrt(low * high)


def test_softplus_of_low_rank_has_its_bias_behind_the_second_matrix() -> None:
    part = gate({"type": "softplus", "low": 0.01, "high": 0.02, "rank": 2})
    down, up = part.get_parameter("project.0.weight"), part.get_parameter("project.1.weight")
    bias = part.get_parameter("project.1.bias")
    torch.testing.assert_close(of(part), (u() @ down.T @ up.T + bias).exp().log1p())
    steps = bias.detach().exp().log1p()
    assert 0.0099 < float(steps.min()) < float(steps.max()) < 0.0201


def test_steps_are_never_below_the_least() -> None:
    bias = gate({"type": "softplus", "low": 1e-9, "high": 1e-8}).get_parameter("project.bias")
    torch.testing.assert_close(bias.exp().log1p(), torch.full_like(bias, 1e-4))


def test_bounds_of_a_step_are_in_order() -> None:
    with pytest.raises(SpecError, match=r"low 0\.2 is above high 0\.1"):
        gate({"type": "softplus", "low": 0.2, "high": 0.1})


def test_exact_flow_is_the_matrix_exponential() -> None:
    """exp(-beta k k^T) = I - beta' k k^T, for short keys and long ones."""
    for size in (1e-4, 0.02, 0.5, 3.0):
        k = torch.randn(K, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * size
        beta = torch.tensor(0.7, dtype=torch.float64)
        flow = torch.matrix_exp(-beta * torch.outer(k, k))
        strength = exact_flow(beta, k.square().sum())
        torch.testing.assert_close(
            torch.eye(K, dtype=torch.float64) - strength * torch.outer(k, k), flow
        )


def test_exact_flow_of_no_key_is_beta_and_has_a_gradient() -> None:
    squares = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    beta = torch.full((3,), 0.4, dtype=torch.float64)
    found = exact_flow(beta, squares)
    torch.testing.assert_close(found, beta)
    (gradient,) = torch.autograd.grad(found.sum(), squares)
    torch.testing.assert_close(gradient, -beta.square() / 2)


def test_exact_flow_looks_at_the_key_of_each_heads_group() -> None:
    part = gate("exact_flow")
    keys = torch.randn(2, 5, G, K, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    beta = logits(part).sigmoid()
    for head in range(HEADS):
        n = keys[:, :, head // (HEADS // G)].square().sum(-1)
        expected = (1 - (-beta[..., head] * n).exp()) / n
        torch.testing.assert_close(of(part, keys)[..., head], expected)
    with pytest.raises(ValueError, match="needs the keys"):
        of(part)


def test_exact_flow_counts_groups_and_not_sequences() -> None:
    keys = torch.randn(2, 5, 1, K, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    part = gate("exact_flow")
    beta, n = logits(part).sigmoid(), keys.square().sum(-1)
    torch.testing.assert_close(of(part, keys), (1 - (-beta * n).exp()) / n)


def test_what_an_erase_may_do_with_each() -> None:
    names = ("none", "sigmoid", "twice_sigmoid", "softplus", "exact_flow")
    strengths = {name: getattr(REGISTRY.part("gate", name), "strength", "") for name in names}
    assert strengths == {
        "none": "none",
        "sigmoid": "at_most_one",
        "twice_sigmoid": "unit_keys",
        "softplus": "unbounded",
        "exact_flow": "any_keys",
    }
