"""The selective scan against its own equation, token by token, in float64."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqzoo.scan import ExponentialDecay, ScanResult, selective_scan
from seqzoo.scan.selective import passes
from seqzoo.scan.used import watching
from seqzoo.testing import error_ratio

relaxed = settings(deadline=None, derandomize=True, max_examples=25)
BOUNDS = torch.tensor([0, 4, 4, 9, 12])


def problem(batch: int, time: int, num_states: int, rates: tuple[int, ...] = ()) -> list[Tensor]:
    """steps, rates, keys, values, queries and state, of 2 heads, 3 states, 5 channels."""
    generator = torch.Generator().manual_seed(time)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    rate = -normal(*(rates or (1, 1, 2, 3, 5))).abs()
    steps = normal(batch, time, 2, 5).abs()
    keys, queries = normal(batch, time, 2, 3), normal(batch, time, 2, 3)
    values, state = normal(batch, time, 2, 5), normal(num_states, 2, 3, 5)
    return [each.requires_grad_() for each in (steps, rate, keys, values, queries, state)]


def run(
    given: Sequence[Tensor], cu_seqlens: Tensor | None = None, backend: str = "auto"
) -> ScanResult:
    steps, rates, keys, values, queries, state = given
    tensors = (steps, rates, keys, values, queries, state)
    return selective_scan(ExponentialDecay(), *tensors, cu_seqlens, backend=backend)


def loop(given: Sequence[Tensor], cu_seqlens: Tensor | None = None) -> ScanResult:
    """h_t = exp(Delta_t A) * h_{t-1} + k_t v_t^T and y_t = q_t h_t, as they read."""
    steps, rates, keys, values, queries, state = given
    decays = torch.exp(steps[:, :, :, None] * rates)
    bounds = [0, values.shape[1]] if cu_seqlens is None else cu_seqlens.tolist()
    outputs, finals = [], []
    for n in range(len(bounds) - 1):
        hidden = state if cu_seqlens is None else state[n : n + 1]
        for t in range(bounds[n], bounds[n + 1]):
            written = torch.einsum("bhn,bhd->bhnd", keys[:, t], values[:, t])
            hidden = decays[:, t] * hidden + written
            outputs.append(torch.einsum("bhn,bhnd->bhd", queries[:, t], hidden))
        finals.append(hidden)
    return ScanResult(torch.stack(outputs, dim=1), torch.cat(finals))


def gradients(result: ScanResult, given: Sequence[Tensor]) -> tuple[Tensor, ...]:
    loss = result.outputs.sin().sum() + result.state.square().sum()
    return torch.autograd.grad(loss, given)


def agree(found: ScanResult, expected: ScanResult, given: Sequence[Tensor], close: float) -> None:
    for mine, theirs in zip(found, expected, strict=True):
        assert error_ratio(mine, theirs) < close
    for mine, theirs in zip(gradients(found, given), gradients(expected, given), strict=True):
        assert error_ratio(mine, theirs) < close


@pytest.fixture(params=[(1 << 17, 16), (60, 1), (90, 2)], ids=["one piece", "tokens", "pieces"])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few tokens, and rows, are taken at once."""
    elements, least = request.param
    monkeypatch.setattr(passes, "ELEMENTS", elements)
    monkeypatch.setattr(passes, "LEAST_TOKENS", least)


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("rates", [(), (3, 11, 2, 3, 1), (3, 11, 2, 3, 5)])
def test_values_and_gradients(rates: tuple[int, ...]) -> None:
    given = problem(3, 11, 3, rates)
    agree(run(given), loop(given), given, 1e-12)


@pytest.mark.usefixtures("pieces")
def test_packed_sequences() -> None:
    given = problem(1, 12, 4)
    found = run(given, BOUNDS)
    agree(found, loop(given, BOUNDS), given, 1e-12)


@relaxed
@given(time=st.integers(1, 20), data=st.data())
def test_splitting_anywhere_and_carrying_the_state(time: int, data: st.DataObject) -> None:
    given = problem(2, time, 2)
    cut = data.draw(st.integers(0, time))
    steps, rates, keys, values, queries, state = given
    parts, pieces = [], []
    for tokens in (slice(0, cut), slice(cut, time)):
        piece = (steps[:, tokens], rates, keys[:, tokens], values[:, tokens], queries[:, tokens])
        part = run([*piece, state])
        parts.append(part.outputs)
        state = part.state
        pieces.append(part)
    whole = run(given)
    agree(ScanResult(torch.cat(parts, dim=1), state), whole, given, 1e-12)


