"""The scans inside what is wrapped around them: checkpointing, autocast, functional calls."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from seqzoo.scan import elementwise_scan, scan
from seqzoo.scan.chunked import segments
from seqzoo.testing import mixer_case

from ..oracle import error_ratio, make_case, with_gradients

DELTA_WRITES = {"type": "rank_one", "key": {"norm": "unit"}, "strength": "sigmoid"}


def chunked(case):
    return scan(*case.arguments(), **case.options(), chunk_size=5, backend="chunked")


def checkpointed(case, use_reentrant):
    """The scan as a block that keeps nothing but its inputs."""
    names = tuple(case.tensors)

    def inner(*tensors):
        return tuple(chunked(replace(case, tensors=dict(zip(names, tensors, strict=True)))))

    return checkpoint(inner, *case.tensors.values(), use_reentrant=use_reentrant)


@pytest.mark.parametrize("use_reentrant", [False, True], ids=["hooks", "reentrant"])
@pytest.mark.parametrize("segment_bytes", [1, 1 << 40], ids=["segments", "one"])
def test_checkpointing(segment_bytes, use_reentrant, monkeypatch):
    monkeypatch.setattr(segments, "SEGMENT_BYTES", segment_bytes)
    case = make_case()
    expected = results(case, chunked)
    found = results(case, lambda case: checkpointed(case, use_reentrant))
    for name, value in expected.items():
        assert error_ratio(found[name], value) < 1e-12, name


@pytest.mark.parametrize("use_reentrant", [False, True], ids=["hooks", "reentrant"])
def test_checkpointing_of_the_elementwise_scan(use_reentrant):
    generator = torch.Generator().manual_seed(0)
    log_decay, inputs = -torch.rand(2, 2, 9, 3, generator=generator, dtype=torch.float64)
    grads = []
    for wrapped in (False, True):
        leaves = [each.clone().requires_grad_() for each in (log_decay, inputs)]
        if wrapped:
            states, final = checkpoint(elementwise_scan, *leaves, use_reentrant=use_reentrant)
        else:
            states, final = elementwise_scan(*leaves)
        (states.square().sum() + final.sum()).backward()
        grads.append([leaf.grad for leaf in leaves])
    for found, expected in zip(*grads, strict=True):
        assert error_ratio(found, expected) < 1e-12


@pytest.mark.parametrize("use_reentrant", [False, True], ids=["hooks", "reentrant"])
def test_checkpointing_of_the_kernels(use_reentrant):
    """In Triton's interpreter, where there is no GPU."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    case = make_case(batch=1, heads=1, time=18).to(torch.float32)
    names = tuple(case.tensors)

    def inner(*tensors):
        arguments = replace(case, tensors=dict(zip(names, tensors, strict=True))).arguments()
        return tuple(scan(*arguments, backend="triton"))

    gradients = []
    for wrapped in (False, True):
        leaves = [each.to(device).requires_grad_() for each in case.tensors.values()]
        if wrapped:
            outputs, state = checkpoint(inner, *leaves, use_reentrant=use_reentrant)
        else:
            outputs, state = inner(*leaves)
        (outputs.square().sum() + state.sum()).backward()
        gradients.append([leaf.grad for leaf in leaves])
    for mine, other in zip(*gradients, strict=True):
        assert torch.equal(mine, other)


def test_a_mixer_called_with_other_parameters():
    case = mixer_case({"type": "recurrent", "forget": "delta", "injection": DELTA_WRITES})
    mixer, x = case.build(), case.inputs()
    parameters = dict(mixer.named_parameters())
    sources = list(parameters.values())
    expected = torch.autograd.grad(mixer(x)[0].square().sum(), sources)

    def loss(parameters):
        return torch.func.functional_call(mixer, parameters, (x,))[0].square().sum()

    found = torch.func.grad(loss)({name: each.detach() for name, each in parameters.items()})
    for name, value in zip(parameters, expected, strict=True):
        assert error_ratio(found[name], value) < 1e-12, name
    others = {name: 2 * each.detach() for name, each in parameters.items()}
    assert not torch.equal(loss(others), loss(parameters))


def results(case, function):
    """Results and gradients by name, found by `backward`, which reentrant checkpointing asks."""
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in case.tensors.items()}
    outputs, state = function(replace(case, tensors=leaves))
    (outputs.square().sum() + state.sum()).backward()
    found = {name: leaf.grad for name, leaf in leaves.items()}
    return {"outputs": outputs.detach(), "final_state": state.detach(), **found}


def test_autocast_changes_nothing():
    case = make_case().to(torch.float32)

    def under_autocast(case):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return chunked(case)

    expected, expected_gradients = with_gradients(case, chunked)
    found, gradients = with_gradients(case, under_autocast)
    for name, value in {**expected, **expected_gradients}.items():
        assert torch.equal({**found, **gradients}[name], value), name
