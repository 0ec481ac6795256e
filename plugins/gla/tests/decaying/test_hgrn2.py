"""HGRN2 against its recurrence, written out token by token, and its bounds over layers."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.operators import Handed, Place, Stream

from .transcription import Weights, agrees, gain_normed

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS, K = 16, 2, 8
SPEC = {"type": "hgrn2", "heads": HEADS}


def hgrn2(weights: Weights, x: Tensor, bound: Tensor | float = 0.0) -> Tensor:
    """S = S Diag(f) + i (1 - f)^T, f = b + (1 - b) sigmoid(W x), o = S silu(W x) / sqrt(K)."""
    q = F.silu(x @ weights["queries.project.weight"].T).view(len(x), HEADS, K)
    f = bound + (1 - bound) * torch.sigmoid(x @ weights["injection.project.weight"].T)
    f = f.view(len(x), HEADS, K)
    i = (x @ weights["injection.value.project.weight"].T).view(len(x), HEADS, K)
    state = [torch.zeros(K, K, dtype=x.dtype) for _ in range(HEADS)]
    rows = []
    for t in range(len(x)):
        heads = []
        for h in range(HEADS):
            state[h] = state[h] * f[t, h] + torch.outer(i[t, h], 1 - f[t, h])
            heads.append(state[h] @ q[t, h] * K**-0.5)
        normed = gain_normed(torch.cat(heads), weights["readout.norm.weight"])
        rows.append(weights["readout.project.weight"] @ normed)
    return torch.stack(rows)


def test_it_is_the_published_recurrence() -> None:
    torch.manual_seed(0)
    agrees(seqzoo.build_mixer(SPEC, WIDTH, REGISTRY).double(), hgrn2)


def test_bounds_rise_over_layers_and_belong_to_the_first() -> None:
    torch.manual_seed(0)
    spec = REGISTRY.spec("mixer", SPEC)
    layers = [spec.build(Place(WIDTH, n, 3, n, 3)).double() for n in range(3)]
    logits = layers[0].get_parameter("injection.bounds.weight")
    with torch.no_grad():
        logits.normal_()
    assert not any("bounds" in name for name, _ in layers[2].named_parameters())
    shares = logits.exp() / logits.exp().sum(0)
    x = torch.randn(1, 9, WIDTH, dtype=torch.float64)
    handed = None
    for n, bound in enumerate((0.0, shares[1], shares[1] + shares[2])):
        stream = Stream.over(x, handed=handed)
        found = layers[n].mix(x, stream)[0]
        handed = stream.handed()
        expected = hgrn2(dict(layers[n].named_parameters()), x[0], bound)
        torch.testing.assert_close(found, expected)


def test_a_layer_whose_bounds_nobody_made_says_so() -> None:
    mixer = REGISTRY.spec("mixer", SPEC).build(Place(WIDTH, 1, 2, 1, 2))
    stream = Stream.over(torch.zeros(1, 3, WIDTH), handed=Handed({}, {}))
    with pytest.raises(SpecError, match="lower_bounds: false"):
        mixer.mix(torch.zeros(1, 3, WIDTH), stream)
    spec = {**SPEC, "lower_bounds": False}
    alone = REGISTRY.spec("mixer", spec).build(Place(WIDTH, 1, 2, 1, 2))
    assert alone(torch.ones(1, 3, WIDTH))[0].isfinite().all()


def test_a_tied_decay_needs_an_injection_that_makes_one() -> None:
    with pytest.raises(SpecError, match="'rank_one' makes none; use an injection such as"):
        seqzoo.build_mixer({"type": "recurrent", "forget": "tied"}, WIDTH, REGISTRY)


def test_strong_gates_keep_gradients_finite() -> None:
    """f rounds to 0 and to 1 in float32, where log(1 - k) would be -inf and its slope NaN."""
    torch.manual_seed(0)
    mixer = seqzoo.build_mixer(SPEC, WIDTH, REGISTRY)
    x = (200 * torch.randn(1, 9, WIDTH)).requires_grad_()
    mixer(x)[0].sum().backward()
    for tensor in (x, *mixer.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
