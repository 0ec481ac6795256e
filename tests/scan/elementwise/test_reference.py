"""The token loop: what it can do that the chunked form cannot, and how specs choose it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import seqzoo
from seqzoo.model import Mixer
from seqzoo.operators import Place, Stream
from seqzoo.registry import Origin
from seqzoo.scan import elementwise_scan
from seqzoo.scan.part import ScanPart
from seqzoo.spec import PartSpec, slot
from seqzoo.testing import MixerCase, error_ratio
from seqzoo.testing.checks import scans_agree

BOUNDS = torch.tensor([0, 3, 3, 12])


def problem() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    log_decay = -torch.rand(1, 12, 2, generator=generator, dtype=torch.float64)
    inputs = torch.randn(1, 12, 2, generator=generator, dtype=torch.float64)
    state = torch.randn(3, 2, generator=generator, dtype=torch.float64)
    return log_decay, inputs, state


@pytest.mark.parametrize("bounds", [None, BOUNDS])
def test_it_agrees_with_the_chunked_form(bounds: Tensor | None) -> None:
    log_decay, inputs, state = problem()
    state = state if bounds is not None else state[:1]
    leaves = (log_decay.requires_grad_(), inputs.requires_grad_(), state.requires_grad_())
    measured = []
    for backend in ("reference", "chunked"):
        outputs, final = elementwise_scan(*leaves, cu_seqlens=bounds, backend=backend)
        loss = outputs.sin().sum() + final.square().sum()
        measured.append([outputs, final, *torch.autograd.grad(loss, leaves)])
    for loop, chunks in zip(*measured, strict=True):
        assert error_ratio(chunks, loop) < 1e-13


def test_it_differentiates_twice_and_under_vmap() -> None:
    log_decay, inputs, _ = problem()

    def loss(inputs: Tensor) -> Tensor:
        return elementwise_scan(log_decay, inputs, backend="reference").outputs.square().sum()

    (twice,) = torch.func.grad(lambda x: torch.func.grad(loss)(x).sum())(inputs).unbind(0)
    (expected,) = torch.func.grad(loss)(torch.ones_like(inputs)).unbind(0)
    assert error_ratio(twice, expected) < 1e-12  # the loss is a quadratic form
    many = torch.func.vmap(loss)(inputs.repeat(2, 1, 1)[:, None])
    assert error_ratio(many, loss(inputs).expand(2)) < 1e-12


def test_no_tokens() -> None:
    state = torch.randn(2, 3)
    empty = torch.zeros(2, 0, 3)
    found = elementwise_scan(empty, empty, state, backend="reference")
    assert found.outputs.shape == (2, 0, 3)
    assert torch.equal(found.state, state)


class Averages(Mixer):
    """h_t = a h_{t-1} + (1 - a) x_t, a = sigmoid(W x_t): a mixer on the element-wise scan."""

    name = "averages"

    class Spec(PartSpec):
        """scan: the backend."""

        scan: PartSpec = slot("scan", "auto")

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        self.keep = nn.Linear(place.width, place.width)
        self.scan: ScanPart = spec.scan.build()

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> h (B, T, D)."""
        keep = self.keep(x)
        before = stream.past(self, "h", lambda: None)
        new = x * torch.sigmoid(-keep)
        h, after = self.scan.elementwise(F.logsigmoid(keep), new, before, stream.cu_seqlens)
        stream.keep(self, "h", after)
        return h


def test_a_spec_chooses_it_and_the_kit_compares() -> None:
    registry = seqzoo.load_registry([])
    registry.add(Averages, Origin("test", "test", "0"))
    mixer = MixerCase({"type": "averages", "scan": "reference"}, registry, 16).build()
    assert isinstance(mixer, Averages)
    assert mixer.scan.elementwise_backend == "reference"
    scans_agree(MixerCase("averages", registry, 16))
