"""A NaN or an infinity at one token reaches no token before it, and no other head or sequence."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from seqzoo.scan import Erase, Transition, Writes, scan

B, T, H, K, V, R = 2, 21, 2, 4, 3, 2
NAMES = ("queries", "keys", "values", "strengths", "log_decay", "read", "strength")


def leaves(packed: bool) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    batch = 1 if packed else B

    def draw(*shape: int) -> Tensor:
        return torch.randn(batch, T, *shape, generator=generator, dtype=torch.float64)

    return {
        "queries": draw(H, K),
        "keys": 0.3 * draw(R, H, K),
        "values": draw(R, H, V),
        "strengths": draw(R, H).sigmoid(),
        "log_decay": -draw(H, K).exp(),
        "read": 0.3 * draw(H, K),
        "strength": draw(H).sigmoid(),
    }


def run(given: dict[str, Tensor], backend: str, bounds: Tensor | None) -> tuple[Tensor, Tensor]:
    erase = Erase(read=given["read"], strength=given["strength"], along_key=True)
    writes = Writes(given["keys"], given["values"], given["strengths"])
    transition = Transition(given["log_decay"], erase)
    return scan(
        given["queries"], transition, writes, cu_seqlens=bounds, chunk_size=8, backend=backend
    )


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("packed", [False, True], ids=["rows", "packed"])
def test_earlier_tokens_and_other_sequences_never_see_it(
    name: str, wrong: float, packed: bool
) -> None:
    bounds = torch.tensor([0, 6, 15, T]) if packed else None
    clean = leaves(packed)
    outputs, _ = run(clean, "chunked", bounds)
    t = 11
    given = {key: leaf.clone().requires_grad_() for key, leaf in clean.items()}
    with torch.no_grad():
        target = given[name][0, t, ..., 1] if given[name].ndim == 3 else given[name][0, t]
        target.view(-1)[-1] = wrong  # of the last head
    found, final = run(given, "chunked", bounds)
    assert torch.allclose(found[0, :t], outputs[0, :t], rtol=1e-12, atol=0)
    assert torch.allclose(found[0, :, 0], outputs[0, :, 0], rtol=1e-12, atol=0)  # the other head
    assert not bool(found[0, t, 1].isfinite().any())
    if packed:
        assert torch.allclose(found[0, 15:], outputs[0, 15:], rtol=1e-12, atol=0)
        assert bool(final[[0, 2]].isfinite().all())
    else:
        assert torch.allclose(found[1], outputs[1], rtol=1e-12, atol=0)
        assert bool(final[1].isfinite().all())
    expected, _ = torch.autograd.grad(
        run({k: v.requires_grad_() for k, v in clean.items()}, "chunked", bounds)[0][0, :t].sum(),
        (clean["values"], clean["keys"]),
    )
    gradient = torch.autograd.grad(found[0, :t].sum(), given["values"])[0]
    assert torch.allclose(gradient, expected)


@pytest.mark.parametrize("name", ["keys", "values", "log_decay"])
def test_heads_of_a_group_see_what_is_wrong_with_their_key_alone(name: str) -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(1, T, *shape, generator=generator, dtype=torch.float64)

    given = {"keys": draw(R, 2, K), "values": draw(R, 4, V), "log_decay": -draw(4).exp()}
    queries = draw(2, K)

    def outputs() -> Tensor:
        writes = Writes(given["keys"], given["values"])
        transition = Transition(given["log_decay"])
        return scan(queries, transition, writes, chunk_size=8, backend="chunked").outputs

    expected = outputs()
    given[name][0, 11].view(-1)[-1] = math.nan  # of the last head, or of its key
    found = outputs()
    assert torch.allclose(found[0, :11], expected[0, :11], rtol=1e-12, atol=0)
    broken = [2, 3] if name == "keys" else [3]
    whole = [head for head in range(4) if head not in broken]
    assert torch.allclose(found[:, :, whole], expected[:, :, whole], rtol=1e-12, atol=0)
    assert bool(found[0, 11:, broken].isnan().all())


def test_a_decay_that_forgets_all_is_a_number() -> None:
    given = leaves(packed=False)
    given["log_decay"][0, 5] = -math.inf
    outputs, state = run(given, "chunked", None)
    expected, final = run(given, "reference", None)
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(state, final)


def test_on_the_meta_device_there_is_nothing_to_look_at() -> None:
    given = {name: leaf.to("meta") for name, leaf in leaves(packed=False).items()}
    outputs, state = run(given, "chunked", None)
    assert outputs.shape == (B, T, H, V)
    assert state.shape == (B, H, V, K)