@pytest.mark.parametrize("cu_seqlens", [None, BOUNDS], ids=["batch", "packed"])
def test_every_way_to_compute_gives_the_same(cu_seqlens: Tensor | None) -> None:
    """The token loop, the element-wise scan, and a whole graph of it."""
    given = problem(1, 12, 1 if cu_seqlens is None else 4)
    torch.compiler.reset()
    graph = torch.compile(run, backend="aot_eager", fullgraph=True)
    ways = (
        run(given, cu_seqlens, "reference"),
        graph(given, cu_seqlens),
    )
    torch.compiler.reset()
    for way in ways:
        agree(run(given, cu_seqlens), way, given, 1e-12)


def test_what_comes_later_is_not_seen() -> None:
    given = [each.detach() for each in problem(1, 12, 1)]
    expected = run(given).outputs[:, :7]
    for tensor in (given[0], *given[2:5]):
        tensor[:, 7:] = torch.nan
    assert torch.equal(run(given).outputs[:, :7], expected)


def test_nan_in_one_packed_sequence_stays_there() -> None:
    given = problem(1, 12, 4)
    expected = run(given, BOUNDS)
    found_gradients = []
    for poison in (False, True):
        poisoned = [each.detach().clone() for each in given]
        if poison:
            poisoned[3][:, 4:9] = torch.nan
        leaves = [each.requires_grad_() for each in poisoned]
        result = run(leaves, BOUNDS)
        found_gradients.append((result, torch.autograd.grad(result.outputs.sum(), leaves[3])[0]))
    (_, clean), (result, gradient) = found_gradients
    keep = [0, 1, 2, 3, 9, 10, 11]
    assert torch.equal(result.outputs[:, keep], expected.outputs[:, keep])
    assert torch.equal(result.state[[0, 1, 3]], expected.state[[0, 1, 3]])
    assert torch.equal(gradient[:, keep], clean[:, keep])


def test_half_precision_is_summed_in_float32() -> None:
    ones = torch.ones(1, 1000, 1, 1, dtype=torch.bfloat16)
    rates = torch.zeros(1, 1, 1, 1, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = selective_scan(ExponentialDecay(), ones, rates, ones, ones, ones)
    assert result.outputs.dtype == result.state.dtype == torch.float32
    assert result.state.item() == result.outputs[0, -1].item() == 1000.0  # bfloat16 stops at 256


def test_the_backend_and_its_reasons() -> None:
    given = [each.detach().float() for each in problem(1, 5, 1)]
    with watching() as used:
        run(given)
        run(given, backend="reference")
    chosen, asked = used
    assert (chosen.operation, chosen.backend) == ("selective scan", "chunked")
    assert chosen.reasons[-1] == "chunked: used, it comes next"
    assert (asked.operation, asked.backend) == ("elementwise scan", "reference")


def test_no_tokens_leave_the_state() -> None:
    given = problem(2, 0, 2)
    result = run(given)
    assert result.outputs.shape == (2, 0, 2, 5)
    assert torch.equal(result.state, given[5])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("steps", torch.zeros(2, 4, 1, 3), r"steps must have shape \(2, 5, 1, 3\), got \(2, 4"),
        ("rates", torch.zeros(1, 3), r"rates must have shape \(2, 5, 1, 4, 3\), or 1 on axes"),
        ("keys", torch.zeros(2, 5, 3, 4), r"keys must have shape \(2, 5, 1, 4\)"),
        ("values", torch.zeros(2, 5, 3), r"values must have shape \(B, T, H, D\)"),
        ("queries", torch.zeros(2, 5, 1, 4).long(), "queries must be floating-point"),
        ("state", torch.zeros(2, 1, 3, 4), r"state must have shape \(2, 1, 4, 3\)"),
        ("cu_seqlens", torch.tensor([0, 5]), "selective_scan: cu_seqlens needs a batch of 1"),
        ("backend", "cuda", "selective_scan: no backend 'cuda'; there are auto"),
    ],
)
def test_wrong_arguments_are_named(name: str, value: object, message: str) -> None:
    arguments = {
        "steps": torch.zeros(2, 5, 1, 3),
        "rates": torch.zeros(1, 1, 1, 4, 3),
        "keys": torch.zeros(2, 5, 1, 4),
        "values": torch.zeros(2, 5, 1, 3),
        "queries": torch.zeros(2, 5, 1, 4),
        name: value,
    }
    with pytest.raises(ValueError, match=message):
        selective_scan(ExponentialDecay(), **arguments)
