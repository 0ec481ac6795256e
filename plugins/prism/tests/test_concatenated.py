import pytest
import torch

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.operators import Dims, Place, Stream
from seqzoo.scan import Writes
from seqzoo.testing import MIXER_CHECKS, MixerCase
from seqzoo_prism.concatenated import ConcatenatedInjection, side_by_side

REGISTRY = seqzoo.load_registry()
DIMS = Dims(Place(8), heads=2, key_size=4, value_size=4)
SUM = {"type": "concatenated"}
U = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))


def injection(**settings: object) -> ConcatenatedInjection:
    torch.manual_seed(0)
    return REGISTRY.spec("injection", {"type": "concatenated", **settings}).build(DIMS)


def test_writes_stand_side_by_side_with_strengths_of_one_where_there_are_none() -> None:
    part = injection()
    writes = part(U, Stream.over(U))
    first, then = part.first(U, Stream.over(U)), part.then(U, Stream.over(U))
    assert writes.keys.shape == (2, 5, 3, 2, 4)
    assert torch.equal(writes.keys, torch.cat([first.keys, then.keys], dim=2))
    assert torch.equal(writes.values, torch.cat([first.values, then.values], dim=2))
    assert writes.strengths is not None
    assert then.strengths is not None
    assert writes.strengths[:, :, 0].eq(1.0).all()
    assert torch.equal(writes.strengths[:, :, 1:], then.strengths)


def test_two_without_strengths_have_none_together() -> None:
    assert injection(then="rank_one")(U, Stream.over(U)).strengths is None


def test_micro_steps_must_be_equal() -> None:
    keys = torch.randn(2, 6, 1, 2, 4)
    one, two = Writes(keys, keys), Writes(keys, keys, steps=2)
    assert side_by_side(two, two).steps == 2
    with pytest.raises(ValueError, match="of 1 and of 2 micro-steps a token"):
        side_by_side(one, two)


def test_unequal_micro_steps_are_refused_before_anything_runs() -> None:
    two = {"type": "product_write", "strength": "sigmoid", "key": {"norm": "unit"}}
    mixer = {"type": "recurrent", "forget": "gated_delta"}
    with pytest.raises(SpecError, match="a token has 2 of one after the other and 1 of the other"):
        REGISTRY.spec("mixer", {**mixer, "injection": {**SUM, "first": two, "then": "rank_one"}})
    inner = {**SUM, "first": two, "then": two}
    for first, then in (("counted", "rank_one"), ("rank_one", "counted")):
        spec = {"type": "concatenated", "first": first, "then": then}
        with pytest.raises(SpecError, match="'counted' makes one of its own"):
            REGISTRY.spec("mixer", {"type": "recurrent", "injection": spec})
    with pytest.raises(SpecError, match="'concatenated' and 'rank_one' side by side"):
        REGISTRY.spec("mixer", {**mixer, "injection": {**SUM, "first": inner, "then": "rank_one"}})
    spec = REGISTRY.spec("mixer", {**mixer, "injection": {**SUM, "first": inner, "then": two}})
    assert spec.build(Place(8))(U)[0].shape == U.shape


def test_the_second_may_take_value_and_key_of_the_first() -> None:
    then = {"type": "residual_refinement", "depth": 1, "residual": "value", "value": None}
    then |= {"gain": "constant", "activation": "identity", "keys": {"of": "base"}}
    writes = injection(then=then)(U, Stream.over(U))
    assert torch.equal(writes.keys[:, :, 1], writes.keys[:, :, 0])
    assert torch.equal(writes.values[:, :, 1], writes.values[:, :, 0])


def test_a_sum_may_hold_a_sum() -> None:
    inner = {"type": "concatenated", "first": "rank_one", "then": "rank_one"}
    assert injection(first=inner)(U, Stream.over(U)).keys.shape[2] == 4


def test_an_erase_is_tied_to_the_first_injection() -> None:
    first = {"type": "rank_one", "key": {"norm": "unit"}, "strength": "sigmoid"}
    mixer = {"type": "recurrent", "forget": "gated_delta"}
    REGISTRY.spec("mixer", {**mixer, "injection": {"type": "concatenated", "first": first}})
    with pytest.raises(SpecError, match="the first strength of 'concatenated', which has none"):
        REGISTRY.spec("mixer", {**mixer, "injection": "concatenated"})


@pytest.mark.parametrize("check", MIXER_CHECKS, ids=lambda check: check.__name__)
def test_the_kit_passes_with_an_erase(check) -> None:
    first = {"type": "rank_one", "key": {"norm": "unit"}, "strength": "sigmoid"}
    injection = {"type": "concatenated", "first": first}
    spec = {"type": "recurrent", "injection": injection, "forget": "gated_delta"}
    check(MixerCase(spec, REGISTRY))
