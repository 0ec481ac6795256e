"""Forgets: the decay and erase they say, and clear refusals of what does not fit."""

import math

import pytest
import torch

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.operators import Dims, Forget
from seqzoo.scan import Writes

REGISTRY = seqzoo.load_registry()
DIMS = Dims(width=8, heads=2, key_size=4, value_size=4)


def forget(spec: object) -> Forget:
    torch.manual_seed(0)
    return REGISTRY.spec("forget", spec).build(DIMS).double()


def writes(u: torch.Tensor) -> Writes:
    shape = (*u.shape[:2], 3, DIMS.heads, 4)
    keys = torch.nn.functional.normalize(torch.randn(shape, dtype=u.dtype), dim=-1)
    return Writes(keys, torch.randn(shape, dtype=u.dtype), torch.rand(shape[:-1], dtype=u.dtype))


U = torch.randn(2, 5, DIMS.width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_none_keeps_all() -> None:
    transition = forget("none")(U, writes(U))
    assert transition.log_decay is None
    assert transition.erase is None


def test_constant_decay_is_retnets() -> None:
    decay = forget("constant_decay")(U, writes(U)).log_decay
    assert decay is not None
    expected = torch.tensor([1 - 2.0**-5, 1 - 2.0**-6], dtype=torch.float64)
    torch.testing.assert_close(decay.exp(), expected.expand(2, 5, 2), rtol=1e-6, atol=0)


def test_head_decay_is_a_sigmoid_that_starts_at_initial() -> None:
    part = forget({"type": "head_decay", "initial": 0.9})
    decay = part(U, writes(U)).log_decay
    weight, bias = part.get_parameter("project.weight"), part.get_parameter("project.bias")
    torch.testing.assert_close(bias.sigmoid(), torch.full_like(bias, 0.9))
    torch.testing.assert_close(decay, (U @ weight.T + bias).sigmoid().log())


def test_channel_decay_is_a_root_of_a_sigmoid() -> None:
    part = forget({"type": "channel_decay", "rank": 3, "temperature": 4.0})
    decay = part(U, writes(U)).log_decay
    assert decay is not None
    down, up = part.get_parameter("down.weight"), part.get_parameter("up.weight")
    logits = U @ down.T @ up.T + part.get_parameter("up.bias")
    torch.testing.assert_close(decay.exp().flatten(2), logits.sigmoid() ** 0.25)


def test_tied_erase_is_the_first_write() -> None:
    given = writes(U)
    erase = forget("delta")(U, given).erase
    assert erase is not None
    assert given.strengths is not None
    assert erase.read is None
    assert erase.strength is not None
    assert torch.equal(erase.strength, given.strengths[:, :, 0])


def test_own_erase_has_unit_keys_and_strengths_between_0_and_1() -> None:
    erase = forget({"type": "gated_delta", "key": "own", "strength": "own"})(U, writes(U)).erase
    assert erase is not None
    assert erase.read is not None
    assert erase.strength is not None
    norms = erase.read.norm(dim=-1)
    torch.testing.assert_close(norms, torch.ones_like(norms))
    assert 0 < erase.strength.min() < erase.strength.max() < 1


@pytest.mark.parametrize("decay", ["constant_decay", "head_decay", "channel_decay"])
def test_gated_delta_decays_as_its_decay(decay: str) -> None:
    torch.testing.assert_close(
        forget({"type": "gated_delta", "decay": decay})(U, writes(U)).log_decay,
        forget(decay)(U, writes(U)).log_decay,
    )


@pytest.mark.parametrize(
    ("mixer", "message"),
    [
        ({"forget": "delta"}, "norm is not bounded by 1; give the injection's key norm: unit"),
        (
            {"forget": "delta", "injection": {"type": "rank_one", "key": {"norm": "unit"}}},
            "which has none; give the injection strength: sigmoid",
        ),
        ({"forget": {"type": "gated_delta", "decay": "delta"}}, "'delta' is no plain decay"),
        ({"forget": {"type": "gated_delta", "decay": "none"}}, "'none' is no plain decay"),
    ],
)
def test_what_does_not_fit_is_refused(mixer: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        REGISTRY.spec("mixer", {"type": "recurrent", **mixer})


def test_head_decay_cannot_start_at_the_bounds() -> None:
    for initial in (0.0, 1.0, math.nan):
        with pytest.raises(SpecError, match="initial"):
            REGISTRY.spec("forget", {"type": "head_decay", "initial": initial})
