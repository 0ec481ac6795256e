"""What the chunked form does of the algebra: segments, graphs, and what it keeps."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from seqzoo.scan import Erase, Transition, Writes, scan
from seqzoo.scan.check import check_scan
from seqzoo.scan.chunked import segments
from seqzoo.scan.chunked.rows import ScanOptions, own_streams, scan_tensors
from seqzoo.testing import error_ratio

from ..dense import CASES, Sizes, T, dense, measured


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


@pytest.mark.parametrize("sizes", [CASES[index] for index in (0, 9, 13, 18, 19)], ids=str)
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


@pytest.mark.parametrize("decay", ["head", "channel"])
@pytest.mark.parametrize("steps", [2, 3])
def test_micro_steps_cost_less_than_tokens_of_their_own(steps: int, decay: str) -> None:
    """By count: multiplications of both passes, and numbers saved between them."""
    time, heads, size = 96, 2, 32
    generator = torch.Generator().manual_seed(0)

    def draw(tokens: int, *shape: int) -> Tensor:
        return torch.randn(1, tokens, *shape, generator=generator)

    micro = time * steps
    queries, keys, values = (
        draw(time, heads, size).requires_grad_(),
        (draw(micro, 1, heads, size) / size**0.5).requires_grad_(),
        draw(micro, 1, heads, size).requires_grad_(),
    )
    shape = (heads, size) if decay == "channel" else (heads,)
    transition = Transition(
        -draw(micro, *shape).exp(), Erase(strength=draw(micro, heads).sigmoid())
    )

    def cost(given: Tensor, writes: Writes) -> tuple[int, int]:
        saved = 0

        def pack(tensor: Tensor) -> Tensor:
            nonlocal saved
            saved += tensor.numel()
            return tensor

        with FlopCounterMode(display=False) as counter:
            with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
                result = scan(given, transition, writes, chunk_size=48, backend="chunked")
            torch.autograd.grad(result.outputs.sum(), (queries, keys, values))
        return counter.get_total_flops(), saved

    rows = queries.new_zeros(1, time, steps - 1, heads, size)
    every = torch.cat([rows, queries.unsqueeze(2)], dim=2).flatten(1, 2)
    ours, tokens = (
        cost(queries, Writes(keys, values, steps=steps)),
        cost(every, Writes(keys, values)),
    )
    work, kept = (mine / theirs for mine, theirs in zip(ours, tokens, strict=True))
    assert work < 0.9
    assert kept < 0.95


def test_a_transposed_read_forgets_all_at_a_log_decay_of_minus_infinity() -> None:
    log_decay = torch.tensor([-1.0, -math.inf, -1.0], dtype=torch.float64)
    leaves = [torch.rand(1, 3, 2, 2, dtype=torch.float64).requires_grad_() for _ in range(3)]
    found = []
    for backend in ("reference", "chunked"):
        q, k, v = leaves
        outputs, final = scan(
            q,
            Transition(log_decay.view(1, 3, 1).expand(1, 3, 2)),
            Writes(k.unsqueeze(2), v.unsqueeze(2)),
            transposed_read=True,
            backend=backend,
        )
        loss = outputs.sin().sum() + final.sin().sum()
        found.append([outputs, final, *torch.autograd.grad(loss, leaves)])
    for expected, chunked in zip(*found, strict=True):
        torch.testing.assert_close(chunked, expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("along_key", [False, True])
def test_a_transposed_read_erases_in_the_dtype_of_the_state(
    dtype: torch.dtype, along_key: bool
) -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.rand(2, 20, *shape, generator=generator).to(dtype)

    q, keys, values = draw(2, 4), F.normalize(draw(2, 2, 4), dim=-1), draw(2, 2, 4)
    log_decay, strength, read = -draw(2), draw(2), F.normalize(draw(2, 4), dim=-1)
    erase = Erase(read if along_key else None, strength, along_key=along_key)
    tensors = (Transition(log_decay, erase), Writes(keys, values))
    states = [
        scan(q, *tensors, transposed_read=True, backend=backend)[1]
        for backend in ("reference", "chunked")
    ]
    torch.testing.assert_close(states[1], states[0], rtol=1e-5, atol=1e-5)
