"""RWKV-7 against its published equations, token by token, over two layers that share values."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.model import Mixer
from seqzoo.operators import Place, Stream
from seqzoo.testing import error_ratio
from seqzoo.train.groups import parameter_groups

from .transcript import REGISTRY, Weights

HEADS, SIZE, WIDTH = 2, 8, 16


def shifted(x: Tensor, mix: Tensor) -> Tensor:
    before = torch.cat([torch.zeros_like(x[:1]), x[:-1]])
    return x + (before - x) * mix


def low_rank(weights: Weights, name: str, x: Tensor) -> tuple[Tensor, Tensor]:
    return x @ weights[f"{name}.down.weight"].T, weights[f"{name}.up.weight"].T


def time_mix(weights: Weights, x: Tensor, first: Tensor | None) -> tuple[Tensor, Tensor]:
    """x (T, D), the first layer's values (T, D) -> y (T, D), the values this layer made."""
    for_key, for_value, for_rate = (
        shifted(x, mix) for mix in weights["injection.shift.mix"].unbind()
    )
    r = shifted(x, weights["queries.shift.mix"][0]) @ weights["queries.project.weight"].T
    k = for_key @ weights["injection.key.weight"].T
    v = made = for_value @ weights["injection.value.weight"].T
    hidden, up = low_rank(weights, "injection.rate", for_rate)
    a = torch.sigmoid(weights["injection.rate_base"] + hidden @ up)
    hidden, up = low_rank(
        weights, "forget.decay.low_rank", shifted(x, weights["forget.decay.shift.mix"][0])
    )
    logits = weights["forget.decay.base"] + torch.tanh(hidden) @ up
    w = torch.exp(-torch.exp(-F.softplus(-logits) - 0.5))
    if first is not None:
        hidden, up = low_rank(weights, "injection.residual", for_value)
        v = v + (first - v) * torch.sigmoid(weights["injection.residual_base"] + hidden @ up)
    kk = (k * weights["injection.removal"]).view(-1, HEADS, SIZE)
    kk = kk / kk.norm(dim=-1, keepdim=True)
    k = k * (1 + (a - 1) * weights["injection.tempered"])
    r, k, v, a, w = (each.view(-1, HEADS, SIZE) for each in (r, k, v, a, w))

    state = torch.zeros(HEADS, SIZE, SIZE, dtype=torch.float64)
    reads = []
    for t in range(len(x)):
        kept = torch.diag_embed(w[t]) - kk[t].unsqueeze(2) * (a[t] * kk[t]).unsqueeze(1)
        state = state @ kept + v[t].unsqueeze(2) * k[t].unsqueeze(1)
        reads.append((state @ r[t].unsqueeze(2)).squeeze(2))
    normed = F.group_norm(
        torch.stack(reads).flatten(1),
        HEADS,
        weights["readout.weight"],
        weights["readout.bias"],
        eps=SIZE * 1e-5,
    )
    bonus = (r * k * weights["readout.bonus"].view(HEADS, SIZE)).sum(-1, keepdim=True) * v
    hidden, up = low_rank(weights, "readout.gate", shifted(x, weights["readout.shift.mix"][0]))
    gate = torch.sigmoid(hidden) @ up
    return ((normed + bonus.flatten(1)) * gate) @ weights["readout.project.weight"].T, made


def layers(seed: int = 0) -> list[Mixer]:
    torch.manual_seed(seed)
    spec = REGISTRY.spec("mixer", {"type": "rwkv7", "heads": HEADS})
    mixers = [spec.build(Place(WIDTH, i, 2, i, 2)).double() for i in range(2)]
    with torch.no_grad():
        for mixer in mixers:
            for parameter in mixer.parameters():
                parameter += 0.2 * torch.randn_like(parameter)
    return mixers


def test_two_layers_are_their_equations() -> None:
    mixers = layers()
    x = torch.randn(1, 19, WIDTH, dtype=torch.float64, requires_grad=True)
    named = [dict(mixer.named_parameters()) for mixer in mixers]

    hidden, handed = x, None
    for mixer in mixers:
        stream = Stream.over(hidden, handed=handed)
        hidden = hidden + mixer.mix(hidden, stream)
        handed = stream.handed()
    expected, first = x[0], None
    for weights in named:
        y, made = time_mix(weights, expected, first)
        expected = expected + y
        first = made if first is None else first

    assert error_ratio(hidden[0], expected) < 1e-9
    loss = torch.randn_like(expected)
    sources = {"x": x}
    for index, weights in enumerate(named):
        sources |= {f"{index}.{name}": weight for name, weight in weights.items()}
    gradients = [
        torch.autograd.grad((y * loss).sum(), list(sources.values()), retain_graph=True)
        for y in (hidden[0], expected)
    ]
    for name, mine, theirs in zip(sources, *gradients, strict=True):
        assert error_ratio(mine, theirs) < 1e-9, name


