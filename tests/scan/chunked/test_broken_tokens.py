"""A NaN or an infinity at one token reaches no token before it, and no other head or sequence."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from seqzoo.scan import Erase, ScanResult, Transition, Writes, scan

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


def run(given: dict[str, Tensor], backend: str, bounds: Tensor | None) -> ScanResult:
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


def results(function: Callable[..., ScanResult], given: dict[str, Tensor], t: int) -> list[Tensor]:
    """Outputs, state, and the gradients of what is before token t of the first sequence."""
    given = {name: leaf.clone().requires_grad_() for name, leaf in given.items()}
    outputs, final = function(given)
    gradients = torch.autograd.grad(outputs[0, :t].square().sum(), list(given.values()))
    return [outputs.detach(), final.detach(), *gradients]


@pytest.mark.parametrize("packed", [False, True], ids=["rows", "packed"])
@pytest.mark.parametrize("name", ["queries", "values", "log_decay"])
def test_in_a_graph_it_is_as_in_eager_mode(name: str, packed: bool) -> None:
    bounds = torch.tensor([0, 6, 15, T]) if packed else None
    given = leaves(packed)
    given[name][0, 11].view(-1)[-1] = math.nan

    def scanned(given: dict[str, Tensor]) -> ScanResult:
        return run(given, "chunked", bounds)

    torch.compiler.reset()
    compiled = torch.compile(scanned, backend="aot_eager", fullgraph=True)
    found, eager = results(compiled, given, 11), results(scanned, given, 11)
    for mine, expected in zip(found, eager, strict=True):
        torch.testing.assert_close(mine, expected, equal_nan=True)
    assert not bool(found[0][0, 11, 1].isfinite().any())
    assert all(bool(gradient.isfinite().all()) for gradient in found[2:])
    torch.compiler.reset()


@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize("name", ["queries", "keys", "log_decay", "strength"])
def test_transposed_reads_are_kept_from_it_too(name: str, in_graph: bool) -> None:
    clean = leaves(packed=False)
    clean["queries"] = clean["values"][:, :, 0].clone()
    given = {key: leaf.clone() for key, leaf in clean.items()}
    given[name][0, 11].view(-1)[-1] = math.nan

    def scanned(given: dict[str, Tensor]) -> ScanResult:
        erase = Erase(read=given["read"], strength=given["strength"], along_key=True)
        writes = Writes(given["keys"], given["values"], given["strengths"])
        transition = Transition(given["log_decay"], erase)
        options = {"transposed_read": True, "backend": "chunked"}
        return scan(given["queries"], transition, writes, **options)

    torch.compiler.reset()
    function = torch.compile(scanned, backend="aot_eager", fullgraph=True) if in_graph else scanned
    outputs, expected = function(given).outputs, scanned(clean).outputs
    torch.testing.assert_close(outputs[0, :11], expected[0, :11])
    torch.testing.assert_close(outputs[0, :, 0], expected[0, :, 0])  # the other head
    torch.testing.assert_close(outputs[1], expected[1])
    assert not bool(outputs[0, 11, 1].isfinite().any())
    torch.compiler.reset()


def test_a_token_is_what_its_micro_steps_are() -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(1, *shape, generator=generator, dtype=torch.float64)

    queries, keys, values = draw(T, H, K), 0.3 * draw(2 * T, R, H, K), draw(2 * T, R, H, V)

    def outputs(values: Tensor) -> Tensor:
        writes = Writes(keys, values, steps=2)
        return scan(queries, Transition(), writes, chunk_size=8, backend="chunked").outputs

    expected = outputs(values)
    values[0, 2 * 11, 0, 1] = math.inf  # the first micro-step of token 11
    found = outputs(values)
    torch.testing.assert_close(found[0, :11], expected[0, :11])
    assert bool(found[0, 11:, 1].isnan().all())
