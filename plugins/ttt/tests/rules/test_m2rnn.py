"""M2RNN against a loop over its equation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.operators import Dims, Place, Stream
from seqzoo.scan import serial_scan
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()
HEADS, KEY, VALUE, WIDTH = 2, 4, 3, 8


def built() -> Any:
    torch.manual_seed(0)
    rule = REGISTRY.spec("rule", "m2rnn").build(Dims(Place(WIDTH), HEADS, KEY, VALUE)).double()
    with torch.no_grad():
        for parameter in rule.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return rule


def literal(rule: Any, q: Tensor, k: Tensor, v: Tensor, u: Tensor) -> Tensor:
    """One sequence and one head at a time; softplus written out."""
    outputs = []
    for b in range(len(q)):
        for h in range(HEADS):
            state = torch.zeros(KEY, VALUE, dtype=q.dtype)
            for t in range(q.shape[1]):
                raw = u[b, t] @ rule.forget.weight[h] + rule.forget.bias[h]
                f = torch.exp(-torch.exp(rule.log_rate[h]) * torch.log(1 + torch.exp(raw)))
                inner = state @ rule.transition[h] + torch.outer(k[b, t, h], v[b, t, h])
                state = f * state + (1 - f) * torch.tanh(inner)
                outputs.append(state.T @ q[b, t, h] + rule.skip[h] * v[b, t, h])
    return torch.stack(outputs).view(len(q), HEADS, -1, VALUE).transpose(1, 2)


def test_the_update_is_the_equation() -> None:
    rule, generator = built(), torch.Generator().manual_seed(1)
    shapes = ((HEADS, KEY), (HEADS, KEY), (HEADS, VALUE), (WIDTH,))
    leaves = [
        torch.randn(2, 7, *shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in shapes
    ]
    q, k, v, u = leaves
    tokens = {"queries": q, "keys": k, "values": v, **rule.inputs(u, Stream(2))}
    found = []
    for reads in (serial_scan(rule, tokens)[0], literal(rule, *leaves)):
        sources = [*leaves, *rule.parameters()]
        found.append([reads, *torch.autograd.grad(reads.sin().sum(), sources)])
    for mine, right in zip(*found, strict=True):
        assert error_ratio(mine, right) < 1e-11


def test_at_first_the_transition_is_the_identity() -> None:
    rule = REGISTRY.spec("rule", "m2rnn").build(Dims(Place(WIDTH), HEADS, KEY, VALUE))
    assert torch.equal(rule.transition, torch.eye(VALUE).expand(HEADS, -1, -1))
    assert bool((rule.skip == 1).all())


def test_at_first_heads_forget_at_rates_of_their_own() -> None:
    """exp(a) in [0, 16] and softplus(b) in [0.001, 0.1], as the published code draws them."""
    torch.manual_seed(0)
    rule = REGISTRY.spec("rule", "m2rnn").build(Dims(Place(WIDTH), 512, KEY, VALUE))
    with torch.no_grad():
        rates, steps = rule.log_rate.exp(), F.softplus(rule.forget.bias)
    assert 0.0 < float(rates.min()) < 1.0 < 15.0 < float(rates.max()) <= 16.0
    assert 0.001 <= float(steps.min()) < 0.002 < 0.05 < float(steps.max()) <= 0.1001


def test_queries_are_not_scaled() -> None:
    """As in the published layer: D v, which is added to the read, is not scaled either."""
    assert seqzoo.build_mixer("m2rnn", 128, REGISTRY).scale == 1.0
