"""A layer that returns what does not fit is named, with its block, before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqzoo import build_model
from seqzoo.errors import SpecError
from seqzoo.model import MLP, Mixer
from seqzoo.operators import Place, Stream
from seqzoo.registry import Origin, Registry, load_registry
from seqzoo.spec import PartSpec

RESULTS: dict[str, Any] = {
    "narrow": lambda x: x[..., :1],
    "last": lambda x: x[:, -1:],
    "flat": lambda x: x.mean(-1),
    "pair": lambda x: (x, None),
    "wide": lambda x: x.double(),
    "whole": lambda x: x.long(),
}
SAYS = {
    "narrow": r"returns shape \(2, 5, 1\), expected \(2, 5, 16\), that of its input",
    "last": r"returns shape \(2, 1, 16\), expected",
    "flat": r"returns shape \(2, 5\), expected",
    "pair": "returns a tuple, expected a tensor",
    "wide": r"returns torch.float64, expected torch.float32, that of its input, or a narrower",
    "whole": r"returns torch.int64, expected torch.float32",
}


def odd(name: str, family: Any) -> type[Any]:
    def make(self: Any, spec: PartSpec, place: Place) -> None:
        family.__init__(self, spec, place)
        self.scale = nn.Parameter(torch.ones(()))

    def call(self: Any, x: Tensor, stream: Stream) -> Any:
        return RESULTS[name](x)

    method = "mix" if family is Mixer else "forward"
    return type(name, (family,), {"name": name, "__init__": make, method: call})


@pytest.fixture
def registry() -> Registry:
    registry = load_registry(entry_points=[])
    for name in RESULTS:
        for family in (Mixer, MLP):
            registry.add(odd(name, family), Origin("test", "test", "0"))
    return registry


@pytest.mark.parametrize("name", RESULTS)
def test_a_mixer_that_returns_what_does_not_fit_is_named(name: str, registry: Registry) -> None:
    layers = [{"mixer": "attention"}, {"mixer": name}]
    model = build_model({"width": 16, "layers": layers}, registry, vocab_size=7)
    with pytest.raises(SpecError, match=rf"^mixer '{name}' \(.*, block 1\) {SAYS[name]}"):
        model(torch.zeros(2, 5, dtype=torch.long))


@pytest.mark.parametrize("name", RESULTS)
def test_so_is_an_mlp(name: str, registry: Registry) -> None:
    spec = {"width": 16, "layers": 2, "mixer": "attention", "mlp": {"type": name}}
    model = build_model(spec, registry, vocab_size=7)
    with pytest.raises(SpecError, match=rf"^mlp '{name}' \(.*, block 0\) {SAYS[name]}"):
        model(torch.zeros(2, 5, dtype=torch.long))


def test_autocast_may_make_results_narrower() -> None:
    registry = load_registry(entry_points=[])
    spec = {"width": 16, "layers": 1, "mixer": "attention"}
    model = build_model(spec, registry, vocab_size=7)
    with torch.autocast("cpu", torch.bfloat16):
        logits, _ = model(torch.zeros(2, 5, dtype=torch.long))
    assert logits.isfinite().all()
