"""The injection against Eqs. 10-16 written out token by token, and its ablations."""

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.operators import Dims, Place, Stream
from seqzoo.scan import Writes
from seqzoo.testing import MIXER_CHECKS, MixerCase
from seqzoo_prism import ResidualRefinement

REGISTRY = seqzoo.load_registry()
DIMS = Dims(Place(12), heads=3, key_size=5, value_size=4)


def injection(**settings: object) -> ResidualRefinement:
    torch.manual_seed(0)
    spec = REGISTRY.spec("injection", {"type": "residual_refinement", **settings})
    return spec.build(DIMS).double()


def written_out(part: ResidualRefinement, u: Tensor, activation, gains: list[Tensor]) -> Tensor:
    """B_t (H, V, K) of one token u (D,) by the paper's equations."""
    depth, heads = part.depth, DIMS.heads
    value = (part.value.weight @ u).view(heads, -1)
    residual = value - u.view(heads, -1)
    keys = (part.keys.weight @ u).view(depth, heads, -1)
    gates = (part.gates.weight @ u).view(depth, heads)
    total = torch.zeros(heads, DIMS.value_size, DIMS.key_size, dtype=u.dtype)
    for step in range(depth):
        delta = activation(gains[step] * residual)
        residual = residual - delta
        key = keys[step] / keys[step].norm(dim=-1, keepdim=True)
        beta = gates[step].sigmoid() if step < part.squashed else gates[step]
        total += torch.einsum("h,hv,hk->hvk", beta, delta, key)
    return total


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("gate", ["linear", "sigmoid"])
def test_writes_are_the_papers(depth: int, gate: str) -> None:
    part = injection(depth=depth, gate=gate)
    u = torch.randn(2, 5, DIMS.width, dtype=torch.float64)
    writes = part(u, Stream.over(u))
    assert writes.strengths is not None
    found = torch.einsum("btrh,btrhv,btrhk->bthvk", writes.strengths, writes.values, writes.keys)
    for b in range(2):
        for t in range(5):
            gains = [
                (weight @ u[b, t]).view(DIMS.heads, -1)
                for weight in part.get_parameter("gain.project.weight").chunk(depth)
            ]
            expected = written_out(part, u[b, t], torch.nn.functional.gelu, gains)
            # unit norms are taken with 1e-12 under the root
            torch.testing.assert_close(found[b, t], expected, rtol=1e-9, atol=1e-10)


def some_writes(part: ResidualRefinement) -> Writes:
    u = torch.randn(1, 6, DIMS.width, dtype=torch.float64)
    return part(u, Stream.over(u))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_rank_of_what_a_token_writes_is_its_depth(depth: int) -> None:
    part = injection(depth=depth)
    writes = some_writes(part)
    written = torch.einsum("btrhv,btrhk->bthvk", writes.values, writes.keys)
    assert torch.linalg.matrix_rank(written).eq(depth).all()


def test_linear_steps_with_gain_one_leave_nothing_for_the_second() -> None:
    part = injection(depth=2, activation="identity", gain="constant")
    writes = some_writes(part)
    assert writes.values[:, :, 0].abs().max() > 0.1
    assert writes.values[:, :, 1].abs().max() == 0


def test_value_size_that_does_not_fill_the_width_is_refused() -> None:
    spec = REGISTRY.spec("mixer", {"type": "prism", "value_size": 4})
    with pytest.raises(SpecError, match=r"heads \* value_size .* must be the width"):
        spec.build(Place(32))


def test_every_preset_differs_from_prism_in_one_axis() -> None:
    full = REGISTRY.spec("mixer", "prism").model_dump()
    for name, (section, key, value) in {
        "prism-depth1": ("injection", "depth", 1),
        "prism-linear": ("injection", "activation", {"type": "identity"}),
        "prism-constant-gain": ("injection", "gain", {"type": "constant", "value": 1.0}),
    }.items():
        ablated = REGISTRY.spec("mixer", name).model_dump()
        assert ablated[section].pop(key) == value
        expected = {**full, section: {k: v for k, v in full[section].items() if k != key}}
        assert ablated == expected
    ablated = REGISTRY.spec("mixer", "prism-no-anchor").model_dump()
    assert ablated == {**full, "anchor": {"type": "identity"}}


@pytest.mark.parametrize("gain", REGISTRY.names("predictor"))
@pytest.mark.parametrize("check", MIXER_CHECKS, ids=lambda check: check.__name__)
def test_every_predictor_serves_as_gain(gain: str, check) -> None:
    check(MixerCase({"type": "prism", "gain": gain}, REGISTRY))


@pytest.mark.parametrize("forget", list(REGISTRY.names("forget")))
def test_any_forget_goes_with_it(forget: str) -> None:
    case = MixerCase({"type": "prism", "forget": forget}, REGISTRY)
    for check in MIXER_CHECKS:
        if check.__name__ in ("is_causal", "steps_agree", "scans_agree"):
            check(case)
