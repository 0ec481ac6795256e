"""The serial delta rule against a loop over tokens, for memories of one feature too."""

import pytest
import torch

from seqzoo.operators import Dims, Place, Rule, Stream
from seqzoo.registry import load_registry

REGISTRY = load_registry(entry_points=[])


@pytest.mark.parametrize(("key_size", "value_size"), [(3, 2), (3, 1), (1, 4), (1, 1)])
def test_the_delta_rule_is_its_equation(key_size: int, value_size: int) -> None:
    torch.manual_seed(0)
    dims = Dims(Place(6), heads=2, key_size=key_size, value_size=value_size)
    rule: Rule = REGISTRY.spec("rule", "delta").build(dims).double()
    q, k = torch.randn(2, 3, 7, 2, key_size, dtype=torch.float64)
    v, u = torch.randn(3, 7, 2, value_size).double(), torch.randn(3, 7, 6).double()
    reads = rule(q, k, v, u, Stream.over(u))
    beta = (u @ rule.get_parameter("strength.weight").T).sigmoid()
    state = torch.zeros(3, 2, value_size, key_size, dtype=torch.float64)
    assert reads.shape == v.shape
    for t in range(7):
        found = torch.einsum("bhvk,bhk->bhv", state, k[:, t])
        wrong = beta[:, t, :, None] * (v[:, t] - found)
        state = state + torch.einsum("bhv,bhk->bhvk", wrong, k[:, t])
        expected = torch.einsum("bhvk,bhk->bhv", state, q[:, t])
        torch.testing.assert_close(reads[:, t], expected)
