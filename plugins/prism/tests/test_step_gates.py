import pytest
import torch
from pydantic import ValidationError

from seqzoo.operators import Dims, Place
from seqzoo_prism.step_gates import GateSpec, StepGates

DIMS = Dims(Place(8), heads=2, key_size=4, value_size=4)


def test_a_sigmoid_on_no_step_the_first_or_all() -> None:
    u = torch.randn(2, 5, 8)
    gates = {}
    for squash in ("none", "first", "all"):
        torch.manual_seed(0)
        gates[squash] = StepGates(GateSpec(squash=squash), DIMS, 3)(u)
    plain = gates["none"]
    assert plain.shape == (2, 5, 3, 2)
    assert plain.min() < 0
    torch.testing.assert_close(gates["all"], plain.sigmoid())
    torch.testing.assert_close(gates["first"][:, :, 0], plain[:, :, 0].sigmoid())
    torch.testing.assert_close(gates["first"][:, :, 1:], plain[:, :, 1:])


def test_the_bias_begins_where_it_is_told_to() -> None:
    gates = StepGates(GateSpec(bias=True, initial=2.0, squash="none"), DIMS, 3)
    assert gates(torch.zeros(1, 1, 8)).eq(2.0).all()
    assert StepGates(GateSpec(bias=True), DIMS, 3).project.bias.any()
    assert StepGates(GateSpec(), DIMS, 3).project.bias is None


def test_an_initial_value_of_no_bias_is_refused() -> None:
    with pytest.raises(ValidationError, match="is the bias before training, and there is none"):
        GateSpec(initial=2.0)
