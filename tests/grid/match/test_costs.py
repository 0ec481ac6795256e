"""Counted without numbers, the counts of a model with numbers."""

import pytest
import torch

from seqzoo import build_model, load_registry
from seqzoo.grid.match.costs import CostBook
from seqzoo.grid.plan.forecast import forecast
from seqzoo.model import Mixer, budget
from seqzoo.operators import Stream
from seqzoo.registry import Origin
from seqzoo.spec.run import RunSpec

REGISTRY = load_registry()


@pytest.mark.parametrize("mixer", REGISTRY.names("mixer"))
def test_counts_are_those_of_the_model(mixer):
    run = {
        "model": {"width": 32, "layers": 2, "mixer": mixer},
        "task": {"type": "parity", "length": 24},
        "train": {"steps": 1},
    }
    spec = REGISTRY.validate(RunSpec, run)
    book, numbers = CostBook(), torch.get_rng_state()
    found = [book.count(spec, kind) for kind in ("parameters", "state", "flops")]
    assert torch.equal(torch.get_rng_state(), numbers)
    costs = budget(build_model(spec, REGISTRY), 24)
    assert found == [costs.parameters, costs.state_elements, costs.flops_per_token]


def test_a_mixer_without_a_state_has_no_count_of_it() -> None:
    class Whole(Mixer):
        """Sees whole sequences."""

        name = "whole"
        streams = False

        def mix(self, x: torch.Tensor, stream: Stream) -> torch.Tensor:
            return x

    registry = load_registry(entry_points=[])
    registry.add(Whole, Origin("test", "test", "0"))
    specs = {
        str(layers): registry.validate(
            RunSpec,
            {
                "model": {"width": 16, "layers": layers},
                "task": {"type": "parity", "length": 24},
                "train": {"steps": 1},
            },
        )
        for layers in ([{"mixer": "whole"}], [{"mixer": "whole"}, {"mixer": "attention"}])
    }
    attention = {"width": 16, "layers": 1, "mixer": "attention"}
    run = {"model": attention, "task": {"type": "parity", "length": 24}, "train": {"steps": 1}}
    specs["attention"] = registry.validate(RunSpec, run)
    found = forecast(specs, set(), threads=1, at_run=lambda number: None)
    sizes = [each.state_size for each in found.costs.values()]
    assert sizes == [None, None, 2 * 24 * 16 + 1]
    assert not found.failures
