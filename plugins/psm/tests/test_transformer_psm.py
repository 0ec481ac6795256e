"""Transformer-PSM held to a transcription of its definition, and to such a model's invariants."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils import _pytree as pytree

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.model import build_model
from seqzoo.model.mixer import state_elements
from seqzoo.scan import PrefixCounter, prefix_scan
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS = 16, 2


def bracketed(aggregate: Any, items: list[Any]) -> Any:
    """Complete trees by the 1-bits of the number of items, largest first, folded; None of none."""

    def tree(part: list[Any]) -> Any:
        middle = len(part) // 2
        return part[0] if len(part) == 1 else aggregate(tree(part[:middle]), tree(part[middle:]))

    prefix, begin = None, 0
    for bit in reversed(range(len(items).bit_length())):
        if len(items) >> bit & 1:
            root = tree(items[begin : begin + 2**bit])
            prefix = root if prefix is None else aggregate(prefix, root)
            begin += 2**bit
    return prefix


def transformer(p: dict[str, Tensor], name: str, x: Tensor, heads: int, causal: bool) -> Tensor:
    """Pre-norm layers and a final norm over x (B, n, D)."""
    width, number = x.shape[-1], 0
    while f"{name}.layers.{number}.norm.weight" in p:
        own = f"{name}.layers.{number}"

        def linear(part: str, x: Tensor, own: str = own) -> Tensor:
            return F.linear(x, p[f"{own}.{part}.weight"], p[f"{own}.{part}.bias"])

        def norm(part: str, x: Tensor, own: str = own) -> Tensor:
            return F.layer_norm(x, (width,), p[f"{own}.{part}.weight"], p[f"{own}.{part}.bias"])

        q = linear("query", norm("norm", x))
        k, v = linear("key_value", norm("norm", x)).split(width, -1)
        reads = []
        for h in range(heads):
            own_head = slice(h * width // heads, (h + 1) * width // heads)
            scores = q[..., own_head] @ k[..., own_head].mT * (width // heads) ** -0.5
            if causal:
                above = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
                scores = scores.masked_fill(above, -torch.inf)
            reads.append(scores.softmax(-1) @ v[..., own_head])
        x = x + linear("project", torch.cat(reads, -1))
        x = x + linear("down", F.gelu(linear("up", norm("mlp_norm", x))))
        number += 1
    return F.layer_norm(x, (width,), p[f"{name}.norm.weight"], p[f"{name}.norm.bias"])


def literal(mixer: Any, x: Tensor, heads: int, causal: bool = False) -> Tensor:
    """x (B, T, D) -> y: RH(GPT_causal([s_{i-1} | x_i])), s by RH(GPT([older | newer]))."""
    p, size = dict(mixer.named_parameters()), mixer.chunk
    leaves, outputs = [], []

    def aggregate(older: Tensor, newer: Tensor) -> Tensor:
        return transformer(p, "aggregator", torch.cat((older, newer), 1), heads, causal)[:, size:]

    for begin in range(0, x.shape[1], size):
        rows = x[:, begin : begin + size]
        rows = rows + p["encoder.positions"][: rows.shape[1]]
        prefix = bracketed(aggregate, leaves)
        if prefix is None:
            prefix = p["aggregator.first"].expand(len(x), -1, -1)
        both = torch.cat((prefix, rows), 1)
        outputs.append(transformer(p, "inference", both, heads, True)[:, prefix.shape[1] :])
        leaves.append(rows)
    return torch.cat(outputs, 1)


def layer(chunk: int = 4, layers: int = 1, causal: bool = False, **aggregator: Any) -> Any:
    torch.manual_seed(0)
    spec = {
        "type": "transformer_psm",
        "chunk": chunk,
        "aggregator": {"heads": HEADS, "layers": layers, "causal": causal, **aggregator},
        "inference": {"heads": HEADS, "layers": layers},
    }
    mixer = seqzoo.build_mixer(spec, WIDTH, REGISTRY).double().eval()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return mixer


def inputs(length: int, batch: int = 2, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(length)
    x = torch.randn(batch, length, WIDTH, generator=generator, dtype=torch.float64)
    return x.to(dtype)


def stepped(mixer: Any, x: Tensor) -> Tensor:
    state, outputs = mixer.initial_state(len(x)), []
    for t in range(x.shape[1]):
        y, state = mixer.step(x[:, t], state)
        outputs.append(y)
    return torch.stack(outputs, 1)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("chunk", "layers", "length"), [(1, 1, 13), (4, 2, 30), (4, 1, 3), (4, 1, 4)]
)
def test_it_is_its_definition(chunk: int, layers: int, length: int, causal: bool) -> None:
    """Static and streamed, gradients too; a ragged last chunk, n < c, n = c and c = 1."""
    mixer, x = layer(chunk, layers, causal), inputs(length).requires_grad_()
    weights = torch.linspace(0.5, 1.5, x.numel(), dtype=torch.float64).view_as(x)
    expected, *others = (
        (y, *torch.autograd.grad((weights * y).sum(), [x, *mixer.parameters()], allow_unused=True))
        for y in (literal(mixer, x, HEADS, causal), mixer(x)[0], stepped(mixer, x))
    )
    for found in others:
        for mine, right in zip(found, expected, strict=True):
            if (
                right is not None and float(right.detach().abs().max()) > 1e-12
            ):  # a key's bias has none
                assert error_ratio(mine, right) < 1e-10


def test_with_one_layer_and_chunks_of_one_causal_and_bidirectional_are_one() -> None:
    both = [layer(1, 1, causal)(inputs(9))[0] for causal in (False, True)]
    assert error_ratio(*both) < 1e-12
    apart = [layer(4, 1, causal)(inputs(19))[0] for causal in (False, True)]
    assert error_ratio(*apart) > 1e-4


def test_static_and_streamed_agree_in_float32() -> None:
    """At every token to 1e-5: batched and single products round differently."""
    mixer, x = layer(4, 2).float(), inputs(50, dtype=torch.float32)
    with torch.no_grad():
        assert float((mixer(x)[0] - stepped(mixer, x)).abs().max()) < 1e-5


def test_no_token_sees_a_later_one_though_the_aggregator_looks_both_ways() -> None:
    mixer, x = layer(4), inputs(22, 1).requires_grad_()
    y, _ = mixer(x)
    for t in range(22):
        (gradient,) = torch.autograd.grad(y[:, t].sum(), x, retain_graph=True)
        assert not bool(gradient[:, t + 1 :].any())
        assert bool(gradient[:, : t + 1].any(-1).all())


def test_a_changed_token_changes_no_earlier_output() -> None:
    """Bit for bit, and it changes its own."""
    mixer, x = layer(4), inputs(22, 1)
    with torch.no_grad():
        y, _ = mixer(x)
        for j in range(22):
            changed = x.clone()
            changed[:, j] += 1.0
            z, _ = mixer(changed)
            assert torch.equal(z[:, :j], y[:, :j])
            assert not torch.equal(z[:, j], y[:, j])


def test_what_fills_up_a_chunk_is_never_read() -> None:
    mixer, x = layer(4), inputs(22)
    padded = torch.cat((x, torch.full_like(x[:, :10], torch.nan)), 1)
    assert error_ratio(mixer(padded)[0][:, :22], mixer(x)[0]) < 1e-14


def test_a_state_is_saved_and_goes_on_within_a_chunk() -> None:
    mixer, x = layer(4), inputs(27)
    with torch.no_grad():
        expected, _ = mixer(x)
        for cut in range(1, 27):
            _, state = mixer(x[:, :cut])
            leaves, kind = pytree.tree_flatten(state)
            state = pytree.tree_unflatten([each.clone() for each in leaves], kind)
            assert error_ratio(mixer(x[:, cut:], state)[0], expected[:, cut:]) < 1e-12


def test_the_softmax_aggregator_is_not_associative() -> None:
    """Left fold and tree differ: a chain in the tree's clothes would be found."""
    mixer, leaves = layer(4), inputs(5 * 4).unflatten(1, (5, 4))
    tree = prefix_scan(mixer.aggregator, leaves)
    fold = leaves[:, 0]
    for number in range(1, 5):
        fold = mixer.aggregator(fold, leaves[:, number])
    assert error_ratio(tree[:, 4], fold) > 1e-3


