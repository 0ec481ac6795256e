"""The kernels of the linear recurrence at the points of numerics; natively where there is a GPU.

In the interpreter a kernel takes a second where a GPU takes microseconds, so there the points meet
the kinds of decay and erase that differ in code, not every one; but each decay meets each erase, in
chunks as long as the kernels make them.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seqzoo.scan import Erase, Transition, Writes, scan, step
from seqzoo.scan.chunked.rows import ScanOptions
from seqzoo.scan.triton.scan_op import triton_scan, triton_step

from ..numerics import (
    Setting,
    chunks_do_not_show,
    extreme_decays_stay_right,
    gradients_agree,
    packed_sequences_are_apart,
    splits_and_steps_agree,
    states_are_wide,
)
from ..oracle import ERASES, dense_loop, error_ratio, make_case, with_gradients

HALVES = (torch.bfloat16, torch.float16)
DECAYS = {
    "none": {"decay": "none"},
    "head": {"decay": "mixed"},
    "channel": {"decay": "mixed", "per_channel": True},
}


def setting(device: torch.device, dtype: torch.dtype, time: int = 39, **changes: int) -> Setting:
    return Setting("triton", device.type, dtype, time, **changes)


def longest(device: torch.device, dtype: torch.dtype, time: int) -> Setting:
    """In chunks as long as the kernels make them of heads up to 128."""
    return setting(device, dtype, time, chunk_size=64, heads=1)


@pytest.mark.parametrize("erase", ERASES)
@pytest.mark.parametrize("decay", DECAYS)
def test_every_decay_meets_every_erase(device, decay, erase):
    """In a chunk of two blocks, with two writes a token."""
    here = longest(device, torch.float32, time=29)
    here.agree(here.case(**DECAYS[decay], erase=erase, rank=2, scale=0.5))


@pytest.mark.parametrize("erase", ["none", "tied", "general"])
@pytest.mark.parametrize("decay", DECAYS)
def test_heads_that_share_keys_read_them_where_they_lie(device, decay, erase):
    """Four heads on two of keys, against the same keys written out for every head.

    In a chunk of two blocks; in the interpreter of one where each channel decays, which takes long.
    """
    time = 7 if decay == "channel" and device.type == "cpu" else 19
    here = longest(device, torch.float32, time)
    case = make_case(
        batch=1, heads=4, time=time, key_size=8, value_size=8, **DECAYS[decay], erase=erase, rank=2
    ).to(torch.float32)
    shared = [name for name in ("queries", "keys", "read", "write") if name in case.tensors]
    few = {name: case.tensors[name][..., ::2, :].contiguous() for name in shared}
    grouped = replace(case, tensors=case.tensors | few)
    apart = {name: tensor.repeat_interleave(2, dim=-2) for name, tensor in few.items()}
    expected, wanted = with_gradients(replace(case, tensors=case.tensors | apart), here.scan)
    found, gradients = with_gradients(grouped, here.scan)
    for name, value in expected.items():
        assert error_ratio(found[name], value) < 1e-6, name
    for name, gradient in wanted.items():
        if name in shared:
            gradient = gradient.unflatten(-2, (2, 2)).sum(-2)
        assert error_ratio(gradients[name], gradient) < 1e-5, name


@pytest.mark.parametrize("features", ["linear attention", "retention", "prism", "rwkv7"])
def test_gradients_agree(device, features):
    """Over chunks of one block, of one and of three writes, with and without a state."""
    heads = 1 if features == "rwkv7" and device.type == "cpu" else 2  # the interpreter takes long
    gradients_agree(setting(device, torch.float32, heads=heads), features)


@pytest.mark.parametrize(
    ("dtype", "features"),
    [
        (torch.bfloat16, "linear attention"),
        (torch.bfloat16, "prism"),
        (torch.bfloat16, "rwkv7"),
        (torch.float16, "comba"),
        (torch.float16, "kda"),
    ],
    ids=str,
)
def test_gradients_agree_in_half_precision(device, features, dtype):
    """In a chunk of four blocks."""
    gradients_agree(longest(device, dtype, time=61), features)


@pytest.mark.parametrize("features", ["prism", "comba", "rwkv7"])
def test_extreme_decays_stay_right(device, features):
    extreme_decays_stay_right(longest(device, torch.float32, time=35), features)


@pytest.mark.parametrize("features", ["prism", "own erase key", "kda"])
def test_packed_sequences_are_apart(device, features):
    packed_sequences_are_apart(setting(device, torch.float32, time=18, heads=1), features)


@pytest.mark.parametrize("features", ["prism", "gla"])
def test_chunks_do_not_show(device, features):
    chunks_do_not_show(setting(device, torch.float32), features)


@pytest.mark.parametrize("features", ["prism", "comba"])
def test_splits_and_steps_agree(device, features):
    splits_and_steps_agree(setting(device, torch.float32, time=19, heads=1), features)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_states_are_wide(device, dtype):
    states_are_wide(setting(device, dtype, time=19), "gated delta rule")


@pytest.mark.parametrize(
    ("decay", "key_size", "value_size"),
    [
        ("head", 1, 1),
        ("head", 8, 40),
        ("head", 256, 24),
        ("channel", 100, 9),
        ("channel", 24, 256),
        ("channel", 256, 8),
    ],
)
def test_sizes_up_to_256_powers_of_two_or_not(device, decay, key_size, value_size):
    rank = 2 if decay == "head" else 1
    here = longest(device, torch.float32, time=18 if key_size < 256 else 7)
    sizes = {"key_size": key_size, "value_size": value_size}
    here.agree(here.case(**DECAYS[decay], **sizes, rank=rank, scale=0.5))


def test_it_is_the_same_from_run_to_run(device):
    here = longest(device, torch.float32, time=35)
    case = here.case(per_channel=True)
    runs = [with_gradients(case, here.scan) for _ in range(2)]
    for first, second in zip(*runs, strict=True):
        assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("erase", ERASES)
@pytest.mark.parametrize("decay", DECAYS)
def test_every_step_is_a_token_of_the_scan(device, decay, erase, dtype):
    case = make_case(
        batch=2, time=1, rank=3, **DECAYS[decay], erase=erase, state=erase != "read", scale=0.5
    ).to(dtype)
    expected, last = dense_loop(case.to(torch.float64))
    queries, transition, writes, state = moved(case, device)
    erase = transition.erase
    if erase is not None:
        erase = Erase(
            first(erase.read),
            first(erase.strength),
            first(erase.write),
            before_decay=erase.before_decay,
        )
    result = step(
        queries[:, 0],
        Transition(first(transition.log_decay), erase),
        Writes(writes.keys[:, 0], writes.values[:, 0], first(writes.strengths)),
        state,
        scale=0.5,
        backend="triton",
    )
    assert result.outputs.dtype == dtype
    assert error_ratio(result.outputs.cpu(), expected[:, 0]) < (
        1e-5 if dtype == torch.float32 else 5e-3
    )
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


KINDS = {
    "tied": {},
    "channel": {"erase": "before_decay", "per_channel": True},
    "own key": {"erase": "read", "rank": 1},
    "plain": {"erase": "none", "decay": "none", "strengths": False, "state": False},
    "packed": {"lengths": (2, 0, 3)},
}


@pytest.fixture(params=KINDS)
def arguments(device, request):
    """What `seqzoo::triton_scan` is called with; sizes as `padded` makes them."""
    sizes = {"batch": 1, "heads": 1, "time": 5, "key_size": 16, "value_size": 16}
    case = make_case(**(sizes | KINDS[request.param])).to(torch.float32)
    get = {name: tensor.to(device) for name, tensor in case.tensors.items()}.get
    bounds = None if case.cu_seqlens is None else case.cu_seqlens.to(device)
    return (
        *(get("queries"), get("keys"), get("values"), get("strengths"), get("log_decay")),
        *(get("read"), get("strength"), get("write"), get("state")),
        *ScanOptions(bounds, case.before_decay, case.scale, 16),
    )


def test_the_operator_keeps_the_rules_of_operators(arguments):
    torch.library.opcheck(
        torch.ops.seqzoo.triton_scan, tuple(given_gradients(x) for x in arguments)
    )


def test_so_does_its_backward(arguments):
    with torch.no_grad():
        gradients = [torch.randn_like(result) for result in triton_scan(*arguments)]
    operator = torch.ops.seqzoo.triton_scan_backward
    torch.library.opcheck(operator, (*gradients, *arguments))
    shapes = ("test_schema", "test_faketensor")
    torch.library.opcheck(operator, (None, gradients[1], *arguments), test_utils=shapes)


def test_so_does_a_step(arguments):
    *tensors, state = arguments[:9]
    tokens = [None if tensor is None else tensor[:1, 0].contiguous() for tensor in tensors]
    state = None if state is None else state[:1]
    torch.library.opcheck(triton_step, (*tokens, state, arguments[10], 1.0, False))


@pytest.mark.parametrize("lengths", [None, (7, 0, 11)], ids=["whole", "packed"])
def test_it_is_one_node_of_a_compiled_graph(device, lengths):
    case = make_case(batch=1, heads=1, time=18, lengths=lengths).to(torch.float32)

    def run(case):
        return scan(*case.arguments(), **case.options(), backend="triton")

    torch.compiler.reset()
    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    (found, gradients), (expected, expected_gradients) = (
        with_gradients(on(device, case), lambda case, call=call: [x.cpu() for x in call(case)])
        for call in (compiled, run)
    )
    for name, value in {**expected, **expected_gradients}.items():
        assert torch.equal({**found, **gradients}[name], value), name


def test_a_step_is_one_node_of_a_compiled_graph(device):
    case = make_case(batch=2, time=1, decay="none", erase="none").to(torch.float32)
    queries, transition, writes, state = moved(case, device)
    writes = Writes(writes.keys[:, 0], writes.values[:, 0], first(writes.strengths))

    def run(queries):
        return step(queries, transition, writes, state, backend="triton")

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        for found, expected in zip(compiled(queries[:, 0]), run(queries[:, 0]), strict=True):
            assert torch.equal(found, expected)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("name", ["log_decay", "keys"])
def test_what_is_no_number_is_not_hidden(device, name, per_channel):
    """Also in a log decay, whose limit below might take its place."""
    case = make_case(batch=1, heads=1, time=20, per_channel=per_channel).to(torch.float32)
    case.tensors[name][:, 3] = torch.nan
    result = setting(device, torch.float32).scan(case)
    assert result.outputs[:, 3:].isnan().all()
    assert result.state.isnan().all()
    token = case.tokens(3, 4, case.tensors["state"])
    queries, transition, writes, state = moved(token, device)
    erase = transition.erase
    assert erase is not None
    stepped = step(
        queries[:, 0],
        Transition(first(transition.log_decay), Erase(strength=first(erase.strength))),
        Writes(writes.keys[:, 0], writes.values[:, 0], first(writes.strengths)),
        state,
        backend="triton",
    )
    assert stepped.outputs.isnan().all()


@pytest.mark.parametrize("name", ["keys", "values"])
def test_what_is_no_number_reaches_no_earlier_chunk_and_no_other_head(device, name):
    """Within its chunk it does: a product multiplies what a mask has made zero."""
    case = make_case(batch=2, heads=2, time=40).to(torch.float32)
    here = setting(device, torch.float32, chunk_size=16)
    clean = here.scan(case)
    case.tensors[name][0, 20, 0, 1] = torch.nan
    found = here.scan(case).outputs
    assert found[0, 20:, 1].isnan().any(dim=-1).all()
    assert torch.equal(found[0, :16], clean.outputs[0, :16])
    assert torch.equal(found[0, :, 0], clean.outputs[0, :, 0])
    assert torch.equal(found[1], clean.outputs[1])


def test_what_it_refuses(device):
    case = make_case(batch=1, time=4, decay="none", erase="none")
    with pytest.raises(ValueError, match=r"computes in float32, and the tensors ask for torch\.f"):
        scan(*moved(case, device), backend="triton")
    case = make_case(batch=1, time=4, key_size=257, decay="none", erase="none").to(torch.float32)
    with pytest.raises(ValueError, match="sizes from 1 to 256, not 257, 5"):
        scan(*moved(case, device), backend="triton")
    case = make_case(batch=1, time=4, decay="none", erase="none").to(torch.float32)
    queries, transition, writes, state = moved(case, device)
    token = Writes(writes.keys[:, 0], writes.values[:, 0], first(writes.strengths))
    for function, mapped in (
        (lambda q: scan(q, transition, writes, state, backend="triton").outputs, queries),
        (lambda q: step(q, transition, token, state, backend="triton").outputs, queries[:, 0]),
    ):
        with pytest.raises(NotImplementedError, match="no vmap rule"):
            torch.func.vmap(function)(mapped[None])
    queries.requires_grad_()
    outputs = scan(queries, transition, writes, state, backend="triton").outputs
    (gradient,) = torch.autograd.grad(outputs.square().sum(), queries, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiates once"):
        gradient.sum().backward()


@pytest.mark.parametrize("batch", [0, 1])
def test_nothing_to_scan(device, batch):
    """The outputs are empty, and still lead back to every input."""
    case = make_case(batch=batch, time=0).to(torch.float32)
    (outputs, state), gradients = with_results_and_gradients(on(device, case))
    assert outputs.shape == (batch, 0, 2, 5)
    assert torch.equal(state.cpu(), case.tensors["state"])
    for name, gradient in gradients.items():
        expected = torch.ones_like if name == "state" else torch.zeros_like
        assert torch.equal(gradient, expected(gradient)), name


def with_results_and_gradients(case):
    """The scan of a case, and the gradients of the sum of its results."""
    names = list(case.tensors)
    leaves = {name: case.tensors[name].clone().requires_grad_() for name in names}
    result = scan(*replace(case, tensors=leaves).arguments(), backend="triton")
    total = result.outputs.sum() + result.state.sum()
    gradients = torch.autograd.grad(total, [leaves[name] for name in names])
    return result, dict(zip(names, gradients, strict=True))


def first(tensor):
    """The one token of a tensor of T = 1, or None."""
    return None if tensor is None else tensor[:, 0]


def given_gradients(argument):
    """A leaf that wants a gradient, of a tensor of numbers."""
    if isinstance(argument, torch.Tensor) and argument.is_floating_point():
        return argument.clone().requires_grad_()
    return argument


def on(device, case):
    """The case on the device."""
    bounds = None if case.cu_seqlens is None else case.cu_seqlens.to(device)
    tensors = {name: tensor.to(device) for name, tensor in case.tensors.items()}
    return replace(case, tensors=tensors, cu_seqlens=bounds)


def moved(case, device):
    """A case's arguments on the device."""
    return on(device, case).arguments()
