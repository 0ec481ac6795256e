"""The calls of a mixer, recorded and made again."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import seqzoo
from seqzoo.bench.calls import recorded_calls
from seqzoo.scan.part import ScanPart


def test_a_recurrent_mixer_scans_once_and_projects_with_every_matrix() -> None:
    mixer = seqzoo.build_mixer("prism", 32)
    part = mixer.get_submodule("memory").scan
    x = torch.randn(2, 24, 32, requires_grad=True)
    with recorded_calls(mixer) as calls:
        mixer(x)
    assert mixer.get_submodule("memory").scan is part
    assert isinstance(part, ScanPart)
    (scan,) = calls.scans
    queries, _, writes, _ = scan.arguments
    assert queries.shape == (2, 24, 1, 32)
    assert writes.keys.shape[2] == 2  # the depth
    weights = [call.arguments[1] for call in calls.projections]
    matrices = [each for each in mixer.modules() if isinstance(each, nn.Linear)]
    assert {id(weight) for weight in weights} == {id(each.weight) for each in matrices}


def test_products_with_parameters_are_projections() -> None:
    """In whatever words; a product of two tensors is no projection."""

    class Products(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.Parameter(torch.randn(2, 3, 4))
            self.matrix = nn.Parameter(torch.randn(6, 6))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.einsum("bthi,hoi->btho", x, self.blocks).flatten(2)
            return (y @ self.matrix) @ y.mT

    module = Products()
    with recorded_calls(module) as calls:
        module(torch.randn(1, 5, 2, 4))
    einsum, product = calls.projections
    assert einsum.arguments[2] is module.blocks
    assert product.arguments[1] is module.matrix
    assert len(einsum.again(trained=True)()) == 1  # the input had no gradient
    assert not calls.scans


def test_the_selective_scan_is_a_scan() -> None:
    mixer = seqzoo.build_mixer("mamba1", 16)
    x = torch.randn(1, 8, 16, requires_grad=True)
    with recorded_calls(mixer) as calls:
        mixer(x)
    (scan,) = calls.scans
    assert len(scan.again(trained=True)()) == 5  # all but the state before the first token
    assert len(calls.projections) == 4


def test_a_call_again_gives_the_same_and_its_gradients() -> None:
    mixer = seqzoo.build_mixer("linear_attention", 16)
    x = torch.randn(1, 8, 16, requires_grad=True)
    with recorded_calls(mixer) as calls:
        mixer(x)
    (scan,) = calls.scans
    outputs, state = scan.function(*scan.arguments, **scan.options)
    again = scan.again(trained=False)()
    assert torch.equal(again[0], outputs)
    assert torch.equal(again[1], state)
    gradients = scan.again(trained=True)()
    queries, _, writes, _ = scan.arguments
    expected = torch.autograd.grad(
        [outputs, state],
        [queries, writes.keys, writes.values],
        [torch.ones_like(outputs), torch.ones_like(state)],
    )
    assert len(gradients) == 3
    for found, wanted in zip(gradients, expected, strict=True):
        torch.testing.assert_close(found, wanted)


def test_attention_and_the_elementwise_scan_are_scans() -> None:
    mixer = seqzoo.build_mixer("attention", 16)
    with recorded_calls(mixer) as calls, torch.no_grad():
        mixer(torch.randn(1, 8, 16))
    assert [call.function for call in calls.scans] == [F.scaled_dot_product_attention]

    class Elementwise(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scan = seqzoo.load_registry().spec("scan", "auto").build()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.scan.elementwise(-x.abs(), x).outputs

    module = Elementwise()
    with recorded_calls(module) as calls:
        y = module(torch.randn(1, 8, 16, requires_grad=True))
    assert torch.equal(calls.scans[0].again(trained=False)()[0], y)
    assert not calls.projections


def test_parts_are_put_back_when_the_mixer_fails() -> None:
    mixer = seqzoo.build_mixer("linear_attention", 16)
    part = mixer.get_submodule("memory").scan
    with pytest.raises(RuntimeError), recorded_calls(mixer):
        mixer(torch.randn(1, 8, 16, dtype=torch.float64))
    assert mixer.get_submodule("memory").scan is part
