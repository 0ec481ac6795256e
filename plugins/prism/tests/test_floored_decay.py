import math

import pytest
import torch

import seqzoo
from seqzoo.operators import Dims, Features, Place, Stream
from seqzoo.scan import Writes

REGISTRY = seqzoo.load_registry()
DIMS = Dims(Place(8), heads=2, key_size=4, value_size=4)


def features() -> Features:
    x, u = torch.randn(2, 2, 5, 8, generator=torch.Generator().manual_seed(1)).unbind()
    keys = u.view(2, 5, 2, 4)
    return Features(x, u, keys, Writes(keys.unsqueeze(2), keys.unsqueeze(2)))


@pytest.mark.parametrize("of", ["x", "u"])
@pytest.mark.parametrize("temperature", [1.0, 16.0])
def test_it_is_the_root_of_a_sigmoid(of: str, temperature: float) -> None:
    spec = {"type": "floored_decay", "of": of, "rank": 3, "temperature": temperature}
    part = REGISTRY.spec("forget", spec).build(DIMS)
    at = features()
    found = part.log_decay(at, Stream.over(at.x)).exp()
    assert found.shape == (2, 5, 2, 4)
    source = at.x if of == "x" else at.u
    thin = source @ part.down.weight.T + part.down.bias
    logits = thin @ part.up.weight.T + part.up.bias
    expected = (1 / (1 + torch.exp(-logits))) ** (1 / temperature)
    torch.testing.assert_close(found.flatten(2), expected)


def test_no_channel_keeps_less_than_the_floor() -> None:
    spec = {"type": "floored_decay", "temperature": 1.0, "floor": 0.25}
    part = REGISTRY.spec("forget", spec).build(DIMS)
    with torch.no_grad():
        part.up.bias.fill_(-50.0)
    at = features()
    log_decay = part.log_decay(at, Stream.over(at.x))
    torch.testing.assert_close(log_decay, torch.full_like(log_decay, math.log(0.25)))