def test_4096_leaves_take_at_most_24_batched_calls() -> None:
    torch.manual_seed(0)
    spec = {"type": "transformer_psm", "chunk": 1, "aggregator": {"ratio": 0.25}}
    aggregator: Any = seqzoo.build_mixer(spec, 16, REGISTRY).aggregator
    calls, pairs = 0, 0

    def count(older: Tensor, newer: Tensor) -> Tensor:
        nonlocal calls, pairs
        calls, pairs = calls + 1, pairs + len(newer)
        return aggregator(older, newer)

    with torch.no_grad():
        prefix_scan(count, torch.randn(1, 4096, 1, 16))
    assert calls == 2 * 12 - 1  # the last level of the way down has nothing to add
    assert pairs == 2 * 4095 - 12


def test_the_state_grows_by_trees_only() -> None:
    """Two summaries of c d numbers for each doubling, and nothing else, up to 64K tokens."""
    mixer, seen, state, sizes = layer(4), 0, layer(4).initial_state(1), {}
    with torch.no_grad():
        for context in (4, 8, 1024, 8192, 65536):
            while seen < context:
                piece = min(8192, context - seen)
                _, state = mixer(inputs(piece, 1), state)
                seen += piece
            sizes[context] = state_elements(state)
            assert sizes[context] == mixer.state_size(context)
    for context, size in sizes.items():
        assert size - sizes[4] == (int(math.log2(context)) - 2) * 2 * 4 * WIDTH


