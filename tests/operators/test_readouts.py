"""Readouts, the usual injection and the usual projection against their formulas."""

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.operators import Dims, Features, Injection, Place, Projection, Readout, Stream
from seqzoo.operators.rotary import rotate
from seqzoo.scan import Writes

REGISTRY = seqzoo.load_registry()
B, T, WIDTH, H, K, V = 2, 7, 10, 2, 4, 3
DIMS = Dims(Place(WIDTH), H, K, V)


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(B, T, *shape, generator=generator, dtype=torch.float64)


def features() -> Features:
    writes = Writes(draw(1, H, K, seed=4), draw(1, H, V, seed=5))
    return Features(draw(WIDTH, seed=1), draw(WIDTH, seed=2), draw(H, K, seed=3), writes)


def readout(spec: object) -> Readout:
    torch.manual_seed(0)
    return REGISTRY.spec("readout", spec).build(DIMS).double()


def test_linear_is_one_matrix() -> None:
    part, reads = readout({"type": "linear", "bias": True}), draw(H, V)
    weight, bias = part.get_parameter("project.weight"), part.get_parameter("project.bias")
    found = part(reads, features(), Stream.over(reads))
    torch.testing.assert_close(found, reads.flatten(2) @ weight.T + bias)


def test_gated_multiplies_the_normed_reads_by_a_gate_of_the_input() -> None:
    part, reads = readout("gated"), draw(H, V)
    normed = reads / (reads.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    logits = features().x @ part.get_parameter("gate.weight").T
    gated = normed.flatten(2) * (logits * logits.sigmoid())
    found = part(reads, features(), Stream.over(reads))
    torch.testing.assert_close(found, gated @ part.get_parameter("project.weight").T)


class Twice(Injection):
    """Read twice a token."""

    name = "twice"

    @classmethod
    def reads(cls, spec: object) -> int:
        return 2

    def forward(self, u: Tensor, stream: Stream) -> Writes:
        raise NotImplementedError


def test_a_readout_of_one_read_refuses_two() -> None:
    misfit = REGISTRY.part("readout", "linear").misfit  # pyright: ignore
    assert misfit(None, REGISTRY.spec("injection", "rank_one")) == ""
    assert "is read 2 times a token, and readout 'linear' takes one" in misfit(None, Twice.Spec())


@pytest.mark.parametrize(("rank", "features_between"), [(2, 2), ("head", V)])
def test_a_gate_of_low_rank_with_a_bias(rank: int | str, features_between: int) -> None:
    part = readout({"type": "gated", "norm": "none", "rank": rank, "gate_bias": True})
    reads = draw(H, V)
    down, up = part.get_parameter("gate.0.weight"), part.get_parameter("gate.1.weight")
    assert len(down) == features_between
    logits = features().x @ down.T @ up.T + part.get_parameter("gate.1.bias")
    gated = reads.flatten(2) * (logits * logits.sigmoid())
    found = part(reads, features(), Stream.over(reads))
    torch.testing.assert_close(found, gated @ part.get_parameter("project.weight").T)


def test_rank_one_writes_a_value_under_a_key_with_a_strength() -> None:
    torch.manual_seed(0)
    spec = REGISTRY.spec("injection", {"type": "rank_one", "strength": "sigmoid"})
    part: Injection = spec.build(DIMS).double()
    u = draw(WIDTH)
    writes = part(u, Stream.over(u))
    keys = (u @ part.get_parameter("key.project.weight").T).unflatten(-1, (1, H, K))
    values = (u @ part.get_parameter("value.project.weight").T).unflatten(-1, (1, H, V))
    strengths = (u @ part.get_parameter("strength.project.weight").T).sigmoid()
    torch.testing.assert_close(writes.keys, keys)
    torch.testing.assert_close(writes.values, values)
    torch.testing.assert_close(writes.strengths, strengths.unsqueeze(2))


def test_grouped_keys_are_fewer_than_values() -> None:
    dims = Dims(Place(WIDTH), H, K, V, key_heads=1)
    part: Injection = REGISTRY.spec("injection", "rank_one").build(dims).double()
    writes = part(draw(WIDTH), Stream.over(draw(WIDTH)))
    assert writes.keys.shape == (B, T, 1, 1, K)
    assert writes.values.shape == (B, T, 1, H, V)
    assert writes.strengths is None


def test_a_projection_does_all_it_says_in_order() -> None:
    torch.manual_seed(0)
    settings = {
        "type": "linear",
        "rank": 3,
        "bias": True,
        "kernel_size": 2,
        "conv_bias": True,
        "activation": "tanh",
        "norm": "unit",
        "rotary": {"base": 100.0, "fraction": 0.5, "pairs": "neighbours"},
    }
    part: Projection = REGISTRY.spec("projection", settings).build(Place(WIDTH), H, K).double()
    get, u = part.get_parameter, draw(WIDTH)
    x = u @ get("project.0.weight").T @ get("project.1.weight").T + get("project.1.bias")
    before = torch.nn.functional.pad(x, (0, 0, 1, 0))[:, :-1]
    taps = get("conv.weight")[:, 0]
    x = torch.tanh(before * taps[:, 0] + x * taps[:, 1] + get("conv.bias"))
    x = x.unflatten(-1, (H, K))
    x = x / x.norm(dim=-1, keepdim=True)
    angle = torch.arange(T, dtype=torch.float64)[:, None]
    first, second = x[..., 0], x[..., 1]
    turned = [
        first * angle.cos() - second * angle.sin(),
        second * angle.cos() + first * angle.sin(),
    ]
    expected = torch.cat([torch.stack(turned, -1), x[..., 2:]], dim=-1)
    torch.testing.assert_close(part(u, Stream.over(u)), expected, rtol=1e-5, atol=1e-6)


def test_rotations_of_halves_and_of_neighbours_pair_other_features() -> None:
    x, at = draw(H, K), torch.arange(T)
    order = [0, 2, 1, 3]
    halves = rotate(x, at)
    neighbours = rotate(x[..., order], at, neighbours=True)
    torch.testing.assert_close(neighbours, halves[..., order])
