"""Affine maps: the monoid's laws, and the models of the affine family, equal to the shared scan.

Each row of the table gives E_t and f_t of one model by its formula, here, and as a transition and
writes to `seqzoo.scan.scan`; reads from a start state that is not zero must agree.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

import seqzoo
from seqzoo.scan import Erase, Transition, Writes, elementwise_scan, prefix_scan, scan
from seqzoo.testing import error_ratio
from seqzoo_psm import DenseAction, DiagonalAction, HouseholderAction, ScalarAction
from seqzoo_psm.aggregators.affine import AffineMap, compose
from seqzoo_psm.aggregators.max_plus import MaxPlusAggregator, MaxPlusMap
from seqzoo_psm.folding import fold_tokens

REGISTRY = seqzoo.load_registry()
B, T, H, K, V = 2, 13, 2, 4, 3
generator = torch.Generator().manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def uniform(*shape: int) -> Tensor:
    return torch.rand(shape, generator=generator, dtype=torch.float64)


Q, KEYS, VALUES, START = normal(B, T, H, K), normal(B, T, H, K), normal(B, T, H, V), normal(H, K, V)
UNIT = KEYS / KEYS.norm(dim=-1, keepdim=True)
HEAD, CHANNEL, STRENGTH = -uniform(B, T, H), -uniform(B, T, H, K), uniform(B, T, H)
CONSTANT = torch.tensor([0.9, 0.97], dtype=torch.float64).log().expand(B, T, H)
RATES = uniform(B, T, H, K)
EYE = torch.eye(K, dtype=torch.float64)
FEATURES = torch.nn.functional.elu(KEYS) + 1
WEIGHT = KEYS.sum(-1).exp()  # of an exponential gate


def erased(strength: Tensor) -> Tensor:
    """I - beta k k^T with unit keys."""
    return EYE - strength[..., None, None] * UNIT.unsqueeze(-1) * UNIT.unsqueeze(-2)


ROWS: dict[str, tuple[Any, Tensor, Tensor, Tensor, Transition]] = {
    # action, E, keys, values, and the same as a transition
    "linear attention": (ScalarAction, 0 * HEAD[..., None], FEATURES, VALUES, Transition()),
    "RetNet": (ScalarAction, CONSTANT[..., None], KEYS, VALUES, Transition(CONSTANT)),
    "Mamba-2": (
        ScalarAction,
        (2 * HEAD)[..., None],
        KEYS,
        STRENGTH[..., None] * VALUES,
        Transition(2 * HEAD),
    ),
    "mLSTM": (
        ScalarAction,
        HEAD[..., None],
        KEYS,
        WEIGHT[..., None] * VALUES,
        Transition(HEAD),
    ),
    "gated RFA": (
        ScalarAction,
        HEAD[..., None],
        FEATURES,
        (1 - HEAD.exp())[..., None] * VALUES,
        Transition(HEAD),
    ),
    "GLA": (DiagonalAction, CHANNEL, KEYS, VALUES, Transition(CHANNEL)),
    "HGRN2": (DiagonalAction, CHANNEL, 1 - CHANNEL.exp(), VALUES, Transition(CHANNEL)),
    "RWKV-6": (DiagonalAction, CHANNEL, KEYS, VALUES, Transition(CHANNEL)),
    "RWKV-7": (
        DenseAction,
        torch.diag_embed(CHANNEL.exp()) - (RATES * UNIT).unsqueeze(-1) * UNIT.unsqueeze(-2),
        KEYS,
        VALUES,
        Transition(CHANNEL, Erase(UNIT, write=-RATES * UNIT, before_decay=True)),
    ),
    "DeltaNet": (
        HouseholderAction,
        erased(STRENGTH),
        UNIT,
        STRENGTH[..., None] * VALUES,
        Transition(erase=Erase(strength=STRENGTH)),
    ),
    "gated DeltaNet": (
        DenseAction,
        HEAD.exp()[..., None, None] * erased(STRENGTH),
        UNIT,
        STRENGTH[..., None] * VALUES,
        Transition(HEAD, Erase(strength=STRENGTH)),
    ),
    "Kimi delta attention": (
        DenseAction,
        erased(STRENGTH) @ torch.diag_embed(CHANNEL.exp()),
        UNIT,
        STRENGTH[..., None] * VALUES,
        Transition(CHANNEL, Erase(strength=STRENGTH)),
    ),
}


@pytest.mark.parametrize("model", ROWS)
def test_a_model_of_the_table_is_the_shared_scan(model: str) -> None:
    action, factor, keys, values, transition = ROWS[model]
    maps = AffineMap(factor, keys.unsqueeze(-1) * values.unsqueeze(-2))
    start = AffineMap(action.identity(START), START)
    states = prefix_scan(partial(compose, action), maps, start).offset
    reads = torch.einsum("bthkv,bthk->bthv", states, Q)
    writes = Writes(keys.unsqueeze(2), values.unsqueeze(2))
    state = START.mT.expand(B, H, V, K).contiguous()
    expected = scan(Q, transition, writes, state, backend="reference")
    assert error_ratio(reads, expected.outputs) < 1e-12
    assert error_ratio(states[:, -1].mT, expected.state) < 1e-12


@pytest.mark.parametrize("model", ["S4", "S6", "RWKV-4"])
def test_an_elementwise_model_of_the_table_is_the_elementwise_scan(model: str) -> None:
    """x (N a channel), its diagonal factor constant (S4, RWKV-4) or of the token (S6)."""
    decay = CHANNEL if model == "S6" else CHANNEL[:1, :1].expand(B, T, H, K)
    added = KEYS.exp() if model == "RWKV-4" else KEYS
    maps = AffineMap(decay, added.unsqueeze(-1))
    start = AffineMap(DiagonalAction.identity(START[..., :1]), START[..., :1])
    found = prefix_scan(partial(compose, DiagonalAction), maps, start).offset.squeeze(-1)
    state = START[..., 0].flatten().expand(B, -1)
    expected, _ = elementwise_scan(decay.flatten(2), added.flatten(2), state)
    assert error_ratio(found.flatten(2), expected) < 1e-12


def test_normalised_linear_attention_is_two_columns_more() -> None:
    """(S, z) with z = sum of k: values with a column of ones; so mLSTM's and gated RFA's n."""
    ones = torch.cat((VALUES, torch.ones_like(VALUES[..., :1])), -1)
    maps = AffineMap(HEAD[..., None], FEATURES.unsqueeze(-1) * ones.unsqueeze(-2))
    states = prefix_scan(partial(compose, ScalarAction), maps).offset
    read = torch.einsum("bthkv,bthk->bthv", states, Q.abs())
    weights = torch.einsum("bthk,bshk->bhts", Q.abs(), FEATURES).tril()
    decay = HEAD.cumsum(1).transpose(1, 2)
    weights = weights * (decay.unsqueeze(-1) - decay.unsqueeze(-2)).exp()
    expected = torch.einsum("bhts,bshv->bthv", weights / weights.sum(-1, keepdim=True), VALUES)
    assert error_ratio(read[..., :-1] / read[..., -1:], expected) < 1e-12


@pytest.mark.parametrize("model", ["GLA", "RetNet", "DeltaNet", "gated DeltaNet"])
def test_the_laws_of_the_monoid(model: str) -> None:
    """Associative, both identities, and an action that is additive and goes with composition."""
    action, factor, keys, values, _ = ROWS[model]
    offset = keys.unsqueeze(-1) * values.unsqueeze(-2)
    a, b, c = (AffineMap(factor[:, t], offset[:, t]) for t in range(3))
    both = partial(compose, action)
    identity = AffineMap(action.identity(offset[:, 0]), torch.zeros_like(offset[:, 0]))
    for left, right in (
        (both(both(a, b), c), both(a, both(b, c))),
        (both(identity, a), a),
        (both(a, identity), a),
    ):
        assert error_ratio(left.factor, right.factor) < 1e-13
        assert error_ratio(left.offset, right.offset) < 1e-13
    s, t = offset[:, 3], offset[:, 4]
    assert (
        error_ratio(action.act(a.factor, s + t), action.act(a.factor, s) + action.act(a.factor, t))
        < 1e-13
    )
    composed = action.act(action.compose(a.factor, b.factor), s)
    assert error_ratio(composed, action.act(b.factor, action.act(a.factor, s))) < 1e-13
    assert torch.equal(action.act(identity.factor, s), s)


def test_the_order_of_maps_that_do_not_commute() -> None:
    action, factor, *_ = ROWS["gated DeltaNet"]
    swapped = action.compose(factor[:, 1], factor[:, 0])
    assert error_ratio(action.compose(factor[:, 0], factor[:, 1]), swapped) > 1e-2


@pytest.mark.parametrize("tokens", [1, 2, 5, 8])
def test_a_chunk_is_its_tokens_one_after_another(tokens: int) -> None:
    action, factor, keys, values, _ = ROWS["DeltaNet"]
    maps = AffineMap(factor[:, :tokens], (keys.unsqueeze(-1) * values.unsqueeze(-2))[:, :tokens])
    folded = fold_tokens(partial(compose, action), maps)
    state = START
    for t in range(tokens):
        state = factor[:, t] @ state + maps.offset[:, t]
    assert error_ratio(folded.factor @ START + folded.offset, state) < 1e-13


@pytest.mark.parametrize("name", ["scalar", "diagonal", "householder", "dense"])
def test_no_action_makes_a_state_longer(name: str) -> None:
    torch.manual_seed(0)
    spec = {"type": "affine_psm", "aggregator": {"heads": 2, "action": name}}
    aggregator: Any = seqzoo.build_mixer(spec, 16, REGISTRY).double().aggregator
    rows = 3 * normal(7, 4, 16)
    factor = aggregator.action(rows)
    state = normal(7, 4, 2, 8, 8)
    acted = aggregator.action.act(factor, state)
    norms = [torch.linalg.matrix_norm(x, ord=2) for x in (acted, state)]
    assert bool((norms[0] <= norms[1] + 1e-12).all())


def test_the_layer_streams_one_state_from_a_learned_start() -> None:
    torch.manual_seed(0)
    spec = {"type": "affine_psm", "chunk": 4, "action": "householder"}
    mixer: Any = seqzoo.build_mixer(spec, 16, REGISTRY).double()
    assert mixer.state_size(0) == mixer.state_size(10_000)
    x = normal(2, 12, 16)
    _, state = mixer(x)
    rows = mixer.encoder(x, torch.arange(12) % 4)
    aggregator = mixer.aggregator
    factor = aggregator.action(rows)
    expected = aggregator.initial
    for t in range(12):
        key = aggregator.key(rows[:, t]).unflatten(-1, aggregator.shape) * 16**-0.5
        value = aggregator.value(rows[:, t]).unflatten(-1, aggregator.shape)
        expected = factor[:, t] @ expected + key.unsqueeze(-1) * value.unsqueeze(-2)
    assert error_ratio(state["state"].prefix.offset, expected) < 1e-12


def test_max_plus_is_the_running_maximum() -> None:
    spec = REGISTRY.spec("aggregator", "max_plus")
    shift, level, start = -uniform(B, T, K), normal(B, T, K), normal(K)
    part: Any = MaxPlusAggregator
    found = prefix_scan(
        partial(part.forward, None), MaxPlusMap(shift, level), MaxPlusMap(0 * start, start)
    ).level
    maximum = start
    for t in range(T):
        maximum = torch.maximum(maximum + shift[:, t], level[:, t])
        assert torch.allclose(found[:, t], maximum, rtol=0, atol=1e-13)
    assert spec.part is MaxPlusAggregator


@pytest.mark.parametrize("action", ["scalar", "diagonal", "dense", "householder"])
def test_states_add_up_in_float32_in_half_precision(action: str) -> None:
    """1,024 tokens, one a leaf, of maps near the identity: bfloat16 has no number between
    0.996 and 1."""
    torch.manual_seed(0)
    aggregator = {"type": "affine", "action": action}
    spec = {"type": "affine_psm", "aggregator": aggregator}
    mixer, x = seqzoo.build_mixer(spec, 16, REGISTRY), torch.randn(1, 1024, 16)
    with torch.no_grad():
        for name, parameter in mixer.named_parameters():
            if name.endswith(("action.decay.bias",)):
                parameter.fill_(9.0)
            if name.endswith("action.strength.bias"):
                parameter.fill_(-6.0)
        _, right = mixer(x)
        with torch.autocast("cpu", torch.bfloat16):
            _, under = mixer(x)
        _, half = mixer.bfloat16()(x.bfloat16())
    for found in (under, half):
        leaves = zip(tree_leaves(found), tree_leaves(right), strict=True)
        states = [(x, y) for x, y in leaves if torch.is_tensor(y) and y.shape[-2:] == (16, 16)]
        assert states  # the others hold the tokens of a chunk
        for state, expected in states:
            assert state.dtype == torch.float32
            assert error_ratio(state, expected) < 0.02
