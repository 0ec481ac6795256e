"""Grouped heads, an erase along the first key, micro-steps, transposed reads: against dense loops.

The oracle builds each A_t and B_t of every head as a dense matrix, and knows nothing of seqzoo.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from seqzoo.scan import Erase, Transition, Writes, scan, step
from seqzoo.scan.check import check_scan
from seqzoo.scan.chunked import segments
from seqzoo.scan.chunked.rows import ScanOptions, own_streams, scan_tensors
from seqzoo.scan.token import transition_at, writes_at
from seqzoo.testing import error_ratio

B, T, H, K, V, R = 2, 13, 4, 5, 3, 2


@dataclass
class Sizes:
    """One problem of the algebra, as random leaves in float64."""

    key_heads: int = H
    steps: int = 1
    decay: str = "channel"
    erase: str = "tied"
    before_decay: bool = False
    transposed: bool = False
    leaves: dict[str, Tensor] = field(default_factory=dict)

    def __str__(self) -> str:
        named = (self.decay, self.erase, f"G{self.key_heads}", f"n{self.steps}")
        flags = ("before", self.before_decay), ("transposed", self.transposed)
        return "-".join((*named, *(name for name, on in flags if on)))

    def drawn(self, batch: int = B) -> Sizes:
        generator = torch.Generator().manual_seed(3)

        def draw(*shape: int) -> Tensor:
            return torch.randn(batch, *shape, generator=generator, dtype=torch.float64)

        def unit(x: Tensor) -> Tensor:
            return x / x.norm(dim=-1, keepdim=True)

        G, S = self.key_heads, T * self.steps
        leaves = {
            "queries": draw(T, H, V) if self.transposed else draw(T, G, K),
            "keys": unit(draw(S, R, G, K)),
            "values": draw(S, R, H, V),
            "strengths": draw(S, R, H).sigmoid(),
            "state": draw(H, V, K),
        }
        if self.decay != "none":
            shape = (S, H) if self.decay == "head" else (S, H, K)
            leaves["log_decay"] = -draw(*shape).exp()
        if self.erase in ("read", "along_key", "general"):
            leaves["read"] = unit(draw(S, G, K))
        if self.erase in ("tied", "read", "along_key"):
            leaves["strength"] = draw(S, H).sigmoid()
        if self.erase == "general":
            leaves["write"] = 0.5 * unit(draw(S, G, K))
        return Sizes(
            self.key_heads,
            self.steps,
            self.decay,
            self.erase,
            self.before_decay,
            self.transposed,
            leaves,
        )

    def arguments(self, leaves: dict[str, Tensor]) -> tuple[Tensor, Transition, Writes]:
        get = leaves.get
        erase = None
        if self.erase != "none":
            erase = Erase(
                read=get("read"),
                strength=get("strength"),
                write=get("write"),
                along_key=self.erase == "along_key",
                before_decay=self.before_decay,
            )
        writes = Writes(leaves["keys"], leaves["values"], leaves["strengths"], self.steps)
        return leaves["queries"], Transition(get("log_decay"), erase), writes


def dense(sizes: Sizes, leaves: dict[str, Tensor], bounds: list[int]) -> tuple[Tensor, Tensor]:
    """Outputs and final states, head by head with dense matrices. Bounds count tokens of a row."""
    group = H // sizes.key_heads
    eye = torch.eye(K, dtype=torch.float64)
    packed = len(bounds) > 2
    rows = []
    finals = []
    for b in range(len(leaves["queries"])):
        for n, (begin, end) in enumerate(pairwise(bounds)):
            state = leaves["state"][n if packed else b]  # (H, V, K)
            for t in range(begin, end):
                for s in range(t * sizes.steps, (t + 1) * sizes.steps):
                    heads = []
                    for h in range(H):
                        g = h // group
                        A = decay = eye
                        if "log_decay" in leaves:
                            log_decay = leaves["log_decay"][b, s, h]
                            A = decay = torch.diag(log_decay.exp().expand(K))
                        first = leaves["keys"][b, s, 0, g]
                        if sizes.erase != "none":
                            a = leaves["read"][b, s, g] if "read" in leaves else first
                            if "write" in leaves:
                                e = leaves["write"][b, s, g]
                            else:
                                along = first if sizes.erase == "along_key" else a
                                e = -leaves["strength"][b, s, h] * along
                            outer = torch.outer(a, e)
                            A = decay + outer if sizes.before_decay else decay @ (eye + outer)
                        new = state[h] @ A
                        for r in range(R):
                            value = leaves["strengths"][b, s, r, h] * leaves["values"][b, s, r, h]
                            new = new + torch.outer(value, leaves["keys"][b, s, r, g])
                        heads.append(new)
                    state = torch.stack(heads)
                query = leaves["queries"][b, t]
                if sizes.transposed:
                    rows.append(torch.einsum("hvk,hv->hk", state, query))
                else:
                    rows.append(torch.stack([state[h] @ query[h // group] for h in range(H)]))
            finals.append(state)
    outputs = torch.stack(rows).unflatten(0, (len(leaves["queries"]), -1))
    return 0.7 * outputs, torch.stack(finals)


CASES = [
    Sizes(key_heads=1, decay="head", erase="none"),
    Sizes(key_heads=2, decay="none", erase="none"),
    Sizes(key_heads=2, decay="channel", erase="none"),
    Sizes(key_heads=2, decay="head"),
    Sizes(key_heads=1, decay="channel"),
    Sizes(key_heads=2, decay="none", erase="read"),
    Sizes(key_heads=1, decay="none"),
    Sizes(key_heads=1, decay="head", erase="general", before_decay=True),
    Sizes(key_heads=2, decay="head", before_decay=True),
    Sizes(key_heads=2, decay="channel", erase="general", before_decay=True),
    Sizes(decay="head", erase="along_key"),
    Sizes(decay="none", erase="along_key"),
    Sizes(decay="channel", erase="along_key"),
    Sizes(key_heads=2, decay="head", erase="along_key", before_decay=True),
    Sizes(decay="channel", erase="along_key", before_decay=True),
    Sizes(steps=2, decay="head"),
    Sizes(steps=3, decay="channel", erase="along_key"),
    Sizes(steps=2, key_heads=2, decay="none", erase="none"),
    Sizes(steps=2, key_heads=1, decay="head", erase="none"),
    Sizes(decay="none", erase="none", transposed=True),
    Sizes(decay="head", erase="none", transposed=True),
    Sizes(decay="channel", erase="none", transposed=True),
    Sizes(key_heads=2, decay="channel", transposed=True),
    Sizes(steps=2, decay="head", erase="along_key", transposed=True),
]


def measured(sizes: Sizes, function) -> list[Tensor]:
    """Outputs, final state, and the gradients of every leaf for fixed cotangents."""
    leaves = {name: leaf.clone().requires_grad_() for name, leaf in sizes.leaves.items()}
    outputs, final = function(leaves)
    generator = torch.Generator().manual_seed(5)
    loss = torch.zeros((), dtype=torch.float64)
    for result in (outputs, final):
        weights = torch.randn(result.shape, generator=generator, dtype=torch.float64)
        loss = loss + (result * weights).sum()
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    return [outputs.detach(), final.detach(), *gradients]


@pytest.mark.parametrize("backend", ["reference", "chunked"])
@pytest.mark.parametrize("sizes", CASES, ids=str)
def test_values_and_gradients_are_the_dense_loops(sizes: Sizes, backend: str) -> None:
    sizes = sizes.drawn()

    def ours(leaves: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return scan(
            *sizes.arguments(leaves),
            leaves["state"],
            scale=0.7,
            chunk_size=4,
            transposed_read=sizes.transposed,
            backend=backend,
        )

    found = measured(sizes, ours)
    expected = measured(sizes, lambda leaves: dense(sizes, leaves, [0, T]))
    for name, mine, right in zip(("outputs", "state", *sizes.leaves), found, expected, strict=True):
        assert error_ratio(mine, right) < 1e-10, name


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("sizes", CASES, ids=str)
def test_segments_agree_with_the_dense_loop(sizes: Sizes, packed: bool, monkeypatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1)
    sizes = sizes.drawn(batch=1)
    bounds = [0, 1, 1, 9, T] if packed else [0, T]
    if packed:
        sizes.leaves["state"] = sizes.leaves["state"].repeat(4, 1, 1, 1)

    def ours(leaves: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return scan(
            *sizes.arguments(leaves),
            leaves["state"],
            cu_seqlens=torch.tensor(bounds) if packed else None,
            scale=0.7,
            chunk_size=2,
            transposed_read=sizes.transposed,
            backend="chunked",
        )

    found = measured(sizes, ours)
    expected = measured(sizes, lambda leaves: dense(sizes, leaves, bounds))
    for name, mine, right in zip(("outputs", "state", *sizes.leaves), found, expected, strict=True):
        assert error_ratio(mine, right) < 1e-10, name


@pytest.mark.parametrize("sizes", CASES, ids=str)
def test_what_is_not_differentiated_has_no_gradient(sizes: Sizes) -> None:
    sizes = sizes.drawn()

    def ours(leaves: dict[str, Tensor]) -> Tensor:
        arguments = sizes.arguments(leaves)
        options = {"chunk_size": 4, "transposed_read": sizes.transposed, "backend": "chunked"}
        return scan(*arguments, leaves["state"], **options).outputs.square().sum()

    every = {name: leaf.clone().requires_grad_() for name, leaf in sizes.leaves.items()}
    expected = dict(zip(every, torch.autograd.grad(ours(every), list(every.values())), strict=True))
    for name in every:
        one = sizes.leaves | {name: sizes.leaves[name].clone().requires_grad_()}
        (found,) = torch.autograd.grad(ours(one), one[name])
        assert error_ratio(found, expected[name]) < 1e-12, name


def test_an_erase_along_the_first_key_has_no_key_stream_of_its_own() -> None:
    for sizes in (each for each in CASES if each.erase == "along_key" and not each.transposed):
        drawn = sizes.drawn()
        problem = check_scan(*drawn.arguments(drawn.leaves))
        tensors = scan_tensors(problem)
        assert own_streams(tensors, ScanOptions(None, False, 1.0, 4, along_key=True)) == 0
        assert own_streams(tensors, ScanOptions(None, False, 1.0, 4)) == 1


def test_heads_of_a_group_keep_their_keys_and_scores_once() -> None:
    """What is saved for the backward grows with the heads' values and states, and not by their
    queries and keys: 4 times the heads on the same keys save less than keys written out."""

    def saved(key_heads: int) -> int:
        generator = torch.Generator().manual_seed(0)
        queries = torch.randn(1, 64, key_heads, 32, generator=generator, requires_grad=True)
        keys = torch.randn(1, 64, 1, key_heads, 32, generator=generator, requires_grad=True)
        values = torch.randn(1, 64, 1, 8, 4, generator=generator, requires_grad=True)
        count = 0

        def pack(tensor: Tensor) -> Tensor:
            nonlocal count
            count += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            scan(queries, Transition(), Writes(keys, values), chunk_size=16, backend="chunked")
        return count

    rows = 4 * 64 * 32  # queries and keys, as given and in chunks, of one head
    assert saved(8) - saved(1) >= 7 * rows


@pytest.mark.parametrize("backend", ["reference", "chunked"])
@pytest.mark.parametrize("sizes", CASES, ids=str)
def test_packed_sequences_are_apart(sizes: Sizes, backend: str) -> None:
    sizes = sizes.drawn(batch=1)
    bounds = [0, 1, 1, 6, T]
    generator = torch.Generator().manual_seed(4)
    sizes.leaves["state"] = torch.randn(4, H, V, K, generator=generator, dtype=torch.float64)

    def ours(leaves: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return scan(
            *sizes.arguments(leaves),
            leaves["state"],
            cu_seqlens=torch.tensor(bounds),
            scale=0.7,
            chunk_size=4,
            transposed_read=sizes.transposed,
            backend=backend,
        )

    found = measured(sizes, ours)
    expected = measured(sizes, lambda leaves: dense(sizes, leaves, bounds))
    for mine, right in zip(found, expected, strict=True):
        assert error_ratio(mine, right) < 1e-10


@pytest.mark.parametrize("backend", ["reference", "chunked"])
@pytest.mark.parametrize("sizes", CASES, ids=str)
def test_steps_and_splits_give_what_one_call_gives(sizes: Sizes, backend: str) -> None:
    sizes = sizes.drawn()
    queries, transition, writes = sizes.arguments(sizes.leaves)
    n, transposed = sizes.steps, sizes.transposed
    whole, final = dense(sizes, sizes.leaves, [0, T])
    state, outputs = sizes.leaves["state"], []
    for t in range(T):
        if n == 1:
            of_token = transition_at(transition, t), writes_at(writes, t)
        else:
            span = {
                name: leaf[:, t * n : (t + 1) * n]
                for name, leaf in sizes.leaves.items()
                if name not in ("queries", "state")
            }
            of_token = sizes.arguments({**span, "queries": queries})[1:]
        output, state = step(
            queries[:, t],
            *of_token,
            state,
            scale=0.7,
            transposed_read=transposed,
            backend=backend,
        )
        outputs.append(output)
    assert error_ratio(torch.stack(outputs, 1), whole) < 1e-12
    assert error_ratio(state, final) < 1e-12


def test_float32_stays_near_float64() -> None:
    for sizes in CASES:
        drawn = sizes.drawn()
        leaves = {name: leaf.float() for name, leaf in drawn.leaves.items()}
        outputs, state = scan(
            *drawn.arguments(leaves),
            leaves["state"],
            scale=0.7,
            transposed_read=sizes.transposed,
        )
        expected, final = dense(drawn, drawn.leaves, [0, T])
        assert error_ratio(outputs, expected) < 1e-5, str(sizes)
        assert error_ratio(state, final) < 1e-5, str(sizes)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: Erase(strength=torch.ones(1), along_key=True), "along_key takes away along"),
        (
            lambda: Erase(torch.ones(1), write=torch.ones(1), along_key=True),
            "needs a read of its own",
        ),
        (
            lambda: scan(
                torch.zeros(1, 2, 3, K),
                Transition(),
                Writes(torch.zeros(1, 2, 1, 3, K), torch.zeros(1, 2, 1, 4, V)),
            ),
            "a multiple of the number of key heads, got H = 4 in writes.values and G = 3",
        ),
        (
            lambda: scan(
                torch.zeros(1, 2, 1, K),
                Transition(),
                Writes(torch.zeros(1, 2, 1, 1, K), torch.zeros(1, 2, 1, 1, V), steps=2),
            ),
            r"writes.keys must have shape \(B, S, R, G, K\) = \(1, 4, R, 1, 5\)",
        ),
        (
            lambda: scan(
                torch.zeros(1, 2, 1, K),
                Transition(),
                Writes(torch.zeros(1, 2, 1, 1, K), torch.zeros(1, 2, 1, 1, V), steps=0),
            ),
            "writes.steps must be a positive integer, got 0",
        ),
    ],
)
def test_what_does_not_fit_is_said(function, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function()


@pytest.mark.parametrize("backend", ["reference", "chunked"])
@pytest.mark.parametrize(("batch", "time"), [(0, 3), (2, 0), (0, 0)])
def test_no_token_leaves_the_state_and_a_graph(batch: int, time: int, backend: str) -> None:
    queries = torch.zeros(batch, time, H, K, requires_grad=True)
    keys = torch.zeros(batch, time, R, H, K, requires_grad=True)
    values = torch.zeros(batch, time, R, H, V, requires_grad=True)
    state = torch.ones(batch, H, V, K, requires_grad=True)
    outputs, final = scan(queries, Transition(), Writes(keys, values), state, backend=backend)
    assert outputs.shape == (batch, time, H, V)
    assert torch.equal(final, state)
    sources = (queries, keys, values, state)
    gradients = torch.autograd.grad(outputs.sum() + final.sum(), sources)
    assert [each.shape for each in gradients] == [each.shape for each in sources]
    assert gradients[3].eq(1).all()


@pytest.mark.parametrize("sizes", [CASES[0], CASES[9], CASES[13], CASES[18]], ids=str)
@pytest.mark.parametrize("packed", [False, True])
def test_a_graph_has_the_same_numbers(sizes: Sizes, packed: bool) -> None:
    sizes = sizes.drawn(batch=1)
    bounds = torch.tensor([0, 1, 1, 6, T]) if packed else None
    if packed:
        sizes.leaves["state"] = sizes.leaves["state"].repeat(4, 1, 1, 1)

    def ours(leaves: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return scan(
            *sizes.arguments(leaves),
            leaves["state"],
            cu_seqlens=bounds,
            chunk_size=4,
            transposed_read=sizes.transposed,
        )

    torch.compiler.reset()
    compiled = torch.compile(ours, backend="aot_eager", fullgraph=True)
    for mine, eager in zip(measured(sizes, compiled), measured(sizes, ours), strict=True):
        assert error_ratio(mine, eager) < 1e-10
    torch.compiler.reset()
