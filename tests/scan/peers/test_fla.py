"""Our scan against flash-linear-attention's plain functions, and the benchmark's calls of it.

fla's functions compute in float32, so the agreement asked for is float32's.
"""

from __future__ import annotations

import inspect

import pytest
import torch

from scanning.peers import CHUNKED, TOKEN, Peer
from scanning.recurrences import RECURRENCES, Leaves
from seqzoo.scan import Erase, ScanResult, Transition, Writes, scan

from ..oracle import error_ratio
from .naive import NAIVE, Naive, fla_peer, imported, make_leaves

FLA = [peer for peer in (*CHUNKED, *TOKEN) if peer.distribution == "fla-core"]
CLOSE = 1e-5  # error ratio


def results(function, leaves: Leaves) -> dict[str, torch.Tensor]:
    leaves = {name: leaf.clone().requires_grad_() for name, leaf in leaves.items()}
    result: ScanResult = function(leaves)
    generator = torch.Generator().manual_seed(5)
    weights = [torch.randn(end.shape, generator=generator) for end in result]
    gradients = torch.autograd.grad(list(result), list(leaves.values()), weights)
    named = {f"d {name}": each for name, each in zip(leaves, gradients, strict=True)}
    return {"outputs": result.outputs, "state": result.state} | named


@pytest.mark.parametrize("naive", NAIVE, ids=str)
def test_agrees_with_fla(naive: Naive) -> None:
    rule = RECURRENCES[naive.recurrence]
    leaves = make_leaves(rule)
    found = results(lambda inputs: rule.scan(inputs, "chunked"), leaves)
    expected = results(naive, leaves)
    ratios = {name: error_ratio(found[name], expected[name]) for name in expected}
    assert max(ratios.values()) < CLOSE, ratios


def test_agrees_with_flas_delta_product() -> None:
    """Two delta steps a token are our gated delta rule on micro-steps: decay first, read last."""
    rule = RECURRENCES["prism_head_2"]
    leaves = make_leaves(rule)
    naive = imported("fla.ops.gated_delta_product.naive", "naive_recurrent_gated_delta_product")

    def product(inputs: Leaves) -> ScanResult:
        outputs, state = naive(**fla_peer("prism_head_2").arguments(inputs))
        return ScanResult(outputs, state.transpose(-1, -2))

    def micro_steps(inputs: Leaves) -> ScanResult:
        decay = inputs["log_decay"]
        keys, values = inputs["keys"].flatten(1, 2), inputs["values"].flatten(1, 2)
        strengths = inputs["strengths"].flatten(1, 2)
        result = scan(
            inputs["queries"].repeat_interleave(2, 1),
            Transition(
                torch.stack((decay, torch.zeros_like(decay)), 2).flatten(1, 2),
                Erase(strength=strengths),
            ),
            Writes(keys.unsqueeze(2), values.unsqueeze(2), strengths.unsqueeze(2)),
            inputs["state"],
            scale=inputs["queries"].shape[-1] ** -0.5,
        )
        return ScanResult(result.outputs[:, 1::2], result.state)

    found, expected = results(micro_steps, leaves), results(product, leaves)
    ratios = {name: error_ratio(found[name], expected[name]) for name in expected}
    assert max(ratios.values()) < CLOSE, ratios
    # and it is another function than PRISM of rank 2 on the same writes
    prism = rule.scan(leaves, "chunked").outputs
    assert error_ratio(prism, expected["outputs"].detach()) > 0.05


def test_agrees_with_flas_comba() -> None:
    """An erase that reads the state before a head's decay, with a key of its own."""
    naive = imported("fla.ops.comba.naive", "naive_chunk_comba")
    leaves = make_leaves(RECURRENCES["gated_delta_rule"])
    generator = torch.Generator().manual_seed(9)
    read = torch.nn.functional.normalize(torch.randn(2, 128, 3, 16, generator=generator), dim=-1)
    leaves["read"] = read

    def comba(inputs: Leaves) -> ScanResult:
        outputs, state = naive(
            q=inputs["queries"],
            k=inputs["keys"][:, :, 0],
            v=inputs["values"][:, :, 0],
            p=inputs["read"],
            g=inputs["log_decay"],
            beta=inputs["strengths"][:, :, 0],
            initial_state=inputs["state"].transpose(-1, -2).contiguous(),
            output_final_state=True,
        )
        return ScanResult(outputs, state.transpose(-1, -2))

    def ours(inputs: Leaves) -> ScanResult:
        strengths = inputs["strengths"]
        write = -strengths[:, :, 0].unsqueeze(-1) * inputs["keys"][:, :, 0]
        return scan(
            inputs["queries"],
            Transition(inputs["log_decay"], Erase(inputs["read"], write=write, before_decay=True)),
            Writes(inputs["keys"], inputs["values"], strengths),
            inputs["state"],
            scale=16**-0.5,
        )

    found, expected = results(ours, leaves), results(comba, leaves)
    ratios = {name: error_ratio(found[name], expected[name]) for name in expected}
    assert max(ratios.values()) < CLOSE, ratios


@pytest.mark.parametrize("peer", FLA, ids=lambda peer: f"{peer.recurrence}-{peer.function}")
def test_kernels_take_our_arguments(peer: Peer) -> None:
    """Without a GPU they cannot run; that they know every argument given can be seen."""
    function = imported(peer.module, peer.function)
    arguments = peer.arguments(make_leaves(RECURRENCES[peer.recurrence]))
    parameters = inspect.signature(function).parameters
    inspect.signature(function).bind(**arguments)
    assert set(arguments) <= set(parameters)  # none is swallowed by **kwargs
