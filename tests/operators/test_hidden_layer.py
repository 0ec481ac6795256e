"""Two matrices with an activation between them, and the two parts that are one of them."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

import seqzoo
from seqzoo.operators import ChunkDims, HiddenLayer, HiddenLayerSpec, Place
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()


def test_it_is_its_equation() -> None:
    spec = REGISTRY.validate(HiddenLayerSpec, {"ratio": 1.5, "activation": "relu"})
    layer, x = HiddenLayer(spec, 12, 8).double(), torch.randn(3, 5, 12, dtype=torch.float64)
    hidden = F.relu(x @ layer.up.weight.mT + layer.up.bias)
    assert hidden.shape[-1] == 12
    assert error_ratio(layer(x), hidden @ layer.down.weight.mT + layer.down.bias) < 1e-14


def test_the_mlp_inference_reads_prefix_mean_and_token_at_each_rows_own_place() -> None:
    torch.manual_seed(0)
    inference: Any = REGISTRY.spec("inference", "mlp").build(ChunkDims(Place(8), 4)).double()
    prefix, rows = torch.randn(2, 3, 8).double(), torch.randn(2, 4, 8).double()
    whole, _ = inference(rows, inference.open(prefix), 0)
    for t in range(4):
        seen = torch.cat((prefix.mean(1), rows[:, : t + 1].mean(1), rows[:, t]), -1)
        assert error_ratio(whole[:, t], inference.mlp(seen)) < 1e-12
    opened = inference.open(prefix)
    places = torch.tensor([1, 3])  # as many tokens of each row came before
    sums = torch.stack([rows[row, :place].sum(0) for row, place in enumerate((1, 3))])
    now = torch.stack([rows[0, 1], rows[1, 3]]).unsqueeze(1)
    y, after = inference(now, opened._replace(total=sums), places)
    assert error_ratio(y[:, 0], torch.stack([whole[0, 1], whole[1, 3]])) < 1e-12
    assert error_ratio(after.total[1], rows[1].sum(0)) < 1e-12
