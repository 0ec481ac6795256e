"""The kernels of the linear recurrence at the points of numerics; natively where there is a GPU.

In the interpreter a kernel takes a second where a GPU takes microseconds, so there the points meet
the kinds of decay and erase that differ in code, not every one.
"""

from __future__ import annotations

import pytest
import torch

from seqzoo.scan import Erase, Transition, Writes, scan, step
from seqzoo.scan.passes import ScanOptions
from seqzoo.scan.triton.scan_op import triton_scan

from ..numerics import (
    FEATURES,
    Setting,
    chunks_do_not_show,
    extreme_decays_stay_right,
    gradients_agree,
    packed_sequences_are_apart,
    splits_and_steps_agree,
    states_are_wide,
)
from ..oracle import dense_loop, error_ratio, make_case, with_gradients

HALVES = (torch.bfloat16, torch.float16)


def setting(device: torch.device, dtype: torch.dtype, time: int = 39) -> Setting:
    return Setting("triton", device.type, dtype, time)


@pytest.mark.parametrize("features", FEATURES)
def test_gradients_agree(device, features):
    gradients_agree(setting(device, torch.float32), features)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("features", ["linear attention", "prism", "kda", "rwkv7"])
def test_gradients_agree_in_half_precision(device, features, dtype):
    gradients_agree(setting(device, dtype, time=23), features)


@pytest.mark.parametrize("features", ["prism", "comba", "rwkv7"])
def test_extreme_decays_stay_right(device, features):
    extreme_decays_stay_right(setting(device, torch.float32, time=20), features)


@pytest.mark.parametrize("features", ["prism", "own erase key", "kda"])
def test_packed_sequences_are_apart(device, features):
    packed_sequences_are_apart(setting(device, torch.float32, time=18), features)


@pytest.mark.parametrize("features", ["prism", "gla"])
def test_chunks_do_not_show(device, features):
    chunks_do_not_show(setting(device, torch.float32), features)


@pytest.mark.parametrize("features", ["prism", "comba"])
def test_splits_and_steps_agree(device, features):
    splits_and_steps_agree(setting(device, torch.float32, time=19), features)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_states_are_wide(device, dtype):
    states_are_wide(setting(device, dtype, time=19), "gated delta rule")


@pytest.mark.parametrize("sizes", [(1, 1), (8, 40), (100, 9)])
def test_sizes_that_are_no_powers_of_two(device, sizes):
    key_size, value_size = sizes
    case = make_case(
        batch=1, heads=1, time=18, key_size=key_size, value_size=value_size, rank=2, scale=0.5
    )
    expected, of_expected = with_gradients(case, dense_loop)
    found, of_found = with_gradients(case.to(torch.float32), setting(device, torch.float32).scan)
    for name, value in expected.items():
        assert error_ratio(found[name], value) < 1e-4
    for name, value in of_expected.items():
        assert error_ratio(of_found[name], value) < 1e-4


def test_it_is_the_same_from_run_to_run(device):
    case = make_case(batch=1, time=40, per_channel=True).to(torch.float32)
    runs = [with_gradients(case, setting(device, torch.float32).scan) for _ in range(2)]
    for first, second in zip(*runs, strict=True):
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_every_step_is_a_token_of_the_scan(device):
    case = make_case(batch=2, time=1, rank=3, per_channel=True, erase="before_decay")
    queries, transition, writes, state = moved(case.to(torch.float32), device)
    expected, last = dense_loop(case)
    erase = transition.erase
    assert erase is not None
    assert erase.read is not None
    assert erase.write is not None
    assert transition.log_decay is not None
    assert writes.strengths is not None
    result = step(
        queries[:, 0],
        Transition(
            transition.log_decay[:, 0],
            Erase(erase.read[:, 0], write=erase.write[:, 0], before_decay=True),
        ),
        Writes(writes.keys[:, 0], writes.values[:, 0], writes.strengths[:, 0]),
        state,
        backend="triton",
    )
    assert error_ratio(result.outputs.cpu(), expected[:, 0]) < 1e-5
    assert error_ratio(result.state.cpu(), last) < 1e-5


def test_a_step_is_differentiable(device):
    case = make_case(time=1, batch=1, decay="none", erase="none").to(torch.float32)
    queries, transition, writes, state = moved(case, device)
    queries = queries[:, 0].requires_grad_()
    result = step(
        queries, transition, Writes(writes.keys[:, 0], writes.values[:, 0]), state, backend="triton"
    )
    (gradient,) = torch.autograd.grad(result.outputs.sum(), queries)
    assert error_ratio(gradient.cpu(), result.state.sum(2).cpu()) < 1e-5


def test_the_operator_keeps_the_rules_of_operators(device):
    case = make_case(batch=1, heads=1, time=18, rank=2).to(torch.float32)
    given = {name: tensor.to(device).requires_grad_() for name, tensor in case.tensors.items()}
    get = given.get
    options = ScanOptions(None, False, 1.0, 64)
    arguments = (
        *(given["queries"], given["keys"], given["values"], get("strengths"), get("log_decay")),
        *(None, get("strength"), None, get("state")),
        *options,
    )
    torch.library.opcheck(triton_scan, arguments)


def test_it_is_one_node_of_a_compiled_graph(device):
    case = make_case(batch=1, time=18).to(torch.float32)
    queries, transition, writes, state = moved(case, device)

    def run(queries):
        return scan(queries, transition, writes, state, backend="triton").outputs

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(queries), run(queries))


def test_what_it_refuses(device):
    case = make_case(batch=1, time=4, decay="none", erase="none")
    with pytest.raises(ValueError, match=r"computes in float32, and the tensors ask for torch\.f"):
        scan(*moved(case, device), backend="triton")
    case = make_case(batch=1, time=4, key_size=257, decay="none", erase="none").to(torch.float32)
    with pytest.raises(ValueError, match="sizes from 1 to 256, not 257, 5"):
        scan(*moved(case, device), backend="triton")
    case = make_case(batch=1, time=4, decay="none", erase="none").to(torch.float32)
    queries, transition, writes, state = moved(case, device)
    with pytest.raises(NotImplementedError, match="no vmap rule"):
        torch.func.vmap(lambda q: scan(q, transition, writes, state, backend="triton").outputs)(
            queries[None]
        )
    queries.requires_grad_()
    outputs = scan(queries, transition, writes, state, backend="triton").outputs
    (gradient,) = torch.autograd.grad(outputs.square().sum(), queries, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiates once"):
        gradient.sum().backward()


def test_nothing_to_scan(device):
    case = make_case(batch=1, time=0).to(torch.float32)
    outputs, state = scan(*moved(case, device), backend="triton")
    assert outputs.shape == (1, 0, 2, 5)
    assert torch.equal(state.cpu(), case.tensors["state"])


def moved(case, device):
    """A case's arguments on the device."""
    case.tensors = {name: tensor.to(device) for name, tensor in case.tensors.items()}
    return case.arguments()
