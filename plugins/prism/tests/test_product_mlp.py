import torch
from torch.nn import functional as F

import seqzoo
from seqzoo.operators import Dims, Features, Place, Stream
from seqzoo.scan import Writes


def test_it_is_its_equation() -> None:
    torch.manual_seed(0)
    spec = seqzoo.load_registry().spec("readout", {"type": "product_mlp", "ratio": 2.0})
    part = spec.build(Dims(Place(8), heads=2, key_size=3, value_size=5))
    x, u = torch.randn(2, 2, 4, 8)
    reads = torch.randn(2, 4, 2, 5)
    keys = torch.randn(2, 4, 1, 2, 3)
    found = part(reads, Features(x, u, keys[:, :, 0], Writes(keys, keys)), Stream.over(x))
    p = dict(part.named_parameters())
    gate = F.silu(x @ p["gate.weight"].T + p["gate.bias"]) * reads.reshape(2, 4, 10)
    normed = F.layer_norm(gate, (10,), p["norm.weight"], p["norm.bias"])
    hidden = (u @ p["product.weight"].T + p["product.bias"]) * normed
    hidden = F.silu(hidden @ p["up.weight"].T + p["up.bias"])
    torch.testing.assert_close(found, hidden @ p["down.weight"].T + p["down.bias"])
    assert p["up.weight"].shape == (16, 10)
