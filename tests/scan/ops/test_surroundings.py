"""The scan inside what training wraps around it: checkpointing of activations, and autocast."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from seqzoo.scan import scan, segments

from ..oracle import error_ratio, make_case, with_gradients


def chunked(case):
    return scan(*case.arguments(), **case.options(), chunk_size=5, backend="chunked")


@pytest.mark.parametrize("segment_bytes", [1, 1 << 40], ids=["segments", "one"])
def test_checkpointing(segment_bytes, monkeypatch):
    monkeypatch.setattr(segments, "SEGMENT_BYTES", segment_bytes)
    case = make_case()
    names = tuple(case.tensors)

    def checkpointed(case):
        def inner(*tensors):
            return tuple(chunked(replace(case, tensors=dict(zip(names, tensors, strict=True)))))

        return checkpoint(inner, *case.tensors.values(), use_reentrant=False)

    expected, expected_gradients = with_gradients(case, chunked)
    found, gradients = with_gradients(case, checkpointed)
    for name, value in {**expected, **expected_gradients}.items():
        assert error_ratio({**found, **gradients}[name], value) < 1e-12, name


def test_autocast_changes_nothing():
    case = make_case().to(torch.float32)

    def under_autocast(case):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return chunked(case)

    expected, expected_gradients = with_gradients(case, chunked)
    found, gradients = with_gradients(case, under_autocast)
    for name, value in {**expected, **expected_gradients}.items():
        assert torch.equal({**found, **gradients}[name], value), name
