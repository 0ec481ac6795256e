"""Every norm against its formula, with gains and offsets that are not their initial ones."""

import pytest
import torch

import seqzoo
from seqzoo.operators import Norm

REGISTRY = seqzoo.load_registry()
SIZE = 6


def norm(spec: object) -> Norm:
    part: Norm = REGISTRY.spec("norm", spec).build(SIZE)
    for parameter in part.parameters():
        torch.nn.init.uniform_(parameter, 0.5, 2.0)
    return part.double()


def x() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(4, SIZE, generator=generator, dtype=torch.float64) + 1


def test_none_is_the_input() -> None:
    assert torch.equal(norm("none")(x()), x())


@pytest.mark.parametrize("epsilon", [1e-12, 0.3])
def test_unit_divides_by_the_length(epsilon: float) -> None:
    expected = x() / (x().square().sum(-1, keepdim=True) + epsilon).sqrt()
    torch.testing.assert_close(norm({"type": "unit", "epsilon": epsilon})(x()), expected)


@pytest.mark.parametrize("epsilon", [1e-5, 0.3])
def test_rms_norm_divides_by_the_mean_square(epsilon: float) -> None:
    part = norm({"type": "rms_norm", "epsilon": epsilon})
    expected = x() / (x().square().mean(-1, keepdim=True) + epsilon).sqrt()
    torch.testing.assert_close(part(x()), expected * part.get_parameter("weight"))


@pytest.mark.parametrize("epsilon", [1e-5, 0.3])
def test_layer_norm_takes_off_the_mean_too(epsilon: float) -> None:
    part = norm({"type": "layer_norm", "epsilon": epsilon})
    centred = x() - x().mean(-1, keepdim=True)
    expected = centred / (centred.square().mean(-1, keepdim=True) + epsilon).sqrt()
    expected = expected * part.get_parameter("weight") + part.get_parameter("bias")
    torch.testing.assert_close(part(x()), expected)


@pytest.mark.parametrize("name", ["rms_norm", "layer_norm"])
def test_without_gains_there_is_nothing_to_learn(name: str) -> None:
    part = norm({"type": name, "affine": False})
    assert list(part.parameters()) == []
    plain: Norm = REGISTRY.spec("norm", name).build(SIZE).double()
    torch.testing.assert_close(part(x()), plain(x()))


def test_only_unit_vectors_have_length_one() -> None:
    units = {name: REGISTRY.part("norm", name) for name in REGISTRY.names("norm")}
    assert [name for name, part in units.items() if getattr(part, "unit", False)] == ["unit"]
