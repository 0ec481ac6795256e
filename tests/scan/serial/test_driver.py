"""A rule of thirty lines, the delta rule written serially, gives what the parallel scan gives."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from seqzoo.scan import Erase, Transition, Writes, scan, serial_scan
from seqzoo.testing import error_ratio

B, T, H, K, V = 2, 23, 2, 4, 3


class Delta:
    """S + beta (v - S k) k^T; in chunks it is a loop, whose length is noted."""

    def __init__(self, chunk_size: int = 0) -> None:
        self.chunk_size = chunk_size
        self.chunks: list[int] = []
        self.steps = 0

    def start(self, sequences: int, like: Tensor) -> Tensor:
        return like.new_zeros(sequences, H, V, K)

    def step(self, state: Tensor, token: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        self.steps += 1
        error = token["v"] - torch.einsum("bhvk,bhk->bhv", state, token["k"])
        change = torch.einsum("bh,bhv,bhk->bhvk", token["beta"], error, token["k"])
        state = state + change
        return state, torch.einsum("bhvk,bhk->bhv", state, token["q"])

    def chunk(self, state: Tensor, tokens: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        self.chunks.append(tokens["q"].shape[1])
        outputs = []
        for t in range(tokens["q"].shape[1]):
            state, output = self.step(state, {name: x[:, t] for name, x in tokens.items()})
            outputs.append(output)
        return state, torch.stack(outputs, 1)


def leaves(batch: int = B, sequences: int = B) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    k = draw(batch, T, H, K)
    return {
        "q": draw(batch, T, H, K),
        "k": k / k.norm(dim=-1, keepdim=True),
        "v": draw(batch, T, H, V),
        "beta": draw(batch, T, H).sigmoid(),
        "state": draw(sequences, H, V, K),
    }


def measured(function, given: dict[str, Tensor]) -> list[Tensor]:
    own = {name: leaf.clone().requires_grad_() for name, leaf in given.items()}
    outputs, state = function(own)
    loss = (outputs.cos() * outputs).sum() + state.square().sum()
    return [outputs.detach(), state.detach(), *torch.autograd.grad(loss, list(own.values()))]


def parallel(given: dict[str, Tensor], bounds: Tensor | None = None) -> tuple[Tensor, Tensor]:
    strengths = given["beta"].unsqueeze(2)
    writes = Writes(given["k"].unsqueeze(2), given["v"].unsqueeze(2), strengths)
    transition = Transition(erase=Erase(strength=given["beta"]))
    return scan(
        given["q"], transition, writes, given["state"], cu_seqlens=bounds, backend="reference"
    )


@pytest.mark.parametrize("recompute", [None, 0, 1, 7, 100])
@pytest.mark.parametrize("chunk_size", [0, 4])
def test_it_is_the_scan(chunk_size: int, recompute: int | None) -> None:
    def serial(own: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        tokens = {name: own[name] for name in ("q", "k", "v", "beta")}
        return serial_scan(Delta(chunk_size), tokens, own["state"], recompute=recompute)

    given = leaves()
    for mine, right in zip(measured(serial, given), measured(parallel, given), strict=True):
        assert error_ratio(mine, right) < 1e-12


@pytest.mark.parametrize("chunk_size", [0, 4])
def test_documents_are_apart(chunk_size: int) -> None:
    bounds = torch.tensor([0, 1, 1, 9, T])
    given = leaves(batch=1, sequences=4)

    def serial(own: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        tokens = {name: own[name] for name in ("q", "k", "v", "beta")}
        return serial_scan(Delta(chunk_size), tokens, own["state"], cu_seqlens=bounds)

    expected = measured(lambda own: parallel(own, bounds), given)
    for mine, right in zip(measured(serial, given), expected, strict=True):
        assert error_ratio(mine, right) < 1e-12
    torch.compiler.reset()
    compiled = torch.compile(serial, backend="aot_eager", fullgraph=True)
    for mine, right in zip(measured(compiled, given), expected, strict=True):
        assert error_ratio(mine, right) < 1e-12
    torch.compiler.reset()


def test_pieces_go_on_where_the_last_stopped() -> None:
    given = leaves()
    tokens = {name: given[name] for name in ("q", "k", "v", "beta")}
    whole, final = serial_scan(Delta(4), tokens, given["state"])
    state, outputs = given["state"], []
    for begin, end in pairwise((0, 1, 7, 7, T)):
        piece = {name: leaf[:, begin:end] for name, leaf in tokens.items()}
        output, state = serial_scan(Delta(4), piece, state)
        outputs.append(output)
    assert error_ratio(torch.cat(outputs, 1), whole) < 1e-12
    assert error_ratio(state, final) < 1e-12


def test_chunks_are_as_long_as_asked_but_the_last() -> None:
    rule, given = Delta(5), leaves()
    with torch.no_grad():
        serial_scan(rule, {name: given[name] for name in ("q", "k", "v", "beta")})
    assert rule.chunks == [5, 5, 5, 5, 3]


def test_spans_are_computed_again_and_keep_less() -> None:
    kept = {}
    for recompute in (None, 5):
        own = {name: leaf.requires_grad_() for name, leaf in leaves().items()}
        tokens = {name: own[name] for name in ("q", "k", "v", "beta")}
        sizes: list[int] = []

        def note(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        rule = Delta()
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            outputs, _ = serial_scan(rule, tokens, recompute=recompute)
        assert rule.steps == T
        outputs.sum().backward()
        assert rule.steps == (T if recompute is None else 2 * T)
        kept[recompute] = sum(sizes)
    assert kept[5] < kept[None] / 2


def test_tokens_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"share their axes \(B, T\)"):
        serial_scan(Delta(), {"q": torch.zeros(1, 2, 1), "k": torch.zeros(1, 3, 1)})
    with pytest.raises(ValueError, match="a batch of 1, got B = 2"):
        serial_scan(Delta(), {"q": torch.zeros(2, T, 1)}, cu_seqlens=torch.tensor([0, T]))


@pytest.mark.parametrize("chunk_size", [0, 4])
@pytest.mark.parametrize("recompute", [0, None])
def test_products_stay_in_the_dtype_of_the_state_under_autocast(
    chunk_size: int, recompute: int | None
) -> None:
    tokens = {
        name: torch.randn(B, T, *shape, requires_grad=True)
        for name, shape in {"q": (H, K), "k": (H, K), "v": (H, V), "beta": (H,)}.items()
    }
    found = []
    for half in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            outputs, state = serial_scan(Delta(chunk_size), tokens, recompute=recompute)
        gradients = torch.autograd.grad(outputs.sin().sum(), list(tokens.values()))
        found.append([outputs, state, *gradients])
    for whole, half in zip(*found, strict=True):
        assert torch.equal(whole, half)
