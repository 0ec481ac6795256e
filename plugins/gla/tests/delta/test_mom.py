"""Mixture of Memories against a loop over tokens and memories, with its loss."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.operators import Stream
from seqzoo.testing import error_ratio

from .transcript import REGISTRY, Weights, build, rms, unit

WIDTH, HEADS, SIZE = 16, 2, 8


class OneMemory:
    """What one memory of one sequence keeps: inputs of its convolutions, and a state a head."""

    def __init__(self, weights: Weights, matrices: dict[str, Tensor]) -> None:
        self.weights, self.matrices = weights, matrices
        self.seen: dict[str, list[Tensor]] = {"query": [], "key": [], "value": []}
        self.state = torch.zeros(HEADS, SIZE, SIZE, dtype=torch.float64)

    def convolved(self, name: str, y: Tensor) -> Tensor:
        self.seen[name].append(y)
        last = torch.stack(self.seen[name][-4:])
        taps = self.weights[f"rule.{name}_conv.weight"][:, 0, -len(last) :]
        return F.silu((last * taps.T).sum(0)).view(HEADS, SIZE)

    def reads(self, x: Tensor) -> Tensor:
        """x (D,), a token sent here -> o (H, V): S <- alpha S (I - beta k k^T) + beta v k^T."""
        matrices, weights = self.matrices, self.weights
        q = unit(self.convolved("query", weights["query.weight"] @ x))
        k = unit(self.convolved("key", matrices["key"] @ x))
        v = self.convolved("value", matrices["value"] @ x)
        beta = torch.sigmoid(matrices["strength"] @ x)
        step = F.softplus(matrices["step"] @ x + weights["rule.step_bias"])
        alpha = torch.exp(-weights["rule.log_rate"].exp() * step)
        decayed = alpha.view(HEADS, 1, 1) * self.state
        found = (decayed @ k.unsqueeze(2)).squeeze(2)
        self.state = decayed + torch.einsum("h,hv,hk->hvk", beta, v - found, k)
        return (self.state @ q.unsqueeze(2)).squeeze(2) * SIZE**-0.5


def matrices_of(weights: Weights, name: str, memories: int) -> list[dict[str, Tensor]]:
    names = ("key", "value", "strength", "step")
    parts = {part: weights[f"{name}.{part}.weight"] for part in names}
    return [
        {part: whole.chunk(memories)[m] for part, whole in parts.items()} for m in range(memories)
    ]


def transcription(
    weights: Weights, x: Tensor, memories: int, k: int, shared: bool
) -> tuple[Tensor, Tensor]:
    """One sequence x (T, D) -> y (T, D), the loss of unequal use without its weight."""
    own = [OneMemory(weights, each) for each in matrices_of(weights, "routed", memories)]
    everyones = OneMemory(weights, matrices_of(weights, "shared", 1)[0]) if shared else None
    outputs, sent = [], torch.zeros(memories, dtype=torch.float64)
    all_scores = []
    for token in x:
        scores = torch.softmax(weights["router.weight"] @ token, dim=0)
        all_scores.append(scores)
        chosen = sorted(range(memories), key=lambda m: -float(scores.detach()[m]))[:k]
        total = sum(scores[m] for m in chosen)
        o = torch.zeros(HEADS, SIZE, dtype=torch.float64)
        for m in chosen:
            sent[m] += 1
            o = o + scores[m] / total * own[m].reads(token)
        if everyones is not None:
            o = o + everyones.reads(token)
        gate = F.silu(weights["gate.weight"] @ token)
        normed = rms(o, weights["norm.weight"]).flatten()
        outputs.append(weights["project.weight"] @ (normed * gate))
    mean = torch.stack(all_scores).mean(0)
    return torch.stack(outputs), memories * (sent / len(x) * mean).sum()


@pytest.mark.parametrize(("memories", "k", "shared"), [(4, 2, True), (3, 1, False)])
def test_it_is_its_equations_with_its_loss(memories: int, k: int, shared: bool) -> None:
    spec = {"memories": memories, "top_k": k, "shared": shared, "balance": 0.5, "heads": HEADS}
    mixer = build({"type": "mom", **spec}, WIDTH)
    x = torch.randn(2, 19, WIDTH, dtype=torch.float64, requires_grad=True)
    weights = dict(mixer.named_parameters())
    stream = Stream.over(x)
    found = mixer.mix(x, stream)
    rows = [transcription(weights, row, memories, k, shared) for row in x]
    expected = torch.stack([y for y, _ in rows])
    assert error_ratio(found, expected) < 1e-9

    alone = Stream.over(x[:1])
    mixer.mix(x[:1], alone)
    loss = alone.handed().losses["mom_balance"]
    assert error_ratio(loss, 0.5 * rows[0][1]) < 1e-12

    towards = torch.randn_like(found)
    sources = {"x": x, **weights}
    gradients = [
        torch.autograd.grad((y * towards).sum() + extra, list(sources.values()), retain_graph=True)
        for y, extra in ((found, loss), (expected, 0.5 * rows[0][1]))
    ]
    for name, mine, theirs in zip(sources, *gradients, strict=True):
        assert error_ratio(mine, theirs) < 1e-9, name


def test_packed_documents_keep_memories_of_their_own() -> None:
    mixer = build({"type": "mom", "heads": HEADS}, WIDTH)
    x = torch.randn(1, 19, WIDTH, dtype=torch.float64)
    bounds = (0, 6, 6, 7, 19)
    y, state = mixer(x, cu_seqlens=torch.tensor(bounds))
    weights = dict(mixer.named_parameters())
    for begin, end in ((0, 6), (6, 7), (7, 19)):
        expected, _ = transcription(weights, x[0, begin:end], 4, 2, True)
        assert error_ratio(y[0, begin:end], expected) < 1e-9
    assert state["memories"]["rule.memory.state"].shape == (4, 4, HEADS, SIZE, SIZE)


def test_training_adds_the_loss_of_every_layer() -> None:
    mixer: dict[str, Any] = {"type": "mom", "balance": 1.0}
    model = seqzoo.build_model({"width": 16, "layers": 2, "mixer": mixer}, REGISTRY, vocab_size=7)
    _, _, losses = model.hidden_and_losses(torch.randint(7, (2, 11)))
    assert 4.0 <= float(losses["mom_balance"].detach()) < 8.0  # k = 2 for each of two layers


def test_more_choices_than_memories_are_refused() -> None:
    with pytest.raises(SpecError, match="top_k 5 of 4 memories; it is at most their number"):
        REGISTRY.spec("mixer", {"type": "mom", "top_k": 5})
