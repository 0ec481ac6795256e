"""Wrong arguments: each message names the argument, what was expected, and what came."""

from __future__ import annotations

import pytest
import torch

from seqzoo.scan import Erase, Transition, Writes, scan, step

B, T, H, K, V, R = 2, 5, 3, 4, 6, 2


def arguments(**changes):
    tensors = {
        "queries": torch.zeros(B, T, H, K),
        "log_decay": torch.zeros(B, T, H),
        "read": None,
        "strength": torch.zeros(B, T, H),
        "write": None,
        "keys": torch.zeros(B, T, R, H, K),
        "values": torch.zeros(B, T, R, H, V),
        "strengths": None,
        "state": None,
    } | changes
    erase = Erase(tensors["read"], tensors["strength"], tensors["write"])
    writes = Writes(tensors["keys"], tensors["values"], tensors["strengths"])
    return tensors["queries"], Transition(tensors["log_decay"], erase), writes, tensors["state"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"queries": torch.zeros(B, T, K)},
            r"scan: queries must have shape \(B, T, G, K\), got \(2, 5, 4\)\. One token",
        ),
        (
            {"keys": torch.zeros(B, T, H, K)},
            r"writes.keys must have shape \(B, T, R, G, K\) = \(2, 5, R, 3, 4\), got "
            r"\(2, 5, 3, 4\). A single write needs a rank axis of size 1",
        ),
        (
            {"values": torch.zeros(B, T, 1, H, V)},
            r"writes.values must have shape \(B, T, R, H, V\) = \(2, 5, 2, H, V\)",
        ),
        ({"strengths": torch.zeros(B, T, H)}, r"writes.strengths must have shape \(B, T, R, H\)"),
        (
            {"log_decay": torch.zeros(B, T, H, V)},
            r"transition.log_decay must have shape \(B, T, H, K\) = \(2, 5, 3, 4\), got "
            r"\(2, 5, 3, 6\). Per head it has no K axis",
        ),
        ({"log_decay": torch.zeros(B, T)}, r"transition.log_decay must have shape"),
        ({"read": torch.zeros(B, T, H)}, r"erase.read must have shape .* None ties it"),
        ({"strength": torch.zeros(B, T, H, K)}, r"erase.strength must have shape \(B, T, H\)"),
        (
            {"strength": None, "write": torch.zeros(B, T, H)},
            r"erase.write must have shape \(B, T, G, K\)",
        ),
        (
            {"state": torch.zeros(B, H, K, V)},
            r"state must have shape \(B, H, V, K\) = \(2, 3, 6, 4\), got \(2, 3, 4, 6\). Rows are",
        ),
        (
            {"state": torch.zeros(B, H, V, K, dtype=torch.bfloat16)},
            r"state must be float32 or wider, got torch.bfloat16. Use state.float\(\)",
        ),
        (
            {"queries": torch.zeros(B, T, H, K, dtype=torch.long)},
            r"queries must be a floating-point tensor of 16 bits or more, got torch.int64",
        ),
        (
            {"queries": torch.zeros(B, T, H, K, dtype=torch.float8_e4m3fn)},
            r"queries must be a floating-point tensor of 16 bits or more, got torch.float8",
        ),
        ({"queries": [[1.0]]}, r"queries must be a tensor, got list"),
        ({"values": None}, r"writes.values must be a tensor, got NoneType"),
        ({"log_decay": -0.5}, r"transition.log_decay must be a tensor, got float"),
        (
            {
                "queries": torch.zeros(B, T, H, 0),
                "keys": torch.zeros(B, T, R, H, 0),
            },
            r"at least one key channel, got K = 0",
        ),
        (
            {"values": torch.zeros(B, T, R, H, V, device="meta")},
            r"writes.values must be on the queries' device, cpu, got meta",
        ),
        (
            {"keys": torch.zeros(B, T, 0, H, K), "values": torch.zeros(B, T, 0, H, V)},
            "rank of at least 1",
        ),
    ],
)
def test_wrong_tensors_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        scan(*arguments(**change))


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (torch.tensor([0, 5]), r"cu_seqlens needs a batch of 1.*got B = 2"),
        (torch.tensor([0.0, 5.0]), r"cu_seqlens must be int32 or int64 of shape \(N \+ 1,\)"),
        (torch.tensor([0]), r"cu_seqlens must be int32 or int64"),
        (torch.tensor([0j, 5j]), r"cu_seqlens must be int32 or int64"),
        ([0, 5], r"cu_seqlens must be int32 or int64 .* got a list. Use torch.tensor"),
    ],
)
def test_wrong_bounds_of_a_batch(bounds, message):
    with pytest.raises(ValueError, match=message):
        scan(*arguments(), cu_seqlens=bounds)


def test_packed_states_are_counted_by_sequence():
    queries, keys = torch.zeros(1, T, H, K), torch.zeros(1, T, 1, H, K)
    with pytest.raises(ValueError, match=r"state must have shape \(N, H, V, K\) = \(2, 3, 4, 4\)"):
        scan(
            queries,
            Transition(),
            Writes(keys, keys),
            torch.zeros(1, H, K, K),
            cu_seqlens=torch.tensor([0, 2, 5]),
        )


def test_step_has_no_time_axis():
    queries, transition, writes, _ = arguments()
    with pytest.raises(
        ValueError, match=r"step: queries must have shape \(B, G, K\), got .* is for scan\."
    ):
        step(queries, transition, writes)


@pytest.mark.parametrize("chunk_size", [0, -1, 2.0, True])
def test_the_chunk_size_is_a_positive_integer(chunk_size):
    with pytest.raises(ValueError, match="chunk_size must be a positive integer, got"):
        scan(*arguments(), chunk_size=chunk_size)


def test_arguments_of_the_wrong_type_are_named():
    queries, transition, writes, _ = arguments()
    with pytest.raises(ValueError, match="transition must be a Transition, got NoneType"):
        scan(queries, None, writes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="writes must be a Writes, got Tensor"):
        scan(queries, transition, queries)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"transition\.erase must be an Erase, got Tensor"):
        scan(queries, Transition(None, queries), writes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"backend must be a name, or an object with .* NoneType"):
        scan(queries, transition, writes, backend=None)  # type: ignore[arg-type]
    for scale in (torch.tensor(0.5, requires_grad=True), None, "x", True):
        with pytest.raises(ValueError, match="scale must be a number, got"):
            scan(queries, transition, writes, scale=scale)  # type: ignore[arg-type]
