"""Aggregators that break the contract, and states of other mixers: what is said."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.operators import RowAggregator
from seqzoo.registry import Origin

REGISTRY = seqzoo.load_registry()
WIDTH = 16


def sequences(length: int, batch: int = 2) -> Tensor:
    return torch.ones(batch, length, WIDTH)


def mixer_with(**methods: Any) -> Any:
    """A prefix mixer whose aggregator adds, but for these methods."""
    methods.setdefault("forward", lambda self, older, newer: older + newer)
    part: Any = type("Sums", (RowAggregator,), {"name": "sums", "__doc__": "a + b.", **methods})
    registry = seqzoo.load_registry()
    registry.add(part, Origin("mine", "mine", "0"))
    spec = {"type": "prefix", "chunk": 4, "aggregator": "sums"}
    return seqzoo.build_mixer(spec, WIDTH, registry)


@pytest.mark.parametrize(
    ("method", "returned", "message"),
    [
        (
            "forward",
            lambda self, a, b: (a + b)[:, :2],
            r"'sums': forward\(older, newer\) returned \(6, 2, 16\), expected \(6, 4, 16\)",
        ),
        ("forward", lambda self, a, b: (a + b).sum(0), r"\(4, 16\), expected \(6, 4, 16\)"),
        ("forward", lambda self, a, b: None, r"None, expected \(6, 4, 16\)"),
        ("forward", lambda self, a, b: (a, b), r"tuple\(\(6, 4, 16\), \(6, 4, 16\)\), expected"),
        (
            "leaf",
            lambda self, rows: rows.mean(1),
            r"leaf\(rows\) and start\(\) must give one form; leaf gave \(12, 16\), expected",
        ),
        ("start", lambda self: torch.zeros(3, WIDTH), r"\(12, 4, 16\), expected \(12, 3, 16\)"),
        (
            "read",
            lambda self, summary: summary.mean(1),
            r"read\(summary\) returned \(14, 16\), expected rows of \(14, M, 16\)",
        ),
        (
            "read",
            lambda self, summary: summary[..., :8],
            r"\(14, 4, 8\), expected rows of \(14, M, 16",
        ),
        ("read", lambda self, summary: [summary], r"returned list, expected rows of"),
    ],
)
def test_an_aggregator_of_another_form_is_named(method: str, returned: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mixer_with(**{method: returned})(sequences(26))


PSM = {"type": "transformer_psm", "chunk": 4}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({**PSM, "chunk": 8}, r"incomplete chunk is \(2, 8, 16\), expected \(2, 4, 16\)"),
        ({**PSM, "inference_layers": 2}, "part for the inference module is tuple"),
        ({**PSM, "inference": {"heads": 2}}, r"\(2, 8, 2, 8\).*, expected .*\(2, 8, 1, 16\)"),
        ({"type": "affine_psm", "chunk": 4}, "and not .*'trees'"),
        ({"type": "prefix", "chunk": 4}, "part for the inference module is Means"),
        ("attention", "another mixer left it"),
    ],
)
def test_a_state_of_other_settings_is_refused(other: Any, message: str) -> None:
    mixer, left_by = (seqzoo.build_mixer(spec, WIDTH, REGISTRY) for spec in (PSM, other))
    _, state = left_by(sequences(10))
    with pytest.raises(ValueError, match=message):
        mixer(sequences(3), state)