@pytest.mark.parametrize("marks", [False, True])
def test_the_state_of_two_halves_depends_on_their_order(marks: bool) -> None:
    mixer = layer(4, marks=marks)
    a, b = inputs(8).split(4, 1)
    assert error_ratio(mixer.aggregator(a, b), mixer.aggregator(b, a)) > 1e-2


def test_every_token_is_scored_and_perplexity_counts_them() -> None:
    """Every token after the first, whatever the chunks: exp(nll / tokens), streamed and static."""
    torch.manual_seed(0)
    spec = {"width": WIDTH, "layers": 1, "mixer": {"type": "transformer_psm", "chunk": 4}}
    model = build_model(spec, REGISTRY, vocab_size=7).double().eval()
    tokens = torch.randint(7, (1, 23))
    with torch.no_grad():
        logits, _ = model(tokens)
        static = F.cross_entropy(logits[0, :-1], tokens[0, 1:], reduction="none")
        assert static.shape == (22,)
        state, streamed = model.initial_state(1), []
        for t in range(22):
            logits_t, state = model.step(tokens[:, t], state)
            streamed.append(F.cross_entropy(logits_t, tokens[:, t + 1]))
    assert error_ratio(torch.stack(streamed).mean().exp(), static.mean().exp()) < 1e-12


@pytest.mark.parametrize("recompute", [False, True])
def test_a_scan_compiles_whole(recompute: bool) -> None:
    """prefix_scan under torch.compile, with activation checkpointing by level and without."""
    mixer, leaves = layer(4), inputs(7 * 4).unflatten(1, (7, 4))

    def scan(leaves: Tensor) -> Tensor:
        return prefix_scan(mixer.aggregator, leaves, recompute=recompute)

    torch.compiler.reset()
    compiled = torch.compile(scan, backend="aot_eager", fullgraph=True)
    gradients = []
    for function in (compiled, scan):
        source = leaves.clone().requires_grad_()
        found = function(source)
        sources = [source, *mixer.aggregator.parameters()]
        gradients.append(torch.autograd.grad(found.sin().sum(), sources, allow_unused=True))
    torch.compiler.reset()
    for mine, right in zip(*gradients, strict=True):
        if right is not None:
            assert error_ratio(mine, right) < 1e-10


def test_a_counter_streams_the_aggregator() -> None:
    mixer, leaves = layer(4), inputs(9 * 4).unflatten(1, (9, 4))
    counter = PrefixCounter(mixer.aggregator)
    found = torch.stack([counter.push(leaves[:, i]) for i in range(9)], 1)
    assert error_ratio(found, prefix_scan(mixer.aggregator, leaves)) < 1e-12


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ({"type": "transformer_psm", "aggregator": {"heads": 3}}, "aggregator 'softmax'"),
        ({"type": "transformer_psm", "inference": {"heads": 3}}, "inference 'softmax'"),
        ({"type": "affine_psm", "aggregator": {"heads": 3}}, "aggregator 'affine'"),
    ],
)
def test_heads_that_do_not_divide_the_width_are_refused(spec: dict[str, Any], part: str) -> None:
    with pytest.raises(SpecError, match=f"^(mixer: )?{part}: 3 heads do not divide the width"):
        seqzoo.build_mixer(spec, 16, REGISTRY)
