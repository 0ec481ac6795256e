"""A trace against the equations, written out with its own tensors."""

from dataclasses import replace

import pytest
import torch

from seqzoo.probe import Trace

DELTA = {"type": "rank_one", "key": {"norm": "unit"}, "strength": "sigmoid"}
GATED = {"type": "recurrent", "heads": 2, "injection": DELTA, "forget": "gated_delta"}


def test_one_trace_a_layer_with_a_memory(subject) -> None:
    assert [trace.layer for trace in subject(GATED, layers=3).traces] == [0, 1, 2]
    assert subject("attention").traces == []


def test_transitions_are_the_matrices_of_the_forget(subject) -> None:
    (trace,) = subject(GATED).traces
    found = trace.transitions()
    alpha = trace.transition.log_decay.exp()
    for n, t, h in [(0, 0, 0), (2, 11, 1), (1, 5, 0)]:
        key, beta = trace.writes.keys[n, t, 0, h], trace.writes.strengths[n, t, 0, h]
        expected = alpha[n, t, h] * (torch.eye(4).double() - beta * torch.outer(key, key))
        torch.testing.assert_close(found[n, t, h], expected)


def test_injections_are_outer_products(subject) -> None:
    (trace,) = subject(GATED).traces
    writes = trace.writes
    found = trace.injections()
    expected = writes.strengths[1, 7, 0, 1] * torch.outer(
        writes.values[1, 7, 0, 1], writes.keys[1, 7, 0, 1]
    )
    torch.testing.assert_close(found[1, 7, 1], expected)


def test_key_heads_are_shared(subject) -> None:
    (trace,) = subject(GATED).traces
    shared = replace(trace.writes, keys=trace.writes.keys[:, :, :, :1])
    expected = torch.einsum(
        "ntrh,ntrhv,ntrk->nthvk", shared.strengths, shared.values, shared.keys[:, :, :, 0]
    )
    torch.testing.assert_close(replace(trace, writes=shared).injections(), expected)


@pytest.mark.parametrize("mixer", [GATED, {"type": "recurrent", "forget": "channel_decay"}])
def test_states_follow_transition_and_injection(subject, mixer) -> None:
    (trace,) = subject(mixer).traces
    assert isinstance(trace, Trace)
    transitions, injections = trace.transitions(), trace.injections()
    state = torch.zeros_like(injections[:, 0])
    states = list(trace.states())
    assert len(states) == trace.length
    for t, (before, after) in enumerate(states):
        torch.testing.assert_close(before, state, rtol=1e-10, atol=1e-12)
        state = state @ transitions[:, t] + injections[:, t]
        torch.testing.assert_close(after, state, rtol=1e-10, atol=1e-12)


def test_the_anchor_is_traced(subject) -> None:
    (trace,) = subject({"type": "recurrent", "anchor": "ema"}).traces
    assert trace.x is not None
    assert trace.u is not None
    assert trace.x.shape == trace.u.shape == (3, 12, 8)
    torch.testing.assert_close(trace.u[:, 0], 0.5 * trace.x[:, 0])
