"""The chunked form against the dense token loop: values, gradients, chunks, packs, causality."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqzoo.scan import scan

from .oracle import DECAYS, ERASES, Case, cases, dense_loop, error_ratio, make_case, with_gradients

# Error ratios, RMSE over RMS against float64: rounding of T = 24 tokens, with a margin of 10.
TOLERANCES = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 1e-3}

relaxed = settings(deadline=None, derandomize=True, max_examples=60)


def chunked(case: Case, chunk_size: int = 64):
    return scan(*case.arguments(), **case.options(), chunk_size=chunk_size, backend="chunked")


def check(case: Case, chunk_size: int, dtype: torch.dtype) -> None:
    """Values and all gradients in `dtype` against the oracle in float64 on the same numbers."""
    case = case.to(dtype).to(torch.float64) if dtype != torch.float64 else case
    expected, expected_gradients = with_gradients(case, dense_loop)
    found, gradients = with_gradients(case.to(dtype), lambda c: chunked(c, chunk_size))
    ratios = {name: error_ratio(found[name], expected[name]) for name in expected}
    for name, gradient in expected_gradients.items():
        ratios[f"gradient of {name}"] = error_ratio(gradients[name], gradient)
    wrong = {name: ratio for name, ratio in ratios.items() if not ratio <= TOLERANCES[dtype]}
    assert not wrong


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("erase", ERASES)
@pytest.mark.parametrize("decay", DECAYS)
def test_every_kind_agrees_with_the_dense_loop(decay, erase, per_channel):
    check(make_case(time=21, decay=decay, erase=erase, per_channel=per_channel), 8, torch.float64)


@relaxed
@given(case=cases(), chunk_size=st.integers(1, 26))
def test_float64(case, chunk_size):
    check(case, chunk_size, torch.float64)


@relaxed
@given(case=cases(), chunk_size=st.integers(1, 26))
def test_float32(case, chunk_size):
    check(case, chunk_size, torch.float32)


@relaxed
@given(case=cases(packed=True), chunk_size=st.integers(1, 8))
def test_packed_sequences(case, chunk_size):
    check(case, chunk_size, torch.float64)
