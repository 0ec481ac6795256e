"""Attention against a softmax written out."""

import pytest
import torch

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.operators.rotary import rotate

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS, LENGTH = 16, 2, 13


@pytest.mark.parametrize("window", [None, 1, 4, 40])
@pytest.mark.parametrize("rotary", [{}, None])
def test_it_is_the_softmax_of_scaled_products(window: int | None, rotary: dict | None) -> None:
    torch.manual_seed(0)
    spec = {"type": "attention", "heads": HEADS, "window": window, "rotary": rotary}
    mixer = seqzoo.build_mixer(spec, WIDTH, REGISTRY).double()
    x = torch.randn(2, LENGTH, WIDTH, dtype=torch.float64)
    qkv = (x @ mixer.get_parameter("qkv.weight").T).view(2, LENGTH, 3, HEADS, -1)
    q, k, v = qkv.unbind(2)
    if rotary is not None:
        q, k = (rotate(each, torch.arange(LENGTH)) for each in (q, k))
    q, k, v = (each.transpose(1, 2) for each in (q, k, v))
    scores = q @ k.mT / (WIDTH // HEADS) ** 0.5
    for i in range(LENGTH):
        for j in range(LENGTH):
            if j > i or (window is not None and i - j >= window):
                scores[:, :, i, j] = -torch.inf
    reads = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
    y, _ = mixer(x)
    torch.testing.assert_close(y, reads @ mixer.get_parameter("project.weight").T)


def test_rope_depends_on_distance_alone() -> None:
    torch.manual_seed(0)
    q, k = torch.randn(2, 1, 1, 1, 8, dtype=torch.float64)
    near = (rotate(q, torch.tensor([5])) * rotate(k, torch.tensor([3]))).sum()
    far = (rotate(q, torch.tensor([105])) * rotate(k, torch.tensor([103]))).sum()
    torch.testing.assert_close(near, far, rtol=1e-4, atol=1e-5)


def test_rope_turns_the_first_pair_by_the_position() -> None:
    x = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64).view(1, 1, 1, 4)
    turned = rotate(x, torch.tensor([1]))[0, 0, 0]
    expected = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    angle = torch.tensor(1.0)
    expected[0], expected[2] = angle.cos(), angle.sin()
    torch.testing.assert_close(turned, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("spec", "width", "message"),
    [
        ({"type": "attention", "heads": 3}, 16, "3 heads do not divide the width 16"),
        ({"type": "attention", "heads": 2}, 6, "odd head of 3"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(spec: dict, width: int, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        seqzoo.build_mixer(spec, width, REGISTRY)


def test_shared_keys_norms_an_anchor_and_a_gate() -> None:
    torch.manual_seed(0)
    spec = {
        "type": "attention",
        "heads": 4,
        "key_heads": 2,
        "rotary": None,
        "norm": "unit",
        "anchor": {"type": "ema", "decay": 0.5},
        "gate": "tanh",
    }
    mixer = seqzoo.build_mixer(spec, WIDTH, REGISTRY).double()
    x = torch.randn(2, LENGTH, WIDTH, dtype=torch.float64)
    u, average = [], torch.zeros(2, WIDTH, dtype=torch.float64)
    for t in range(LENGTH):
        average = 0.5 * average + 0.5 * x[:, t]
        u.append(average)
    qkv = (torch.stack(u, 1) @ mixer.get_parameter("qkv.weight").T).unflatten(-1, (8, 4))
    q, k, v = qkv.split([4, 2, 2], dim=2)
    q, k = (each / each.norm(dim=-1, keepdim=True) for each in (q, k))
    reads = torch.zeros(2, LENGTH, 4, 4, dtype=torch.float64)
    for head in range(4):
        scores = q[:, :, head] @ k[:, :, head // 2].mT / 2
        scores = scores.masked_fill(torch.ones(LENGTH, LENGTH).triu(1).bool(), -torch.inf)
        reads[:, :, head] = scores.softmax(-1) @ v[:, :, head // 2]
    gate = torch.tanh(x @ mixer.get_parameter("gate.weight").T)
    expected = (reads.flatten(2) * gate) @ mixer.get_parameter("project.weight").T
    torch.testing.assert_close(mixer(x)[0], expected, rtol=1e-6, atol=1e-7)


def test_key_heads_divide_the_heads() -> None:
    with pytest.raises(SpecError, match="4 heads are not a multiple of 3 key heads"):
        seqzoo.build_mixer({"type": "attention", "heads": 4, "key_heads": 3}, WIDTH, REGISTRY)
