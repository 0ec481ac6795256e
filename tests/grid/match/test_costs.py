"""Counted without numbers, the counts of a model with numbers."""

import pytest
import torch

from seqzoo import build_model, load_registry
from seqzoo.grid.match.costs import CostBook
from seqzoo.model import budget
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
