"""The token loop against the dense one, and one token at a time."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqzoo.scan import Erase, ScanResult, Transition, Writes, scan, step

from .oracle import Case, cases, dense_loop, error_ratio, make_case, with_gradients

relaxed = settings(deadline=None, derandomize=True, max_examples=40)


def reference(case: Case) -> ScanResult:
    return scan(*case.arguments(), **case.options(), backend="reference")


def check(case: Case) -> None:
    expected, expected_gradients = with_gradients(case, dense_loop)
    found, gradients = with_gradients(case, reference)
    for name, value in expected.items():
        assert error_ratio(found[name], value) < 1e-12
    for name, gradient in expected_gradients.items():
        assert error_ratio(gradients[name], gradient) < 1e-12, name


@relaxed
@given(case=cases(max_time=8))
def test_values_and_gradients(case):
    check(case)


@relaxed
@given(case=cases(packed=True))
def test_packed_sequences(case):
    check(case)


def stepped(case: Case, backend: str) -> ScanResult:
    queries, transition, writes, state = case.arguments()
    outputs = []

    def at(tensor, t):
        return None if tensor is None else tensor[:, t]

    for t in range(queries.shape[1]):
        erase = transition.erase
        if erase is not None:
            erase = Erase(
                at(erase.read, t),
                at(erase.strength, t),
                at(erase.write, t),
                before_decay=erase.before_decay,
            )
        output, state = step(
            queries[:, t],
            Transition(at(transition.log_decay, t), erase),
            Writes(writes.keys[:, t], writes.values[:, t], at(writes.strengths, t)),
            state,
            scale=case.scale,
            backend=backend,
        )
        outputs.append(output)
    assert state is not None
    return ScanResult(torch.stack(outputs, dim=1), state)


@relaxed
@given(
    case=cases(max_time=6).filter(lambda c: c.tensors["queries"].shape[1] > 0),
    backend=st.sampled_from(("auto", "chunked", "reference")),
)
def test_stepping_is_scanning(case, backend):
    expected, found = dense_loop(case), stepped(case, backend)
    assert error_ratio(found.outputs, expected[0]) < 1e-12
    assert error_ratio(found.state, expected[1]) < 1e-12


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_the_state_is_float32_and_the_outputs_the_queries_dtype(dtype):
    case = make_case(time=3, state=False).to(dtype)
    for result in (reference(case), stepped(case, "auto")):
        assert result.outputs.dtype == dtype
        assert result.state.dtype == torch.float32
