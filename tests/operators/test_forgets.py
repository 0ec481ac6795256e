"""Forgets: the decay and erase they say, and clear refusals of what does not fit."""

import math

import pytest
import torch

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.operators import Dims, Features, Forget, Place, Stream
from seqzoo.scan import Transition, Writes

REGISTRY = seqzoo.load_registry()
DIMS = Dims(Place(8), heads=2, key_size=4, value_size=4)


def forget(spec: object) -> Forget:
    torch.manual_seed(0)
    return REGISTRY.spec("forget", spec).build(DIMS).double()


def writes(u: torch.Tensor) -> Writes:
    shape = (*u.shape[:2], 3, DIMS.heads, 4)
    keys = torch.nn.functional.normalize(torch.randn(shape, dtype=u.dtype), dim=-1)
    return Writes(keys, torch.randn(shape, dtype=u.dtype), torch.rand(shape[:-1], dtype=u.dtype))


def transition_of(part: Forget, u: torch.Tensor, given: Writes | None = None) -> Transition:
    given = given or writes(u)
    return part(Features(x=-u, u=u, queries=given.keys[:, :, 0], writes=given), Stream.over(u))


U = torch.randn(2, 5, DIMS.width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_none_keeps_all() -> None:
    transition = transition_of(forget("none"), U)
    assert transition.log_decay is None
    assert transition.erase is None


def test_constant_decay_is_retnets() -> None:
    decay = transition_of(forget("constant_decay"), U).log_decay
    assert decay is not None
    expected = torch.tensor([1 - 2.0**-5, 1 - 2.0**-6], dtype=torch.float64)
    torch.testing.assert_close(decay.exp(), expected.expand(2, 5, 2), rtol=1e-6, atol=0)


def test_constant_decay_is_not_part_of_a_checkpoint() -> None:
    assert forget("constant_decay").state_dict() == {}


def test_channel_decay_may_be_bounded_below() -> None:
    part = forget({"type": "channel_decay", "rank": 3, "lower": -5.0})
    down, up = part.get_parameter("project.0.weight"), part.get_parameter("project.1.weight")
    logits = U @ down.T @ up.T + part.get_parameter("project.1.bias")
    decay = transition_of(part, U).log_decay
    assert decay is not None
    torch.testing.assert_close(decay.flatten(2), -5.0 * logits.sigmoid())


def test_the_rank_of_channel_decay_is_16_or_the_width() -> None:
    for width, rank in ((8, 8), (48, 16)):
        dims = Dims(Place(width), heads=2, key_size=4, value_size=4)
        part = REGISTRY.spec("forget", "channel_decay").build(dims)
        assert part.get_parameter("project.0.weight").shape == (rank, width)


def test_head_decay_is_a_sigmoid_that_starts_at_initial() -> None:
    part = forget({"type": "head_decay", "initial": 0.9})
    decay = transition_of(part, U).log_decay
    weight, bias = part.get_parameter("project.weight"), part.get_parameter("project.bias")
    torch.testing.assert_close(bias.sigmoid(), torch.full_like(bias, 0.9))
    torch.testing.assert_close(decay, (U @ weight.T + bias).sigmoid().log())


def test_channel_decay_is_a_root_of_a_sigmoid() -> None:
    part = forget({"type": "channel_decay", "rank": 3, "temperature": 4.0})
    decay = transition_of(part, U).log_decay
    assert decay is not None
    down, up = part.get_parameter("project.0.weight"), part.get_parameter("project.1.weight")
    logits = U @ down.T @ up.T + part.get_parameter("project.1.bias")
    torch.testing.assert_close(decay.exp().flatten(2), logits.sigmoid() ** 0.25)


def test_tied_erase_is_the_first_write() -> None:
    given = writes(U)
    erase = transition_of(forget("delta"), U, given).erase
    assert erase is not None
    assert given.strengths is not None
    assert erase.read is None
    assert erase.strength is not None
    assert torch.equal(erase.strength, given.strengths[:, :, 0])


def test_own_erase_has_unit_keys_and_strengths_between_0_and_1() -> None:
    erase = transition_of(
        forget({"type": "gated_delta", "key": {"norm": "unit"}, "strength": "sigmoid"}), U
    ).erase
    assert erase is not None
    assert erase.read is not None
    assert erase.strength is not None
    norms = erase.read.norm(dim=-1)
    torch.testing.assert_close(norms, torch.ones_like(norms))
    assert 0 < erase.strength.min() < erase.strength.max() < 1


@pytest.mark.parametrize("decay", ["constant_decay", "head_decay", "channel_decay"])
def test_gated_delta_decays_as_its_decay(decay: str) -> None:
    torch.testing.assert_close(
        transition_of(forget({"type": "gated_delta", "decay": decay}), U).log_decay,
        transition_of(forget(decay), U).log_decay,
    )


@pytest.mark.parametrize(
    ("mixer", "message"),
    [
        (
            {"forget": {"type": "delta", "strength": "sigmoid"}},
            "norm is not bounded by 1; give the injection's key norm: unit",
        ),
        ({"forget": {"type": "delta", "strength": "softplus"}}, "'softplus', which has no bound"),
        ({"forget": {"type": "delta", "key": {}, "strength": "sigmoid"}}, "key: {norm: unit}, or"),
        (
            {
                "forget": "delta",
                "injection": {"type": "rank_one", "key": {"norm": "unit"}, "strength": "softplus"},
            },
            "first strength of 'rank_one', which has no bound",
        ),
        (
            {"forget": "delta", "injection": {"type": "rank_one", "key": {"norm": "unit"}}},
            "which has none; give the injection strength: sigmoid",
        ),
        (
            {
                "forget": {"type": "delta", "strength": "sigmoid"},
                "injection": {"type": "product_write", "key": {"norm": "unit"}},
            },
            "writes in several micro-steps, each with its own erase; leave key and strength out",
        ),
        ({"forget": {"type": "gated_delta", "decay": "delta"}}, "'delta' is not a plain decay"),
        ({"forget": {"type": "gated_delta", "decay": "none"}}, "'none' is not a plain decay"),
    ],
)
def test_what_does_not_fit_is_refused(mixer: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        REGISTRY.spec("mixer", {"type": "recurrent", **mixer})


def test_head_decay_cannot_start_at_the_bounds() -> None:
    for initial in (0.0, 1.0, math.nan):
        with pytest.raises(SpecError, match="initial"):
            REGISTRY.spec("forget", {"type": "head_decay", "initial": initial})
