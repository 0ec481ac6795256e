"""The memory's scale and state."""

import pytest
import torch

from seqzoo.operators import Memory, Stream
from seqzoo.registry import load_registry
from seqzoo.scan import Erase, Transition, Writes

REGISTRY = load_registry(entry_points=[])


def test_reads_are_scaled_and_by_default_as_they_are() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 2, 5, 2, 3, generator=generator, dtype=torch.float64)
    scan = REGISTRY.spec("scan", "chunked").build()
    writes = Writes(k.unsqueeze(2), v.unsqueeze(2))
    scores = torch.einsum("bihk,bjhk->bhij", q, k).tril()
    expected = torch.einsum("bhij,bjhv->bihv", scores, v)
    for memory, scale in ((Memory(scan), 1.0), (Memory(scan, 0.25), 0.25)):
        reads = memory(q, Transition(), writes, Stream.over(q))
        torch.testing.assert_close(reads, scale * expected)


def test_a_transposed_read_gives_keys_for_values() -> None:
    generator = torch.Generator().manual_seed(0)
    k, v = (torch.randn(2, 5, 2, size, generator=generator).double() for size in (3, 4))
    q = torch.randn(2, 5, 2, 4, generator=generator).double()
    memory = Memory(REGISTRY.spec("scan", "reference").build(), transposed=True)
    stream = Stream.over(q)
    reads = memory(q, Transition(), Writes(k.unsqueeze(2), v.unsqueeze(2)), stream)
    scores = torch.einsum("bihv,bjhv->bhij", q, v).tril()
    torch.testing.assert_close(reads, torch.einsum("bhij,bjhk->bihk", scores, k))
    assert stream.after()["state"].shape == (2, 2, 4, 3)


@pytest.mark.parametrize("documents", [None, [0, 2, 7]])
@pytest.mark.parametrize("steps", [1, 2])
def test_several_queries_a_token_read_one_state(steps: int, documents: list[int] | None) -> None:
    """Each as if it were the only one, and the state after them is the same."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    q, k, v = normal(1, 7, 3, 2, 4), normal(1, 7 * steps, 2, 2, 4), normal(1, 7 * steps, 2, 4, 5)
    strength, decay = normal(1, 7 * steps, 4).sigmoid(), -normal(1, 7 * steps, 4).square()
    transition = Transition(decay, Erase(strength=strength))
    writes = Writes(k / k.norm(dim=-1, keepdim=True), v, steps=steps)
    bounds = None if documents is None else torch.tensor(documents)
    memory = Memory(REGISTRY.spec("scan", "chunked").build(), 0.5)

    def read(queries: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        stream = Stream.over(queries, cu_seqlens=bounds)
        return memory(queries, transition, writes, stream), stream.after()["state"]

    found, state = read(q)
    for number in range(3):
        expected, after = read(q[:, :, number])
        torch.testing.assert_close(found[:, :, number], expected)
        torch.testing.assert_close(state, after)
