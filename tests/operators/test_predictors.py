"""Predictors: values where they can be said, and one gain a token, from that token alone."""

import pytest
import torch

import seqzoo
from seqzoo.operators import Dims, Predictor

REGISTRY = seqzoo.load_registry()
DIMS = Dims(width=12, heads=3, key_size=2, value_size=5)


def predictor(spec: object) -> Predictor:
    torch.manual_seed(0)
    return REGISTRY.spec("predictor", spec).build(DIMS).double()


@pytest.mark.parametrize("name", REGISTRY.names("predictor"))
def test_the_gain_of_a_token_comes_from_that_token_alone(name: str) -> None:
    part = predictor(name)
    u = torch.randn(2, 7, DIMS.width, dtype=torch.float64)
    shape = (2, 7, DIMS.heads, DIMS.value_size)
    gains = part(u).broadcast_to(shape)
    changed = u.clone()
    changed[:, 3] += 1.0
    difference = (part(changed).broadcast_to(shape) - gains).abs().amax(dim=(0, 2, 3))
    others = [t for t in range(7) if t != 3]
    assert difference[others].max() < 1e-12
    assert (difference[3] > 1e-3) == (name != "constant")


def test_constant_is_its_value() -> None:
    assert predictor({"type": "constant", "value": 0.25})(torch.ones(1, 1, 12)).item() == 0.25


def test_linear_is_one_matrix() -> None:
    part = predictor("linear")
    u = torch.randn(1, 4, DIMS.width, dtype=torch.float64)
    expected = u @ part.get_parameter("project.weight").T
    torch.testing.assert_close(part(u).flatten(2), expected)


def test_mlp_starts_at_the_sigmoid_of_its_bias() -> None:
    gains = predictor({"type": "mlp", "bias": 2.0})(torch.zeros(1, 1, 12, dtype=torch.float64))
    torch.testing.assert_close(gains, torch.full_like(gains, 2.0).sigmoid())


def test_low_rank_has_the_rank_it_says() -> None:
    part = predictor({"type": "low_rank", "rank": 2, "bias": 1.5})
    u = torch.randn(1, 40, DIMS.width, dtype=torch.float64)
    assert torch.linalg.matrix_rank(part(u).flatten(2)[0] - 1.5) == 2
