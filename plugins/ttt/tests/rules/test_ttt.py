"""TTT against a literal transcription of its specification, token by token, gradients by autograd.

One sequence and one head at a time; the inner gradient is autograd's of the written-out loss, at
the mini-batch's first weights, and the outer gradient goes through it (second order).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils import _pytree as pytree

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.model import Mixer
from seqzoo.operators import Dims, Place
from seqzoo.scan import serial_scan
from seqzoo.testing import error_ratio
from seqzoo.train.groups import parameter_groups
from seqzoo_ttt import DotProduct, InnerLoss, LnReconstruction, Reconstruction, TttRule

from ..measuring import measured

REGISTRY = seqzoo.load_registry()
HEADS, WIDTH = 2, 16
SIZE = WIDTH // HEADS
MEMORIES = pytest.mark.parametrize("memory", ["linear", "mlp"])


def layer(memory: str, **rule: Any) -> Mixer:
    """TTT in float64, with parameters that all matter, those that start at 0 and 1 too."""
    torch.manual_seed(0)
    spec = {
        "type": f"ttt-{memory}",
        "heads": HEADS,
        "rule": {"mini_batch": 4, **rule},
    }
    mixer = seqzoo.build_mixer(spec, WIDTH, REGISTRY).double()
    with torch.no_grad():
        for name, parameter in mixer.named_parameters():
            strength = 0.05 if name.endswith("offsets") else 0.3
            parameter.add_(strength * torch.randn_like(parameter))
    return mixer


def turned(x: Tensor, place: int) -> Tensor:
    """Features 2i and 2i + 1 turned by the angle place / 10000^(2i/d), an angle in float32."""
    out = x.clone()
    frequencies = 10_000.0 ** -(torch.arange(len(x) // 2, dtype=torch.float32) / (len(x) // 2))
    for i in range(len(x) // 2):
        angle = place * frequencies[i]
        a, b = x[2 * i], x[2 * i + 1]
        cos, sin = angle.cos().double(), angle.sin().double()
        out[2 * i] = a * cos - b * sin
        out[2 * i + 1] = b * cos + a * sin
    return out


def literal(mixer: Mixer, x: Tensor, mini_batch: int = 4) -> Tensor:
    """The layer as the specification writes it: x (B, T, D) -> y (B, T, D)."""
    p: dict[str, Tensor] = dict(mixer.named_parameters())
    layers = ["only"] if "rule.memory.layers.only.weight" in p else ["0", "1"]
    depth = len(layers)
    base_rate = 1.0 if depth == 1 else 0.1

    def memory(weights: list[Tensor], row: Tensor) -> Tensor:
        for number in range(depth):
            row = F.gelu(row, approximate="tanh") if number else row
            row = row @ weights[2 * number] + weights[2 * number + 1]
        return row

    outputs = []
    for sequence in x:
        heads = []
        for h in range(HEADS):
            own = slice(h * SIZE, (h + 1) * SIZE)
            q, k, v = (
                sequence @ p[f"{name}.project.weight"][own].T
                for name in ("queries", "key", "value")
            )
            rate = sequence @ p["rule.optimizer.rate.weight"][h]
            gate = torch.sigmoid(rate + p["rule.optimizer.rate.bias"][h])
            scale, shift = p["rule.loss.scale"][h, 0], p["rule.loss.shift"][h, 0]
            weights = []
            for name in layers:
                weights.append(p[f"rule.memory.layers.{name}.weight"][h])
                weights.append(p[f"rule.memory.layers.{name}.bias"][h])
            sums = [torch.zeros_like(weight) for weight in weights]
            reads = []
            for t in range(len(sequence)):
                place = t % mini_batch
                key, query = turned(k[t], place), turned(q[t], place)
                normed = F.layer_norm(memory(weights, key), (SIZE,), scale, shift, 1e-6)
                loss = (normed - (v[t] - key)).square().sum() / 2
                slopes = torch.autograd.grad(loss, weights, create_graph=True)
                rate = base_rate * gate[t] / SIZE
                sums = [total + rate * slope for total, slope in zip(sums, slopes, strict=True)]
                factor = (1 / (place + 1) + p["rule.optimizer.offsets"][place]).clamp_min(0.0)
                moved = [w - factor * total for w, total in zip(weights, sums, strict=True)]
                z = memory(moved, query)
                reads.append(query + F.layer_norm(z, (SIZE,), scale, shift, 1e-6))
                if place == mini_batch - 1:
                    weights, sums = moved, [torch.zeros_like(weight) for weight in weights]
            heads.append(torch.stack(reads))
        joined = torch.cat(heads, -1)
        norm = F.layer_norm(
            joined, (WIDTH,), p["readout.norm.weight"], p["readout.norm.bias"], 1e-6
        )
        outputs.append(norm @ p["readout.project.weight"].T)
    return torch.stack(outputs)


def inputs(length: int, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(length)
    return torch.randn(batch, length, WIDTH, generator=generator, dtype=torch.float64)


def stepped(mixer: Mixer, x: Tensor) -> Tensor:
    state, outputs = mixer.initial_state(len(x)), []
    for t in range(x.shape[1]):
        y, state = mixer.step(x[:, t], state)
        outputs.append(y)
    return torch.stack(outputs, 1)


@MEMORIES
@pytest.mark.parametrize("length", [1, 4, 11])
def test_dual_and_primal_are_the_specification(memory: str, length: int) -> None:
    mixer, x = layer(memory), inputs(length)
    expected = measured(mixer, x, lambda x: literal(mixer, x))
    for form in (lambda x: mixer(x)[0], lambda x: stepped(mixer, x)):
        for mine, right in zip(measured(mixer, x, form), expected, strict=True):
            assert error_ratio(mine, right) < 1e-9


@MEMORIES
def test_mini_batches_of_sixteen_and_a_rest_agree_with_single_tokens(memory: str) -> None:
    """The published size, on a length that is no multiple of it; second-order gradients too."""
    mixer, x = layer(memory, mini_batch=16), inputs(37, batch=1)
    expected = measured(mixer, x, lambda x: stepped(mixer, x))
    for mine, right in zip(measured(mixer, x, lambda x: mixer(x)[0]), expected, strict=True):
        assert error_ratio(mine, right) < 1e-9


@MEMORIES
def test_pieces_and_documents_are_the_specification(memory: str) -> None:
    mixer, x = layer(memory), inputs(17, batch=1)

    def in_pieces(x: Tensor) -> Tensor:
        state, outputs = None, []
        for begin, end in pairwise((0, 3, 3, 8, 10, 17)):
            y, state = mixer(x[:, begin:end], state)
            outputs.append(y)
        return torch.cat(outputs, 1)

    bounds = [0, 6, 6, 17]

    def alone(x: Tensor) -> Tensor:
        return torch.cat([literal(mixer, x[:, a:b]) for a, b in pairwise(bounds) if a < b], 1)

    def packed(x: Tensor) -> Tensor:
        return mixer(x, cu_seqlens=torch.tensor(bounds))[0]

    for form, right in ((in_pieces, lambda x: literal(mixer, x)), (packed, alone)):
        pairs = zip(measured(mixer, x, form), measured(mixer, x, right), strict=True)
        for mine, expected in pairs:
            assert error_ratio(mine, expected) < 1e-9


@MEMORIES
def test_weights_move_at_the_end_of_a_mini_batch_only(memory: str) -> None:
    mixer, x = layer(memory), inputs(9)
    state, moved = mixer.initial_state(2), []
    before = pytree.tree_leaves(state["rule.state"]["weights"])
    for t in range(9):
        _, state = mixer.step(x[:, t], state)
        after = pytree.tree_leaves(state["rule.state"]["weights"])
        moved.append({not torch.equal(a, b) for a, b in zip(after, before, strict=True)})
        before = after
    assert moved == [{t % 4 == 3} for t in range(9)]  # all of them, or none
    assert state["rule.state"]["place"].tolist() == [1, 1]


@MEMORIES
def test_a_nan_reaches_later_tokens_and_no_earlier_one(memory: str) -> None:
    """Within a mini-batch too, in the gradient as in the outputs."""
    mixer, x = layer(memory), inputs(7)
    clean = mixer(x)[0]
    x[0, 5] = torch.nan
    x.requires_grad_()
    y = mixer(x)[0]
    assert torch.equal(y[0, :5], clean[0, :5])
    assert torch.equal(y[1], clean[1])
    assert bool(y[0, 5:].isnan().all())
    (gradient,) = torch.autograd.grad(y[1].sum(), x)
    assert bool(gradient[1].isfinite().all())


def test_the_loss_of_each_token_is_its_formula() -> None:
    torch.manual_seed(2)
    z, keys, values = torch.randn(3, 2, HEADS, 5, SIZE, dtype=torch.float64)
    dims = Dims(Place(WIDTH), HEADS, SIZE, SIZE)
    norm = torch.nn.functional.layer_norm(z, (SIZE,), eps=1e-6)
    formulas: dict[type[Any], Tensor] = {
        Reconstruction: torch.einsum("bhci,bhci->bhc", z - values, z - values) / 2,
        DotProduct: -torch.einsum("bhci,bhci->bhc", z, values),
        LnReconstruction: (norm - values + keys).pow(2).sum(3) / 2,
    }
    for loss, expected in formulas.items():
        part = loss(loss.Spec(type=loss.name), dims).double()
        found = part.value(z, keys, values)
        assert found.shape == (2, HEADS, 5)
        torch.testing.assert_close(found, expected)


def test_defaults_are_the_published_sizes() -> None:
    assert REGISTRY.spec("memory", "mlp").model_dump() == {"type": "mlp", "ratio": 4, "hidden": 1}
    assert REGISTRY.spec("rule", "ttt").model_dump(context={"complete": True}) == {
        "type": "ttt",
        "memory": {"type": "linear", "bias": True},
        "loss": {"type": "ln_reconstruction"},
        "optimizer": {"type": "sgd", "base_rate": 1.0},
        "mini_batch": 16,
        "rotary": True,
        "compile": False,
        "backend": "auto",
    }


def test_a_loss_without_a_closed_gradient_takes_autograds() -> None:
    class Open(LnReconstruction):
        name = "open"
        gradient = InnerLoss.gradient

    torch.manual_seed(0)
    closed = layer("mlp")
    rule = closed.rule
    assert isinstance(rule, TttRule)
    x = inputs(7)
    expected = measured(closed, x, lambda x: closed(x)[0])
    rule.loss.__class__ = Open
    for mine, right in zip(measured(closed, x, lambda x: closed(x)[0]), expected, strict=True):
        assert error_ratio(mine, right) < 1e-9
    with torch.no_grad():
        assert error_ratio(closed(x)[0], expected[0]) < 1e-9


def test_plain_reconstruction_token_by_token_is_the_delta_rule() -> None:
    """W k for the linear memory without its bias: S + eta (v - S k) k^T, S = W^T."""
    dims = Dims(Place(WIDTH), HEADS, SIZE, SIZE)
    spec = REGISTRY.spec(
        "rule", {"type": "ttt", "loss": "reconstruction", "mini_batch": 1, "rotary": False}
    )
    torch.manual_seed(0)
    rule = spec.build(dims).double()
    assert isinstance(rule, TttRule)
    q, k, v = torch.randn(3, 1, 9, HEADS, SIZE, dtype=torch.float64)
    rates = torch.rand(1, 9, HEADS, dtype=torch.float64) / 8
    tokens = {"queries": q, "keys": k, "values": v, "rates": rates}
    reads, _ = serial_scan(rule, tokens)
    memory = rule.memory.initial()["only"]
    k1, q1 = (torch.cat((x, torch.ones_like(x[..., :1])), -1) for x in (k, q))
    state = torch.cat((memory["weight"], memory["bias"][:, None]), 1).mT[None]
    for t in range(9):
        error = v[:, t] - torch.einsum("bhvk,bhk->bhv", state, k1[:, t])
        state = state + torch.einsum("bh,bhv,bhk->bhvk", rates[:, t], error, k1[:, t])
        expected = torch.einsum("bhvk,bhk->bhv", state, q1[:, t])
        assert error_ratio(reads[:, t], expected) < 1e-12


def test_sizes_that_do_not_fit_are_errors_in_words() -> None:
    with pytest.raises(SpecError, match="adds keys to values"):
        seqzoo.build_mixer({"type": "ttt-linear", "heads": 2, "key_size": 4}, 16, REGISTRY)
    odd = {"type": "ttt-linear", "heads": 2, "key_size": 3, "value_size": 3}
    with pytest.raises(SpecError, match="a key has 3: make key_size even"):
        seqzoo.build_mixer(odd, 16, REGISTRY)


@pytest.mark.parametrize("backend", ["reference", "triton"])
def test_what_has_nothing_to_compile_is_refused(backend: str) -> None:
    with pytest.raises(SpecError, match="make backend chunked, or compile false"):
        layer("linear", compile=True, backend=backend)


def test_weight_decay_leaves_biases_norms_and_rates_alone() -> None:
    """Those of a head each, which have two dimensions and more, too."""
    decayed = [group.names for group in parameter_groups(layer("mlp")) if group.decay]
    assert {name for names in decayed for name in names if name.startswith("rule")} == {
        "rule.memory.layers.0.weight",
        "rule.memory.layers.1.weight",
    }


@pytest.mark.filterwarnings("ignore:`torch.jit", "ignore:The .grad attribute")  # torch's own
def test_a_compiled_mini_batch_gives_the_same() -> None:
    """Two whole mini-batches and a part of one, by torch.compile's own code for the CPU."""
    x = inputs(10)
    eager = layer("linear", rotary=False)  # whose angles are float32, and rounded otherwise
    compiled = layer("linear", rotary=False, compile=True)
    torch.compiler.reset()
    found = measured(compiled, x, lambda x: compiled(x)[0])
    for mine, right in zip(found, measured(eager, x, lambda x: eager(x)[0]), strict=True):
        assert error_ratio(mine, right) < 1e-12
