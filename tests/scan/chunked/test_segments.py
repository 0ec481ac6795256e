"""Scans in several segments: values and gradients are those of one, and they keep less."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqzoo.scan import scan
from seqzoo.scan.check import check_scan
from seqzoo.scan.chunked import segments
from seqzoo.scan.chunked.rows import ScanOptions, scan_tensors
from seqzoo.scan.chunked.segments import cut

from ..oracle import DECAYS, ERASES, Case, cases, dense_loop, error_ratio, make_case, with_gradients


def chunked(case: Case, chunk_size: int = 64):
    return scan(*case.arguments(), **case.options(), chunk_size=chunk_size, backend="chunked")


@pytest.fixture(autouse=True)
def small_segments(monkeypatch):
    """So small that each step of chunks is a segment, however few there are."""
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1)


def check(case: Case, chunk_size: int) -> None:
    expected, expected_gradients = with_gradients(case, dense_loop)
    found, gradients = with_gradients(case, lambda c: chunked(c, chunk_size))
    for name, value in {**expected, **expected_gradients}.items():
        assert error_ratio({**found, **gradients}[name], value) < 1e-10, name


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("erase", ERASES)
@pytest.mark.parametrize("decay", DECAYS)
def test_every_kind_agrees_with_the_dense_loop(decay, erase, per_channel):
    check(make_case(time=21, decay=decay, erase=erase, per_channel=per_channel), 4)


@settings(
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # it sets the same each time
)
@given(case=cases(packed=True), chunk_size=st.integers(1, 8))
def test_packed_sequences(case, chunk_size):
    check(case, chunk_size)


@pytest.mark.parametrize("lengths", [None, (17, 0, 3, 9)], ids=["equal", "packed"])
@pytest.mark.parametrize("most", [1, 2, 5, 100])
def test_segments_hold_every_token_once_and_at_most_so_many_chunks(lengths, most, monkeypatch):
    case = make_case(time=29) if lengths is None else make_case(lengths=lengths)
    queries, transition, writes, state = case.arguments()
    problem = check_scan(queries, transition, writes, state, case.cu_seqlens, case.scale, 4)
    options = ScanOptions(case.cu_seqlens, case.before_decay, case.scale, 4)
    tensors = scan_tensors(problem)
    monkeypatch.setattr(segments, "SEGMENT_BYTES", most * segments.chunk_bytes(4, tensors, options))
    _, pieces = cut(tensors, options)
    time = torch.arange(queries.shape[1])
    held = torch.cat([time[piece.tokens] for piece in pieces])
    assert torch.equal(held.sort().values, time)
    for piece in pieces:
        steps, sequences, heads = piece.layout.shape
        assert steps * sequences * heads <= most or len(piece.layout.active) == 1


def test_nothing_is_cut_in_two(monkeypatch):
    case = make_case(time=32)  # 32 chunks of 4 tokens
    queries, transition, writes, state = case.arguments()
    tensors = scan_tensors(check_scan(queries, transition, writes, state))
    options = ScanOptions(None, case.before_decay, case.scale, 4)
    numbers = {}
    for most in (32, 16, 15):
        monkeypatch.setattr(
            segments, "SEGMENT_BYTES", most * segments.chunk_bytes(4, tensors, options)
        )
        numbers[most] = len(cut(tensors, options).pieces)
    assert numbers == {32: 1, 16: 1, 15: 3}


def transposed(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers, the last dimension the slowest in memory."""
    return tensor.movedim(-1, 0).contiguous().movedim(0, -1)


def shared(tensor: torch.Tensor) -> torch.Tensor:
    """The first batch's numbers for all of it, held once."""
    return tensor[:1].expand_as(tensor)


@pytest.mark.parametrize("in_one", [False, True])
@pytest.mark.parametrize("lengths", [None, (17, 0, 3, 9)], ids=["equal", "packed"])
@pytest.mark.parametrize("change", [transposed, shared])
def test_tensors_in_any_order_of_memory(change, lengths, in_one, monkeypatch):
    if in_one:
        monkeypatch.setattr(segments, "SEGMENT_BYTES", 1 << 40)
    case = make_case(time=21) if lengths is None else make_case(lengths=lengths)

    def stretched(function):
        """The tensors are changed on the way to the scan: gradients come back through that."""
        return lambda c: function(
            replace(c, tensors={name: change(tensor) for name, tensor in c.tensors.items()})
        )

    expected, expected_gradients = with_gradients(case, stretched(dense_loop))
    found, gradients = with_gradients(case, stretched(lambda c: chunked(c, 4)))
    for name, value in {**expected, **expected_gradients}.items():
        assert error_ratio({**found, **gradients}[name], value) < 1e-10, name


def test_a_graph_gives_the_same():
    def compiled(case):
        torch._dynamo.reset()
        return torch.compile(lambda c: chunked(c, 4), backend="aot_eager", fullgraph=True)(case)

    case = make_case(time=21)
    expected, expected_gradients = with_gradients(case, dense_loop)
    found, gradients = with_gradients(case, compiled)
    for name, value in {**expected, **expected_gradients}.items():
        assert error_ratio({**found, **gradients}[name], value) < 1e-10, name


def bytes_kept(case: Case) -> int:
    """Of what a scan saves for its backward, beside its inputs."""
    storages: dict[int, int] = {}

    def note(tensor):
        storages[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    inputs = {tensor.requires_grad_().data_ptr() for tensor in case.tensors.values()}
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        chunked(case)
    return sum(size for at, size in storages.items() if at not in inputs)


@pytest.mark.parametrize("per_channel", [False, True])
def test_segments_keep_less(per_channel, monkeypatch):
    case = make_case(time=256, key_size=64, value_size=64, rank=1, per_channel=per_channel)
    in_segments = bytes_kept(case)
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1 << 40)
    assert in_segments < 0.6 * bytes_kept(case)