def test_the_channel_mix_is_its_equation_and_carries_a_token() -> None:
    torch.manual_seed(0)
    mix = REGISTRY.spec("mlp", "rwkv7_channel_mix").build(Place(WIDTH, 1, 4)).double()
    with torch.no_grad():
        mix.value.weight.normal_()
    x = torch.randn(1, 9, WIDTH, dtype=torch.float64)
    hidden = F.relu(shifted(x[0], mix.shift.mix[0]) @ mix.key.weight.T)
    expected = hidden**2 @ mix.value.weight.T
    assert error_ratio(mix(x, Stream.over(x))[0], expected) < 1e-12
    state, pieces = None, []
    for piece in x.split([1, 4, 1, 3], dim=1):
        stream = Stream(1, state)
        pieces.append(mix(piece, stream))
        state = stream.after()
    assert error_ratio(torch.cat(pieces, dim=1)[0], expected) < 1e-12


def test_it_starts_as_its_author_asks() -> None:
    """Zeros, orthogonal matrices, mixes and decays by layer and channel."""
    torch.manual_seed(0)
    width, layer, of = 128, 1, 4
    spec = REGISTRY.spec("mixer", "rwkv7")
    mixer = spec.build(Place(width, layer, of, layer, of))
    weights = {name: each.detach() for name, each in mixer.named_parameters()}
    for name in ("injection.rate", "injection.residual", "forget.decay.low_rank", "readout.gate"):
        assert not weights[f"{name}.down.weight"].any()
        up = weights[f"{name}.up.weight"]
        product = up.T @ up if up.shape[0] >= up.shape[1] else up @ up.T
        torch.testing.assert_close(product, 0.01 * torch.eye(len(product)), atol=1e-5, rtol=0)
    for name in ("readout.project.weight", "readout.bonus", "injection.rate_base"):
        assert not weights[name].any()
    for name in ("injection.residual_base", "injection.removal", "injection.tempered"):
        assert bool((weights[name] == 1).all())
    for name, gain in (("queries.project", 1.0), ("injection.key", 0.1), ("injection.value", 1.0)):
        matrix = weights[f"{name}.weight"]
        expected = gain**2 * torch.eye(width)
        torch.testing.assert_close(matrix @ matrix.T, expected, atol=1e-5, rtol=0)
    for name, powers in (
        ("queries", [0.2]),
        ("injection", [0.7, 0.7, 0.9]),
        ("forget.decay", [0.9]),
        ("readout", [0.2]),
    ):
        for mix, power in zip(weights[f"{name}.shift.mix"], powers, strict=True):
            for c in (0, 5, 127):
                assert math.isclose(mix[c], 1 - (c / width) ** (power * 0.75), abs_tol=1e-6)
    for n in (0, 40, 63, 64, 127):
        z = (n % 64 - 31.5) / 31.5
        base = -6 + 6 * (n / 127) ** (1 + (1 / 3) ** 0.3) + 0.5 + 2.5 * z * abs(z)
        assert math.isclose(weights["forget.decay.base"][n], base, abs_tol=1e-5)
    torch.testing.assert_close(weights["readout.weight"], torch.full((width,), 0.5**0.7))
    ranks = {
        name: len(weights[f"{name}.down.weight"]) for name in ("injection.rate", "readout.gate")
    }
    assert ranks == {"injection.rate": 32, "readout.gate": 64}


def test_weight_decay_and_rates_are_the_authors() -> None:
    """Only receptance, key, value, output and the channel mix decay; w_0 learns twice as fast."""
    layer = {"mixer": "rwkv7", "mlp": "rwkv7_channel_mix"}
    model = seqzoo.build_model({"width": 16, "layers": [layer, layer]}, REGISTRY, vocab_size=5)
    groups = parameter_groups(model)
    decayed = {name.split(".", 2)[-1] for group in groups if group.decay for name in group.names}
    assert {name for name in decayed if "." in name} == {
        "mixer.queries.project.weight",
        "mixer.injection.key.weight",
        "mixer.injection.value.weight",
        "mixer.readout.project.weight",
        "mlp.key.weight",
        "mlp.value.weight",
    }
    fast = {name for group in groups if group.lr == 2.0 for name in group.names}
    assert fast == {f"blocks.{i}.mixer.forget.decay.base" for i in range(2)}
