"""The running maximum against its equation, token by token."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqzoo.scan import running_maximum

relaxed = settings(deadline=None, derandomize=True, max_examples=40)
LEVELS = torch.tensor([0.0, -0.01, -1.0, -1000.0, -torch.inf], dtype=torch.float64)


def loop(
    log_decay: Tensor, inputs: Tensor, state: Tensor, bounds: list[int]
) -> tuple[Tensor, Tensor]:
    """m_t = max(g_t + m_{t-1}, i_t), each document of one row from its own state."""
    outputs, finals = [], []
    for n in range(len(bounds) - 1):
        maximum = state[n : n + 1]
        for t in range(bounds[n], bounds[n + 1]):
            maximum = torch.maximum(log_decay[:, t] + maximum, inputs[:, t])
            outputs.append(maximum)
        finals.append(maximum)
    return torch.stack(outputs, 1) if outputs else inputs, torch.cat(finals)


def problem(seed: int, time: int, sequences: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    log_decay = LEVELS[torch.randint(len(LEVELS), (1, time, 3), generator=generator)]
    inputs = torch.randn(1, time, 3, generator=generator, dtype=torch.float64)
    state = torch.randn(sequences, 3, generator=generator, dtype=torch.float64)
    return log_decay, inputs, state


@relaxed
@given(seed=st.integers(0, 2**20), lengths=st.lists(st.integers(0, 12), min_size=1, max_size=4))
def test_values_and_gradients_of_documents(seed: int, lengths: list[int]) -> None:
    bounds = [0, *torch.tensor(lengths).cumsum(0).tolist()]
    given_ = log_decay, inputs, state = problem(seed, bounds[-1], len(lengths))
    for leaf in given_:
        leaf.requires_grad_()
    found = running_maximum(log_decay, inputs, state, torch.tensor(bounds))
    expected = loop(log_decay, inputs, state, bounds)
    gradients = []
    for outputs, state in (found, expected):
        loss = (outputs * torch.linspace(1, 2, outputs.numel()).view_as(outputs)).sum()
        loss = loss + state.sin().sum()
        gradients.append(torch.autograd.grad(loss, given_, materialize_grads=True))
    for mine, right in zip((*found, *gradients[0]), (*expected, *gradients[1]), strict=True):
        assert torch.allclose(mine, right, rtol=0, atol=1e-11)


@relaxed
@given(seed=st.integers(0, 2**20), time=st.integers(1, 30), data=st.data())
def test_rows_and_pieces(seed: int, time: int, data: st.DataObject) -> None:
    first, second = problem(seed, time, 1), problem(seed + 1, time, 1)
    log_decay, inputs, state = (torch.cat(pair) for pair in zip(first, second, strict=True))
    cut = data.draw(st.integers(0, time))
    begin = running_maximum(log_decay[:, :cut], inputs[:, :cut], state)
    end = running_maximum(log_decay[:, cut:], inputs[:, cut:], begin.state)
    outputs = torch.cat((begin.outputs, end.outputs), 1)
    for row, own in enumerate((first, second)):
        expected = loop(*own, [0, time])
        assert torch.allclose(outputs[row : row + 1], expected[0], rtol=0, atol=1e-11)
        assert torch.allclose(end.state[row : row + 1], expected[1], rtol=0, atol=1e-11)


def test_it_starts_at_minus_infinity_and_forgets_at_a_decay_of_minus_infinity() -> None:
    inputs = torch.tensor([[-5.0, -7.0, -9.0]])
    log_decay = torch.tensor([[-1.0, -1.0, -torch.inf]])
    assert running_maximum(log_decay, inputs).outputs.tolist() == [[-5.0, -6.0, -9.0]]


def test_strong_decays_lose_no_digit() -> None:
    """The sums of these decays are beyond float32's whole numbers."""
    inputs = torch.randn(1, 400, generator=torch.Generator().manual_seed(0))
    log_decay = torch.full((1, 400), -1e6)
    assert torch.equal(running_maximum(log_decay, inputs).outputs, inputs)


def test_half_precision_is_widened() -> None:
    inputs = torch.ones(1, 4, 2, dtype=torch.bfloat16)
    found = running_maximum(torch.full_like(inputs, -0.5), inputs)
    assert (found.outputs.dtype, found.state.dtype) == (torch.float32, torch.float32)


def test_nan_stays_in_its_document() -> None:
    log_decay, inputs, state = problem(0, 9, 3)
    bounds = torch.tensor([0, 3, 6, 9])
    expected = running_maximum(log_decay, inputs, state, bounds)
    inputs[:, 3:6] = torch.nan
    found = running_maximum(log_decay, inputs, state, bounds)
    keep = [0, 1, 2, 6, 7, 8]
    assert torch.equal(found.outputs[:, keep], expected.outputs[:, keep])
    assert torch.equal(found.state[[0, 2]], expected.state[[0, 2]])


def test_one_graph_serves_documents() -> None:
    log_decay, inputs, state = problem(0, 9, 3)
    torch.compiler.reset()
    compiled = torch.compile(running_maximum, backend="aot_eager", fullgraph=True)
    for bounds in ([0, 3, 6, 9], [0, 0, 8, 9]):
        found = compiled(log_decay, inputs, state, torch.tensor(bounds))
        expected = loop(log_decay, inputs, state, bounds)
        assert torch.allclose(found[0], expected[0], rtol=0, atol=1e-11)
        assert torch.allclose(found[1], expected[1], rtol=0, atol=1e-11)
    torch.compiler.reset()


def test_it_cancels_in_an_exponential_gate() -> None:
    """sum_s exp(G_t - G_s + i_s - m_t) over the same with v: one value with and without m."""
    generator = torch.Generator().manual_seed(3)
    log_decay = -torch.rand(1, 12, generator=generator, dtype=torch.float64)
    gate = 3 * torch.randn(1, 12, generator=generator, dtype=torch.float64)
    values = torch.randn(1, 12, generator=generator, dtype=torch.float64)
    maximum = running_maximum(log_decay, gate).outputs
    total = log_decay.cumsum(1)
    scores = (total[:, :, None] - total[:, None] + gate[:, None]).tril()
    mask = torch.ones(12, 12, dtype=torch.bool).tril()
    for shift in (0.0, maximum[:, :, None]):
        weights = torch.where(mask, (scores - shift).exp(), 0.0)
        found = (weights @ values[..., None])[..., 0] / weights.sum(-1)
        expected = torch.softmax(scores.masked_fill(~mask, -torch.inf), -1) @ values[..., None]
        assert torch.allclose(found, expected[..., 0], rtol=1e-12, atol=0)
    assert bool((torch.where(mask, scores, -torch.inf) <= maximum[:, :, None] + 1e-12).all())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"log_decay": torch.zeros(2, 5, 4)}, "running_maximum: log_decay must have the inputs'"),
        ({"state": torch.zeros(2, 4)}, r"running_maximum: state must have shape \(2, 3\)"),
        ({"cu_seqlens": torch.tensor([0, 5])}, "running_maximum: cu_seqlens needs a batch of 1"),
    ],
)
def test_wrong_arguments_are_named(change: dict[str, Tensor], message: str) -> None:
    arguments = {"log_decay": torch.zeros(2, 5, 3), "inputs": torch.zeros(2, 5, 3)} | change
    with pytest.raises(ValueError, match=message):
        running_maximum(**arguments)
