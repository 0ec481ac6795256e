import pytest
import torch

import seqzoo
from seqzoo.operators import Dims, Place
from seqzoo.scan import Writes
from seqzoo_prism.residual_refinement import ResidualRefinement
from seqzoo_prism.step_keys import KeySpec, StepKeys

REGISTRY = seqzoo.load_registry()
DIMS = Dims(Place(8), heads=2, key_size=4, value_size=4)
U = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))
BASE = Writes(U.view(2, 5, 1, 2, 4), U.view(2, 5, 1, 2, 4))


def keys(depth: int = 3, **settings: object) -> StepKeys:
    spec = REGISTRY.spec("injection", {"type": "residual_refinement", "keys": settings})
    assert isinstance(spec, ResidualRefinement.Spec)
    torch.manual_seed(0)
    return StepKeys(spec.keys, DIMS, depth, 4)


def test_own_keys_have_norm_one_and_differ() -> None:
    found = keys()(U, None)
    assert found.shape == (2, 5, 3, 2, 4)
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(2, 5, 3, 2))
    assert (found[:, :, 0] - found[:, :, 1]).abs().max() > 0.1


def test_raw_keys_are_the_projection() -> None:
    part = keys(norm="none")
    assert part.project is not None
    torch.testing.assert_close(part(U, None).flatten(3), part.project(U))


def test_a_shared_key_serves_all_steps() -> None:
    found = keys(of="shared")(U, None)
    assert found.shape == (2, 5, 3, 2, 4)
    assert torch.equal(found[:, :, 0], found[:, :, 2])


def test_the_first_step_may_take_the_key_before() -> None:
    found = keys(of="base_first")(U, BASE)
    assert torch.equal(found[:, :, 0], BASE.keys[:, :, 0])
    torch.testing.assert_close(found[:, :, 1:].norm(dim=-1), torch.ones(2, 5, 2, 2))


def test_all_steps_may_take_the_key_before() -> None:
    part = keys(of="base")
    assert torch.equal(part(U, BASE), BASE.keys.expand(-1, -1, 3, -1, -1))
    assert not list(part.parameters())


@pytest.mark.parametrize(("of", "own"), [("own", 3), ("shared", 1), ("base_first", 2), ("base", 0)])
def test_only_the_keys_that_are_used_are_made(of: str, own: int) -> None:
    part = keys(of=of)
    assert sum(parameter.numel() for parameter in part.parameters()) == own * 8 * 8
    spec = REGISTRY.spec("injection", {"type": "residual_refinement", "keys": {"of": of}})
    assert isinstance(spec, ResidualRefinement.Spec)
    assert isinstance(spec.keys, KeySpec)
    assert spec.keys.own(3) == own
