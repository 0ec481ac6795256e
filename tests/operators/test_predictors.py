"""Predictors: values where they can be said, and one gain a token, from that token alone."""

import pytest
import torch

import seqzoo
from seqzoo.operators import Dims, Place, Predictor, Stream

REGISTRY = seqzoo.load_registry()
DIMS = Dims(Place(12), heads=3, key_size=2, value_size=5)
STEPS = 2


def predictor(spec: object) -> Predictor:
    torch.manual_seed(0)
    return REGISTRY.spec("predictor", spec).build(DIMS, STEPS).double()


def gains_of(part: Predictor, u: torch.Tensor) -> torch.Tensor:
    shape = (*u.shape[:2], STEPS, DIMS.heads, DIMS.value_size)
    return part(u, Stream.over(u)).broadcast_to(shape)


@pytest.mark.parametrize("name", REGISTRY.names("predictor"))
def test_the_gain_of_a_token_comes_from_that_token_alone(name: str) -> None:
    part = predictor(name)
    u = torch.randn(2, 7, DIMS.width, dtype=torch.float64)
    changed = u.clone()
    changed[:, 3] += 1.0
    difference = (gains_of(part, changed) - gains_of(part, u)).abs().amax(dim=(0, 2, 3, 4))
    others = [t for t in range(7) if t != 3]
    assert difference[others].max() < 1e-12
    assert (difference[3] > 1e-3) == (name != "constant")


def test_constant_is_its_value() -> None:
    part = predictor({"type": "constant", "value": 0.25})
    assert gains_of(part, torch.ones(1, 1, 12)).eq(0.25).all()


def test_linear_is_one_matrix_a_step() -> None:
    part = predictor("linear")
    u = torch.randn(1, 4, DIMS.width, dtype=torch.float64)
    first, second = part.get_parameter("project.weight").chunk(STEPS)
    torch.testing.assert_close(gains_of(part, u)[:, :, 0].flatten(2), u @ first.T)
    torch.testing.assert_close(gains_of(part, u)[:, :, 1].flatten(2), u @ second.T)


def test_mlp_is_a_sigmoid_of_a_hidden_layer_a_step() -> None:
    part = predictor({"type": "mlp", "bias": 2.0, "hidden": 7})
    u = torch.randn(1, 4, DIMS.width, dtype=torch.float64)
    up, down = part.get_parameter("up.weight").chunk(STEPS), part.get_parameter("down.weight")
    for step in range(STEPS):
        expected = (torch.nn.functional.silu(u @ up[step].T) @ down[step].T + 2.0).sigmoid()
        torch.testing.assert_close(gains_of(part, u)[:, :, step].flatten(2), expected)


@pytest.mark.parametrize("name", ["linear", "low_rank", "mlp"])
def test_matrices_are_drawn_as_torch_draws_them(name: str) -> None:
    """Uniform within 1 / sqrt(inputs)."""
    for parameter in predictor(name).parameters():
        if parameter.ndim >= 2 and parameter.any():
            bound, largest = parameter.shape[-1] ** -0.5, float(parameter.detach().abs().max())
            assert 0.8 * bound < largest <= bound


def test_a_predictor_has_one_step_where_none_are_asked_for() -> None:
    for name in ("constant", "linear", "low_rank", "mlp"):
        u = torch.randn(1, 4, DIMS.width)
        assert REGISTRY.spec("predictor", name).build(DIMS)(u, Stream.over(u)).shape[2] == 1


def test_sizes_in_between_follow_the_width() -> None:
    """A quarter of it for `low_rank`, all of it for `mlp`."""
    for name, parameter, size in (("low_rank", "down.weight", 3), ("mlp", "up.weight", 12)):
        assert predictor(name).get_parameter(parameter).shape[0] == STEPS * size


def test_low_rank_is_two_thin_matrices_a_step() -> None:
    part = predictor({"type": "low_rank", "rank": 2, "bias": 1.5})
    u = torch.randn(1, 40, DIMS.width, dtype=torch.float64)
    down, up = part.get_parameter("down.weight").chunk(STEPS), part.get_parameter("up.weight")
    for step in range(STEPS):
        gains = gains_of(part, u)[:, :, step].flatten(2)
        torch.testing.assert_close(gains, u @ down[step].T @ up[step].T + 1.5)
        assert torch.linalg.matrix_rank(gains[0] - 1.5) == 2
