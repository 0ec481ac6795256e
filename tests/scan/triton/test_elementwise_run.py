"""The kernels of the element-wise scan against its token loop in float64."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from seqzoo.scan import elementwise_scan
from seqzoo.scan.triton.elementwise_op import _backward_op, _forward_op
from seqzoo.scan.triton.elementwise_run import CHUNK

from ..oracle import error_ratio

LEVELS = torch.tensor([0.0, -0.01, -1.0, -30.0, -torch.inf])
FLOAT32 = (1e-5, 1e-5)
TOLERANCES = {  # outputs, gradients; the state is float32 throughout, results round to the dtype
    torch.float32: FLOAT32,
    torch.bfloat16: (5e-3, 1e-2),
    torch.float16: (1e-3, 2e-3),
}


def loop(log_decay: Tensor, inputs: Tensor, state: Tensor, cu_seqlens: Tensor | None):
    """h_t = exp(g_t) h_{t-1} + b_t, as it reads."""
    bounds = [0, inputs.shape[1]] if cu_seqlens is None else cu_seqlens.tolist()
    outputs, finals = [], []
    for n in range(len(bounds) - 1):
        hidden = state if cu_seqlens is None else state[n : n + 1]
        for t in range(bounds[n], bounds[n + 1]):
            hidden = log_decay[:, t].exp() * hidden + inputs[:, t]
            outputs.append(hidden)
        finals.append(hidden)
    return torch.stack(outputs, dim=1), torch.cat(finals)


def problem(device, shape, num_states, dtype=torch.float32, decay_shape=None):
    """log_decay, inputs, state; decays from none to total."""
    generator = torch.Generator().manual_seed(0)
    decay_shape = shape if decay_shape is None else decay_shape
    log_decay = LEVELS[torch.randint(len(LEVELS), decay_shape, generator=generator)]
    inputs = torch.randn(shape, generator=generator)
    state = torch.randn((num_states, *shape[2:]), generator=generator)
    return log_decay.to(device, dtype), inputs.to(device, dtype), state.to(device)


def check(tensors, cu_seqlens=None):
    tolerance, gradient_tolerance = TOLERANCES[tensors[1].dtype]
    leaves = [x.clone().requires_grad_() for x in tensors]
    exact = [x.detach().double().requires_grad_() for x in tensors]
    expected = loop(exact[0].expand(tensors[1].shape), exact[1], exact[2], cu_seqlens)
    found = elementwise_scan(leaves[0], leaves[1], leaves[2], cu_seqlens, backend="triton")
    assert found.outputs.dtype == tensors[1].dtype
    assert found.state.dtype == torch.float32
    for result, value in zip(found, expected, strict=True):
        assert error_ratio(result, value) < tolerance
    weights = [torch.randn_like(result).double() for result in found]
    gradients = []
    for results, inputs in ((found, leaves), (expected, exact)):
        terms = [(x.double() * w).sum() for x, w in zip(results, weights, strict=True)]
        gradients.append(torch.autograd.grad(terms[0] + terms[1], inputs))
    for gradient, value in zip(*gradients, strict=True):
        assert error_ratio(gradient, value) < gradient_tolerance


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize(
    "shape", [(2, 1, 3), (1, CHUNK, 1, 2), (2, 2 * CHUNK + 1, 2), (1, CHUNK + 3)], ids=str
)
def test_values_and_gradients(device, dtype, shape):
    check(problem(device, shape, shape[0], dtype))


def test_more_channels_than_a_block_and_more_chunks_than_a_step(device):
    check(problem(device, (1, 2, 5), 1))
    check(problem(device, (1, CHUNK * 3 + 5, 1), 1))


@pytest.mark.parametrize(
    "decay_shape", [(1, 1, 3, 2), (2, 1, 3, 1), (1, 10, 1, 2), (2, 10, 1, 1)], ids=str
)
def test_a_broadcast_decay(device, decay_shape):
    check(problem(device, (2, 10, 3, 2), 2, decay_shape=decay_shape))


@pytest.mark.parametrize(
    "lengths", [[0, CHUNK - 1, 1, 0, 2 * CHUNK + 2, 0], [CHUNK, CHUNK], [0], [5]], ids=str
)
def test_packed_sequences(device, lengths):
    cu_seqlens = torch.tensor([0, *lengths], device=device).cumsum(0)
    tensors = problem(device, (1, sum(lengths), 2), len(lengths))
    if sum(lengths) == 0:
        found = elementwise_scan(*tensors, cu_seqlens, backend="triton")
        assert torch.equal(found.state, tensors[2])
    else:
        check(tensors, cu_seqlens.to(torch.int32))


def test_a_log_decay_of_any_strides(device):
    """Channels apart in memory, as behind a convolution over (B, D, T), and each second one."""
    log_decay, inputs, state = problem(device, (2, CHUNK + 3, 4), 2)
    check((log_decay.mT.contiguous().mT, inputs, state))
    check((log_decay.repeat_interleave(2, -1)[..., ::2], inputs, state))


def test_packed_sequences_are_apart(device):
    lengths = [CHUNK - 1, CHUNK + 2, 3]
    cu_seqlens = torch.tensor([0, *lengths], device=device).cumsum(0)
    tensors = problem(device, (1, sum(lengths), 2), 3)
    clean = elementwise_scan(*tensors, cu_seqlens, backend="triton")
    first, end = cu_seqlens[1:3].tolist()
    for tensor in tensors[:2]:
        tensor[:, first:end] = torch.nan
    found = elementwise_scan(*tensors, cu_seqlens, backend="triton")
    assert found.outputs[:, first:end].isnan().all()
    assert torch.equal(found.outputs[:, :first], clean.outputs[:, :first])
    assert torch.equal(found.outputs[:, end:], clean.outputs[:, end:])
    assert torch.equal(found.state[[0, 2]], clean.state[[0, 2]])


def test_no_state_is_a_zero_state(device):
    log_decay, inputs, state = problem(device, (2, CHUNK + 2, 2), 2)
    found = elementwise_scan(log_decay, inputs, backend="triton")
    zero = elementwise_scan(log_decay, inputs, torch.zeros_like(state), backend="triton")
    assert torch.equal(found.outputs, zero.outputs)
    assert torch.equal(found.state, zero.state)


def test_the_same_bits_each_time(device):
    runs = []
    for _ in range(2):
        leaves = [x.requires_grad_() for x in problem(device, (1, CHUNK + 4, 2), 1)]
        found = elementwise_scan(leaves[0], leaves[1], leaves[2], backend="triton")
        loss = found.outputs.square().sum() + found.state.sum()
        runs.append([*found, *torch.autograd.grad(loss, leaves)])
    assert all(torch.equal(first, second) for first, second in zip(*runs, strict=True))


def test_the_operators_are_well_formed(device):
    log_decay, inputs, state = problem(device, (1, 6, 2), 1)
    leaves = [x.requires_grad_() for x in (log_decay.clamp(min=-2), inputs, state)]
    torch.library.opcheck(_forward_op, (*leaves, None))
    bounds = torch.tensor([0, 2, 6], device=device)
    with torch.no_grad():
        outputs, final, states = _forward_op(log_decay, inputs, None, bounds)
        arguments = (log_decay, inputs, bounds, states, outputs, final)
        torch.library.opcheck(_backward_op, arguments)


def test_a_compiled_graph_gives_the_same(device):
    @torch.compile(fullgraph=True, backend="aot_eager")
    def loss_of(log_decay: Tensor, inputs: Tensor, state: Tensor) -> Tensor:
        found = elementwise_scan(log_decay, inputs.tanh(), state, backend="triton")
        return found.outputs.square().sum() + found.state.sum()

    leaves = [x.requires_grad_() for x in problem(device, (2, 10, 2), 2)]
    compiled = torch.autograd.grad(loss_of(*leaves), leaves)
    found = elementwise_scan(leaves[0], leaves[1].tanh(), leaves[2], backend="triton")
    plain = torch.autograd.grad(found.outputs.square().sum() + found.state.sum(), leaves)
    for gradient, value in zip(compiled, plain, strict=True):
        torch.testing.assert_close(gradient, value)


def test_refusals(device):
    log_decay, inputs, state = problem(device, (1, 4, 2), 1)
    with pytest.raises(ValueError, match="an argument is float64"):
        elementwise_scan(log_decay, inputs.double(), backend="triton")
    with pytest.raises(
        ValueError, match="no backend 'tritn'; there are auto, chunked, reference, triton"
    ):
        elementwise_scan(log_decay, inputs, state, backend="tritn")
    with pytest.raises(
        NotImplementedError,
        match=r"no vmap rule: put .*\(M \* B, T, \.\.\.\), or use backend='reference'$",
    ):
        torch.func.vmap(partial(elementwise_scan, backend="triton"))(log_decay[None], inputs[None])
    inputs.requires_grad_()
    outputs, _ = elementwise_scan(log_decay, inputs, state, backend="triton")
    (gradient,) = torch.autograd.grad(outputs.square().sum(), inputs, create_graph=True)
    with pytest.raises(RuntimeError, match="elementwise_scan differentiates once"):
        gradient.sum().backward()
