"""The serial mixer with the delta rule is the recurrent mixer with the delta rule."""

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.operators import Features, Readout, Stream
from seqzoo.registry import Origin
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()


def test_a_serial_delta_rule_is_the_parallel_one() -> None:
    torch.manual_seed(0)
    serial = seqzoo.build_mixer({"type": "serial", "heads": 2}, 16, REGISTRY).double()
    writes = {"type": "rank_one", "key": {"norm": "unit"}, "strength": "sigmoid"}
    spec = {"type": "recurrent", "heads": 2, "injection": writes, "forget": "delta"}
    parallel = seqzoo.build_mixer(spec, 16, REGISTRY).double()
    names = {
        "queries.project.weight": "queries.project.weight",
        "injection.key.project.weight": "key.project.weight",
        "injection.value.project.weight": "value.project.weight",
        "injection.strength.project.weight": "rule.strength.weight",
        "readout.project.weight": "readout.project.weight",
    }
    mine = serial.state_dict()
    parallel.load_state_dict({theirs: mine[own] for theirs, own in names.items()})
    x = torch.randn(2, 19, 16, dtype=torch.float64)
    y, state = serial(x)
    expected, other = parallel(x)
    assert error_ratio(y, expected) < 1e-12
    assert error_ratio(state["rule.state"], other["memory.state"]) < 1e-12


@pytest.mark.parametrize(
    ("attribute", "says"),
    [
        ("divides", "has a rule in its place; choose another readout"),
        ("joins", "joins several reads a token, and a rule is read once; choose another readout"),
    ],
)
def test_a_readout_of_what_no_rule_gives_is_refused_in_words(attribute: str, says: str) -> None:
    class Odd(Readout):
        """Stands for any readout that divides, or joins."""

        name = "odd"
        divides = attribute == "divides"
        joins = attribute == "joins"

        def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
            return reads.flatten(2)

    registry = seqzoo.load_registry(entry_points=[])
    registry.add(Odd, Origin("test", "test", "0"))
    with pytest.raises(SpecError, match=says):
        seqzoo.build_mixer({"type": "serial", "readout": "odd"}, 16, registry)
