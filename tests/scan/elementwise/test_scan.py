"""The element-wise scan against its own equation, token by token."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqzoo.scan import by_token, elementwise_scan
from seqzoo.testing import error_ratio

relaxed = settings(deadline=None, derandomize=True, max_examples=60)
LEVELS = torch.tensor([0.0, -0.01, -1.0, -30.0, -torch.inf], dtype=torch.float64)


def loop(log_decay, inputs, state, cu_seqlens=None):
    """h_t = exp(g_t) h_{t-1} + b_t, as it reads."""
    bounds = [0, inputs.shape[1]] if cu_seqlens is None else cu_seqlens.tolist()
    outputs, finals = [], []
    for n in range(len(bounds) - 1):
        hidden = state if cu_seqlens is None else state[n : n + 1]
        for t in range(bounds[n], bounds[n + 1]):
            hidden = log_decay[:, t].exp() * hidden + inputs[:, t]
            outputs.append(hidden)
        finals.append(hidden)
    outputs = torch.stack(outputs, dim=1) if outputs else torch.zeros_like(inputs)
    return outputs, torch.cat(finals)


def problem(seed, shape, num_states):
    generator = torch.Generator().manual_seed(seed)
    log_decay = LEVELS[torch.randint(len(LEVELS), shape, generator=generator)]
    inputs = torch.randn(shape, generator=generator, dtype=torch.float64)
    state = torch.randn((num_states, *shape[2:]), generator=generator, dtype=torch.float64)
    return log_decay, inputs, state


def check(tensors, cu_seqlens, dtype, tolerance):
    leaves = [x.to(dtype).requires_grad_() for x in tensors]
    exact = [x.detach().double().requires_grad_() for x in leaves]
    found = elementwise_scan(leaves[0], leaves[1], leaves[2], cu_seqlens)
    expected = loop(exact[0], exact[1], exact[2], cu_seqlens)
    for result, value in zip(found, expected, strict=True):
        assert error_ratio(result, value) < tolerance
    gradients = []
    for results, inputs_ in ((found, leaves), (expected, exact)):
        loss = results[0].double().sin().sum() + results[1].double().square().sum()
        gradients.append(torch.autograd.grad(loss, inputs_, materialize_grads=True))
    for gradient, value in zip(*gradients, strict=True):
        assert error_ratio(gradient, value) < tolerance


@relaxed
@given(
    seed=st.integers(0, 2**20),
    batch=st.integers(1, 3),
    time=st.integers(0, 40),
    trailing=st.sampled_from(((), (3,), (2, 3))),
    exact=st.booleans(),
)
def test_values_and_gradients(seed, batch, time, trailing, exact):
    dtype, tolerance = (torch.float64, 1e-12) if exact else (torch.float32, 1e-5)
    check(problem(seed, (batch, time, *trailing), batch), None, dtype, tolerance)


@relaxed
@given(seed=st.integers(0, 2**20), lengths=st.lists(st.integers(0, 12), min_size=1, max_size=5))
def test_packed_sequences(seed, lengths):
    cu_seqlens = torch.tensor([0, *lengths]).cumsum(0)
    shape = (1, sum(lengths), 2)
    check(problem(seed, shape, len(lengths)), cu_seqlens, torch.float64, 1e-12)


@pytest.mark.parametrize("lengths", [(), (7, 0, 1, 12)], ids=["batch", "packed"])
def test_wide_tokens(lengths, monkeypatch):
    """Of so many numbers that tokens follow each other."""
    monkeypatch.setattr(by_token, "WIDE", 6)
    cu_seqlens = torch.tensor([0, *lengths]).cumsum(0) if lengths else None
    shape, num_states = ((1, 20, 2, 3), 4) if lengths else ((3, 20, 2), 3)
    check(problem(2, shape, num_states), cu_seqlens, torch.float64, 1e-12)
    check(problem(2, shape, num_states), cu_seqlens, torch.float32, 1e-5)


@relaxed
@given(seed=st.integers(0, 2**20), time=st.integers(1, 30), data=st.data())
def test_splitting_anywhere_and_carrying_the_state(seed, time, data):
    log_decay, inputs, state = problem(seed, (2, time, 3), 2)
    cut = data.draw(st.integers(0, time))
    whole = elementwise_scan(log_decay, inputs, state)
    first = elementwise_scan(log_decay[:, :cut], inputs[:, :cut], state)
    second = elementwise_scan(log_decay[:, cut:], inputs[:, cut:], first.state)
    assert error_ratio(torch.cat((first.outputs, second.outputs), 1), whole.outputs) < 1e-13
    assert error_ratio(second.state, whole.state) < 1e-13


def test_log_decay_broadcasts_and_the_state_defaults_to_zero():
    _, inputs, _ = problem(0, (2, 9, 4), 2)
    log_decay = -torch.rand(1, 9, 1, dtype=torch.float64)
    expected = loop(log_decay.expand_as(inputs), inputs, torch.zeros(2, 4, dtype=torch.float64))
    found = elementwise_scan(log_decay, inputs)
    assert error_ratio(found.outputs, expected[0]) < 1e-13
    assert error_ratio(found.state, expected[1]) < 1e-13


def test_nan_in_one_packed_sequence_stays_there():
    log_decay, inputs, state = problem(1, (1, 12, 2), 3)
    cu_seqlens = torch.tensor([0, 4, 9, 12])
    expected = elementwise_scan(log_decay, inputs, state, cu_seqlens)
    inputs[:, 4:9] = torch.nan
    found = elementwise_scan(log_decay, inputs, state, cu_seqlens)
    keep = [0, 1, 2, 3, 9, 10, 11]
    assert torch.equal(found.outputs[:, keep], expected.outputs[:, keep])
    assert torch.equal(found.state[[0, 2]], expected.state[[0, 2]])


def test_half_precision_inputs_are_summed_in_float32():
    inputs = torch.ones(1, 1000, 1, dtype=torch.bfloat16)
    result = elementwise_scan(torch.zeros_like(inputs), inputs)
    assert result.outputs.dtype == torch.bfloat16
    assert result.state.item() == 1000.0  # bfloat16 alone would stop at 256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"log_decay": torch.zeros(2, 5, 4)}, r"log_decay must have the inputs' shape \(2, 5, 3\)"),
        ({"inputs": torch.zeros(2)}, r"inputs must have shape \(B, T, ...\), got \(2,\)"),
        ({"state": torch.zeros(2, 4)}, r"state must have shape \(2, 3\)"),
        ({"state": torch.zeros(2, 3).bfloat16()}, "float32 or wider"),
        ({"inputs": torch.zeros(2, 5, 3).long()}, "inputs must be floating-point"),
        ({"cu_seqlens": torch.tensor([0, 5])}, "cu_seqlens needs a batch of 1"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    arguments = {"log_decay": torch.zeros(2, 5, 3), "inputs": torch.zeros(2, 5, 3)} | change
    with pytest.raises(ValueError, match=message):
        elementwise_scan(**arguments)
