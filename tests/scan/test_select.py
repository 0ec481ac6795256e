"""Backends by name, by object and by rule, and the explanation."""

from __future__ import annotations

import pytest
import torch

from seqzoo.scan import (
    BUILTIN_BACKENDS,
    Backend,
    ScanResult,
    Writes,
    explain_backend,
    register_backend,
    scan,
    step,
)
from seqzoo.scan.triton.available import interpreting

from .oracle import dense_loop, error_ratio, make_case

TORCH_BACKENDS = tuple(backend for backend in BUILTIN_BACKENDS if backend.name != "triton")


class Constant:
    """A backend that gives itself away, and refuses packed sequences."""

    name = "constant"

    def supports(self, problem):
        return None if problem.cu_seqlens is None else "it takes no packed sequences"

    def scan(self, problem):
        return ScanResult(torch.full((1,), 42.0), problem.initial_state())

    step = scan


def test_the_table_and_the_protocol():
    names = [backend.name for backend in BUILTIN_BACKENDS]
    in_torch = ["chunked", "reference"]
    assert names == ([*in_torch, "triton"] if interpreting() else ["triton", *in_torch])
    assert all(isinstance(backend, Backend) for backend in (*BUILTIN_BACKENDS, Constant()))


@pytest.mark.parametrize("backend", ["auto", "chunked", "reference", *TORCH_BACKENDS])
def test_every_built_in_computes_the_same(backend):
    case = make_case()
    outputs, state = dense_loop(case)
    result = scan(*case.arguments(), backend=backend)
    assert error_ratio(result.outputs, outputs) < 1e-12
    assert error_ratio(result.state, state) < 1e-12


def test_auto_is_explained():
    choice = explain_backend(*make_case().arguments())
    assert choice.name == "chunked"
    assert tuple(reason for reason in choice.reasons if "triton:" not in reason) == (
        "chunked: used, the first backend that can compute it",
        "reference: not used, chunked comes first",
    )
    asked = explain_backend(*make_case().arguments(), backend="reference")
    assert asked.name == "reference"
    assert asked.reasons == ("reference: used, it was asked for by name",)


def test_a_registered_backend_is_preferred_and_nothing_global_changes():
    table = register_backend(BUILTIN_BACKENDS, Constant())
    arguments = make_case().arguments()
    assert scan(*arguments, backends=table).outputs.item() == 42.0
    assert scan(*arguments, backend="constant", backends=table).outputs.item() == 42.0
    assert scan(*arguments, backend=Constant()).outputs.item() == 42.0
    assert explain_backend(*arguments).name == "chunked"


def test_a_backend_that_refuses_is_passed_over_with_its_reason():
    table = register_backend(BUILTIN_BACKENDS, Constant())
    packed = make_case(lengths=(3, 4))
    choice = explain_backend(*packed.arguments(), cu_seqlens=packed.cu_seqlens, backends=table)
    assert choice.name == "chunked"
    assert choice.reasons[0] == "constant: not used, it takes no packed sequences"
    with pytest.raises(ValueError, match=r"'constant' cannot compute .* no packed sequences"):
        scan(*packed.arguments(), cu_seqlens=packed.cu_seqlens, backend=Constant())
    with pytest.raises(ValueError, match="no scan backend supports this problem: constant"):
        scan(*packed.arguments(), cu_seqlens=packed.cu_seqlens, backends=(Constant(),))


def test_wrong_names_and_wrong_backends():
    arguments = make_case().arguments()
    with pytest.raises(ValueError, match=r"no scan backend 'chunk'; .* Did you mean 'chunked'"):
        scan(*arguments, backend="chunk")
    with pytest.raises(ValueError, match="'chunked' is taken"):
        register_backend(BUILTIN_BACKENDS, BUILTIN_BACKENDS[0])
    with pytest.raises(ValueError, match="needs name, supports, scan and step; object lacks some"):
        register_backend(BUILTIN_BACKENDS, object())  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", ["chunked", "reference"])
def test_autocast_does_not_lower_the_precision(backend):
    case = make_case(time=30, decay="weak").to(torch.float32)
    expected = scan(*case.arguments(), backend=backend)
    with torch.autocast("cpu", torch.bfloat16):
        found = scan(*case.arguments(), backend=backend)
    assert torch.equal(found.outputs, expected.outputs)
    assert torch.equal(found.state, expected.state)


def test_step_takes_the_same_table():
    queries, transition, writes, _ = make_case(decay="none", erase="none").arguments()
    token = Writes(writes.keys[:, 0], writes.values[:, 0])
    assert step(queries[:, 0], transition, token, backend=Constant()).outputs.item() == 42.0
