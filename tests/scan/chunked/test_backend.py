"""The chunked form against the dense token loop: values, gradients, chunks, packs, causality."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqzoo.scan import scan

from ..oracle import DECAYS, ERASES, Case, cases, dense_loop, error_ratio, make_case, with_gradients

# Error ratios, RMSE over RMS against float64: rounding of T = 24 tokens, with a margin of 10.
TOLERANCES = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 1e-3}

relaxed = settings(deadline=None, derandomize=True, max_examples=60)


def chunked(case: Case, chunk_size: int = 64):
    return scan(*case.arguments(), **case.options(), chunk_size=chunk_size, backend="chunked")


def check(case: Case, chunk_size: int, dtype: torch.dtype) -> None:
    """Values and all gradients in `dtype` against the oracle in float64 on the same numbers."""
    case = case.to(dtype).to(torch.float64) if dtype != torch.float64 else case
    expected, expected_gradients = with_gradients(case, dense_loop)
    found, gradients = with_gradients(case.to(dtype), lambda c: chunked(c, chunk_size))
    ratios = {name: error_ratio(found[name], expected[name]) for name in expected}
    for name, gradient in expected_gradients.items():
        ratios[f"gradient of {name}"] = error_ratio(gradients[name], gradient)
    wrong = {name: ratio for name, ratio in ratios.items() if not ratio <= TOLERANCES[dtype]}
    assert not wrong


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("erase", ERASES)
@pytest.mark.parametrize("decay", DECAYS)
def test_every_kind_agrees_with_the_dense_loop(decay, erase, per_channel):
    check(make_case(time=21, decay=decay, erase=erase, per_channel=per_channel), 8, torch.float64)


@relaxed
@given(case=cases(), chunk_size=st.integers(1, 26))
def test_float64(case, chunk_size):
    check(case, chunk_size, torch.float64)


@relaxed
@given(case=cases(), chunk_size=st.integers(1, 26))
def test_float32(case, chunk_size):
    check(case, chunk_size, torch.float32)


@relaxed
@given(case=cases(packed=True), chunk_size=st.integers(1, 8))
def test_packed_sequences(case, chunk_size):
    check(case, chunk_size, torch.float64)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("per_channel", [False, True])
def test_half_precision_loses_only_its_own_digits(dtype, per_channel):
    case = make_case(time=40, decay="weak", per_channel=per_channel)
    check(case, 16, dtype)
    outputs, state = chunked(case.to(dtype))
    assert outputs.dtype == dtype
    assert state.dtype == torch.float32


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("before_decay", [False, True])
@pytest.mark.parametrize("kind", ["mixed", "strong"])
def test_extreme_decays_keep_their_digits_in_float32(kind, before_decay, per_channel):
    """Whole chunks of exp(-30) a token, and weak decays beside them, over 200 tokens."""
    erase = "before_decay" if before_decay else "read"
    check(
        make_case(time=200, decay=kind, per_channel=per_channel, erase=erase, batch=1, heads=1),
        64,
        torch.float32,
    )


@relaxed
@given(case=cases(), chunk_size=st.integers(1, 8), data=st.data())
def test_splitting_anywhere_and_carrying_the_state(case, chunk_size, data):
    time = case.tensors["queries"].shape[1]
    cut = data.draw(st.integers(0, time))
    whole = chunked(case, chunk_size)
    first = chunked(case.tokens(0, cut, case.tensors.get("state")), chunk_size)
    second = chunked(case.tokens(cut, time, first.state), chunk_size)
    outputs = torch.cat((first.outputs, second.outputs), dim=1)
    assert error_ratio(outputs, whole.outputs) < 1e-12
    assert error_ratio(second.state, whole.state) < 1e-12


@relaxed
@given(case=cases(max_time=40), chunk_size=st.integers(1, 16), data=st.data())
def test_outputs_never_see_later_tokens(case, chunk_size, data):
    """Bit for bit: the outputs before t are the same whatever stands at t and after."""
    case = case.to(torch.float32)
    time = case.tensors["queries"].shape[1]
    t = data.draw(st.integers(0, time))
    other = make_case(
        **_like(case), seed=data.draw(st.integers(0, 99)), batch=len(case.tensors["queries"])
    )
    changed = {
        name: tensor
        if name == "state"
        else torch.cat((tensor[:, :t], 3 * other.tensors[name].to(tensor.dtype)[:, t:]), dim=1)
        for name, tensor in case.tensors.items()
    }
    expected = chunked(case, chunk_size).outputs[:, :t]
    assert torch.equal(chunked(replace(case, tensors=changed), chunk_size).outputs[:, :t], expected)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("erase", ["none", "tied", "before_decay"])
def test_nan_in_one_packed_sequence_stays_there(erase, per_channel):
    lengths = (5, 0, 7, 3)
    case = make_case(lengths=lengths, erase=erase, per_channel=per_channel)
    expected = chunked(case, 4)
    poisoned = {name: tensor.clone() for name, tensor in case.tensors.items()}
    for name, tensor in poisoned.items():
        if name == "state":
            tensor[2] = torch.nan
        else:
            tensor[:, 5:12] = torch.nan
    found = chunked(replace(case, tensors=poisoned), 4)
    keep = [0, 1, 3]
    assert torch.equal(found.outputs[:, :5], expected.outputs[:, :5])
    assert torch.equal(found.outputs[:, 12:], expected.outputs[:, 12:])
    assert torch.equal(found.state[keep], expected.state[keep])
    assert found.outputs[:, 5:12].isnan().all()


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("erase", ["none", "tied", "before_decay"])
def test_gradcheck(erase, per_channel):
    """Finite differences, since all other gradients are checked against autograd."""
    case = make_case(
        batch=1,
        time=5,
        heads=1,
        key_size=2,
        value_size=2,
        decay="weak",
        erase=erase,
        per_channel=per_channel,
    )
    names, tensors = zip(*case.tensors.items(), strict=True)
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]

    def run(*values):
        return tuple(chunked(replace(case, tensors=dict(zip(names, values, strict=True))), 2))

    assert torch.autograd.gradcheck(run, leaves)


@pytest.mark.parametrize("erase", ["none", "tied", "general"])
@pytest.mark.parametrize("decay", ["none", "mixed"])
def test_whole_chunks_of_usual_sizes_in_float32(decay, erase):
    """Several chunks of 32 tokens, where the small cases above have short ones."""
    case = make_case(
        time=150, key_size=48, value_size=64, rank=3, decay=decay, erase=erase, batch=1
    )
    check(case, 64, torch.float32)


@pytest.mark.parametrize("strength", [1.0, 2.0])
def test_one_key_over_and_over_in_float32(strength):
    """The worst that delta rules meet: every token erases what the last one wrote."""
    case = make_case(time=64, batch=1, key_size=8, decay="none", strengths=False, rank=1)
    case.tensors["keys"] = case.tensors["keys"][:, :1].expand_as(case.tensors["keys"]).clone()
    case.tensors["strength"] = torch.full_like(case.tensors["strength"], strength)
    check(case, 64, torch.float32)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("erase", ["none", "tied", "general"])
def test_backward_leaves_what_it_needs_untouched(erase, per_channel):
    case = make_case(erase=erase, per_channel=per_channel)
    leaves = [tensor.requires_grad_() for tensor in case.tensors.values()]
    outputs, state = chunked(case, 8)
    loss = outputs.square().sum() + state.square().sum()
    first = torch.autograd.grad(loss, leaves, retain_graph=True)
    second = torch.autograd.grad(loss, leaves)
    assert all(map(torch.equal, first, second))


@pytest.mark.parametrize("erase", ["none", "tied"])
def test_gradients_of_the_state_alone(erase):
    case = make_case(erase=erase)
    leaves = {name: tensor.requires_grad_() for name, tensor in case.tensors.items()}
    wanted = [leaf for name, leaf in leaves.items() if name != "queries"]
    expected = torch.autograd.grad(dense_loop(case)[1].square().sum(), wanted)
    found = torch.autograd.grad(chunked(case, 8).state.square().sum(), wanted)
    for gradient, right in zip(found, expected, strict=True):
        assert error_ratio(gradient, right) < 1e-10


def test_a_second_derivative_is_refused():
    case = make_case()
    leaf = case.tensors["queries"].requires_grad_()
    loss = chunked(case).outputs.square().sum()
    (gradient,) = torch.autograd.grad(loss, leaf, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiates once"):
        gradient.square().sum().backward()


def test_backward_under_autocast_keeps_its_precision():
    case = make_case(time=30, decay="weak").to(torch.float32)
    leaves = [tensor.requires_grad_() for tensor in case.tensors.values()]
    expected = torch.autograd.grad(chunked(case).outputs.square().sum(), leaves)
    with torch.autocast("cpu", torch.bfloat16):
        found = torch.autograd.grad(chunked(case).outputs.square().sum(), leaves)
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("decay", ["none", "weak"])
def test_training_after_inference_mode(decay):
    """Nothing made under inference mode may come back into a graph."""
    case = make_case(decay=decay)
    with torch.inference_mode():
        expected = chunked(case).outputs.clone()
    leaf = case.tensors["queries"].requires_grad_()
    outputs = chunked(case).outputs
    outputs.sum().backward()
    assert torch.equal(outputs.detach(), expected)
    assert leaf.grad is not None
    assert (leaf.grad != 0).any()


def test_memory_grows_linearly():
    """Saved for backward: 16 times the tokens, about 16 times the elements, and no more."""

    def saved(time: int) -> int:
        case = make_case(time=time, batch=1, heads=1, decay="weak").to(torch.float32)
        for tensor in case.tensors.values():
            tensor.requires_grad_()
        count = 0

        def pack(tensor):
            nonlocal count
            count += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            chunked(case)
        return count

    assert saved(2048) < 17 * saved(128)


def _like(case: Case) -> dict:
    """The sizes and kinds of a case, for another one with other numbers."""
    tensors = case.tensors
    _, time, rank, heads, key_size = tensors["keys"].shape
    log_decay = tensors.get("log_decay")
    erase = "none"
    if "strength" in tensors:
        erase = "read" if "read" in tensors else "tied"
    elif "write" in tensors:
        erase = "general" if "read" in tensors else "tied_general"
    return {
        "time": time,
        "heads": heads,
        "key_size": key_size,
        "rank": rank,
        "value_size": tensors["values"].shape[-1],
        "decay": "none" if log_decay is None else "mixed",
        "per_channel": log_decay is not None and log_decay.ndim == 4,
        "erase": erase,
    }
