"""Mamba-2's decay starts where its settings say."""

import pytest
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.operators import Dims, Place

REGISTRY = seqzoo.load_registry()


def test_mamba_decay_starts_where_its_draws_say() -> None:
    """softplus(b) between the bounds of `step`, and exp(A) below `rate`."""
    spec = REGISTRY.spec("forget", {"type": "mamba_decay", "rate": 4.0, "step": [0.01, 0.02]})
    forget = spec.build(Dims(Place(8), heads=64, key_size=4, value_size=4))
    step = F.softplus(forget.project.bias)
    assert 0.00999 < step.min() < step.max() < 0.02001
    assert 0 < forget.log_rate.exp().min() < forget.log_rate.exp().max() < 4.0


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        ({"type": "mamba_decay", "step": [0.1, 0.01]}, "step"),
        ({"type": "step_size", "rates": [16.0, 1.0]}, "rates"),
        ({"type": "kda_decay", "rates": [16, 1]}, "rates"),
        ({"type": "kda_decay", "step": [0.1, 0.01]}, "step"),
    ],
)
def test_ends_in_the_wrong_order_are_refused(spec: object, key: str) -> None:
    with pytest.raises(SpecError, match=f"{key}: the lower end .* exchange the two"):
        REGISTRY.spec("forget", spec)
