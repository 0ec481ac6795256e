"""The chunked form as a custom operator: its registration, in graphs, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seqzoo.scan import scan
from seqzoo.scan.check import check_scan
from seqzoo.scan.chunked.rows import scan_tensors

from ..oracle import Case, error_ratio, make_case, with_gradients

# One of each: a first key tied or not, decays of both shapes, nothing but the needed, packs.
CASES = {
    "tied": {},
    "channel": {"erase": "before_decay", "per_channel": True},
    "plain": {"erase": "none", "decay": "none", "strengths": False, "state": False},
    "packed": {"lengths": (5, 0, 7)},
}


@pytest.fixture(params=CASES)
def case(request):
    return make_case(time=12, **CASES[request.param])


def operator_arguments(case: Case, requires_grad: bool):
    queries, transition, writes, state = case.arguments()
    problem = check_scan(queries, transition, writes, state, case.cu_seqlens, case.scale)
    tensors = [*scan_tensors(problem), state]
    leaves = [None if t is None else t.clone().requires_grad_(requires_grad) for t in tensors]
    return (*leaves, case.cu_seqlens, case.before_decay, case.scale, 5, False)


def test_it_is_a_proper_operator(case):
    torch.library.opcheck(torch.ops.seqzoo.chunked_scan, operator_arguments(case, True))


def test_so_is_its_backward(case):
    arguments = operator_arguments(case, False)
    gradients = [torch.randn_like(result) for result in torch.ops.seqzoo.chunked_scan(*arguments)]
    operator = torch.ops.seqzoo.chunked_scan_backward
    torch.library.opcheck(operator, (*gradients, *arguments))
    torch.library.opcheck(operator, (None, gradients[1], *arguments))


def chunked(case: Case):
    return scan(*case.arguments(), **case.options(), chunk_size=5, backend="chunked")


def test_a_graph_gives_the_eager_numbers(case):
    def compiled(case):
        torch._dynamo.reset()
        return torch.compile(chunked, backend="aot_eager", fullgraph=True)(case)

    expected, expected_gradients = with_gradients(case, chunked)
    found, gradients = with_gradients(case, compiled)
    for name, value in {**expected, **expected_gradients}.items():
        assert error_ratio({**found, **gradients}[name], value) < 1e-12, name


def test_one_graph_serves_every_length_and_any_bounds():
    torch._dynamo.reset()
    graphs = 0

    def count(graph, _):
        nonlocal graphs
        graphs += 1
        return graph

    compiled = torch.compile(chunked, backend=count, fullgraph=True, dynamic=True)
    for lengths in ((5, 0, 7), (3, 9, 1), (11, 2, 8), (30, 1, 2)):
        case = make_case(lengths=lengths)
        assert error_ratio(compiled(case).outputs, chunked(case).outputs) < 1e-12
    assert graphs == 1


def test_wrong_bounds_are_told_by_the_operator():
    torch._dynamo.reset()
    compiled = torch.compile(chunked, backend="aot_eager", fullgraph=True)
    case = replace(make_case(lengths=(3, 4)), cu_seqlens=torch.tensor([0, 3, 6]))
    with pytest.raises(ValueError, match=r"end at T = 7; got \[0, 3, 6\]"):
        compiled(case)


def test_vmap_is_refused_and_the_next_step_told():
    case = make_case()
    queries, transition, writes, _ = case.arguments()
    stacked = torch.stack([queries, queries])
    with pytest.raises(NotImplementedError, match=r"no vmap rule: put the mapped axis into B"):
        torch.func.vmap(lambda q: scan(q, transition, writes, backend="chunked").outputs)(stacked)
    arguments = operator_arguments(case, False)
    with pytest.raises(NotImplementedError, match="no vmap rule"):
        torch.func.vmap(lambda q: torch.ops.seqzoo.chunked_scan(q, *arguments[1:]))(stacked)


def test_functional_gradients_are_the_usual_ones():
    case = make_case()
    _, expected = with_gradients(case, chunked)
    generator = torch.Generator().manual_seed(7)
    results = chunked(case)
    weights = [torch.randn(r.shape, generator=generator, dtype=torch.float64) for r in results]

    def loss(queries):
        found = chunked(replace(case, tensors={**case.tensors, "queries": queries}))
        return sum((r * w).sum() for r, w in zip(found, weights, strict=True))

    found = torch.func.grad(loss)(case.tensors["queries"])
    assert error_ratio(found, expected["queries"]) < 1e-12


def test_a_second_derivative_through_the_operator_is_refused():
    leaf, *others = operator_arguments(make_case(), True)
    assert isinstance(leaf, torch.Tensor)
    outputs, _ = torch.ops.seqzoo.chunked_scan(leaf, *others)
    (gradient,) = torch.autograd.grad(outputs.square().sum(), leaf, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiates once"):
        gradient.sum().backward()
