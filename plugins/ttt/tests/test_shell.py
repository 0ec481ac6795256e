"""The gated TTT shell: queries, keys, readout and the convolution before against their formulas."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.operators import Stream
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()


def convolved(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """By torch's own convolution, of a row that begins with zeros."""
    padded = F.pad(x.mT, (weight.shape[2] - 1, 0))
    return F.conv1d(padded, weight, bias, groups=weight.shape[0]).mT


def test_shell_is_the_formulas() -> None:
    torch.manual_seed(0)
    spec = {"type": "ttt-linear-gated", "heads": 2}
    mixer: Any = seqzoo.build_mixer(spec, 16, REGISTRY).double()
    x = torch.randn(2, 7, 16, dtype=torch.float64)
    stream, base = Stream.over(x), x @ mixer.key.project.weight.T
    keys, queries = mixer.key(x, stream), mixer.queries(x, stream)
    for found, part in ((keys, mixer.key), (queries, mixer.queries)):
        expected = convolved(base, part.conv.weight, part.conv.bias)
        assert error_ratio(found.flatten(2), expected) < 1e-14
    reads = mixer.rule(queries, keys, mixer.value(x, stream), x, stream).flatten(2)
    gate = F.gelu(x @ mixer.readout.gate.weight.T, approximate="tanh")
    y = (gate * F.layer_norm(reads, (16,), eps=1e-6)) @ mixer.readout.project.weight.T
    assert error_ratio(mixer(x)[0], y) < 1e-14


def test_a_convolution_stands_before_each_layer_behind_a_norm() -> None:
    """h + conv(norm(h)), and then the layer and its MLP as ever."""
    torch.manual_seed(0)
    spec = {
        "width": 16,
        "layers": {"preset": "ttt-gated", "repeat": 2, "ttt": {"mixer": {"heads": 2}}},
        "norm": "rms_norm",
    }
    model: Any = seqzoo.build_model(spec, REGISTRY, vocab_size=5).double()
    assert [block.mixer.name for block in model.blocks] == ["causal_conv", "serial"] * 2
    assert [block.mlp is None for block in model.blocks] == [True, False] * 2
    block, x = model.blocks[0], torch.randn(2, 7, 16, dtype=torch.float64)
    conv = block.mixer.conv
    expected = x + convolved(F.rms_norm(x, (16,), eps=1e-5), conv.weight, conv.bias)
    assert conv.weight.shape[2] == 4
    assert error_ratio(block(x).x, expected) < 1e-14


def test_queries_alone_are_refused_in_words() -> None:
    mixer = seqzoo.build_mixer({"type": "ttt-linear", "queries": "shared_queries"}, 16, REGISTRY)
    with pytest.raises(ValueError, match="set key: shared_keys"):
        mixer(torch.zeros(1, 2, 16))
