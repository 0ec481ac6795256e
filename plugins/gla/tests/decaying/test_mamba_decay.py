"""Mamba-2's decay starts where its settings say."""

from torch.nn import functional as F

import seqzoo
from seqzoo.operators import Dims, Place

REGISTRY = seqzoo.load_registry()


def test_mamba_decay_starts_where_its_draws_say() -> None:
    """softplus(b) between the bounds of `step`, and exp(A) below `rate`."""
    spec = REGISTRY.spec("forget", {"type": "mamba_decay", "rate": 4.0, "step": [0.01, 0.02]})
    forget = spec.build(Dims(Place(8), heads=64, key_size=4, value_size=4))
    step = F.softplus(forget.project.bias)
    assert 0.00999 < step.min() < step.max() < 0.02001
    assert 0 < forget.log_rate.exp().min() < forget.log_rate.exp().max() < 4.0
