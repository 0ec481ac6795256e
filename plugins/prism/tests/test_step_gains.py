import torch

import seqzoo
from seqzoo.operators import Dims, Place, Stream
from seqzoo_prism.step_gains import StepGains

REGISTRY = seqzoo.load_registry()
DIMS = Dims(Place(8), heads=2, key_size=3, value_size=5)


def gains(steps: int = 3, **settings: object) -> tuple[StepGains, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    part = REGISTRY.spec("predictor", {"type": "step_gains", **settings}).build(DIMS, steps)
    u = torch.randn(2, 4, 8)
    return part, u, part(u, Stream.over(u))


def test_a_matrix_a_step() -> None:
    part, u, p = gains()
    assert p.shape == (2, 4, 3, 2, 5)
    torch.testing.assert_close(p[:, :, 1].flatten(2), u @ part.project.down.weight[10:20].T)


def test_shared_gains_are_those_of_one_step() -> None:
    part, _, p = gains(shared=True)
    assert p.shape == (2, 4, 1, 2, 5)
    assert part.project.down.weight.shape == (10, 8)


def test_bounded_gains_are_the_sigmoid_of_unbounded_ones() -> None:
    part, _, p = gains(rank=2, bias=True)
    bounded, _, q = gains(rank=2, bias=True, bounded=True)
    assert [n for n, _ in part.named_parameters()] == [n for n, _ in bounded.named_parameters()]
    torch.testing.assert_close(q, p.sigmoid())
