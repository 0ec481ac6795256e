"""Checks of presets of layer patterns, in a model."""

from __future__ import annotations

from unittest import SkipTest

import torch
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.model import LanguageModel, build_model
from seqzoo.spec.model import ModelSpec
from seqzoo.testing.checks.agreement import agree
from seqzoo.testing.part import PartCase

__all__ = ["LAYERS_CHECKS"]


def pattern_builds_at_every_width(case: PartCase) -> None:
    """Its blocks build at multiples of 16 and give finite logits; its resolved spec is the same."""
    for width in (16, 48):
        written = {"width": width, "layers": {"preset": case.settings}, "mlp": None}
        try:
            spec = case.registry.validate(ModelSpec, written)
        except SpecError as failure:
            raise AssertionError(f"width {width}: {failure}") from None
        again = case.registry.validate(ModelSpec, spec.model_dump(mode="json"))
        assert again == spec, f"{spec} comes back as {again}"
        logits, _ = _model(case, width)(torch.zeros(1, 3, dtype=torch.long))
        assert bool(logits.isfinite().all()), f"width {width}: logits are not finite"


def pattern_streams(case: PartCase) -> None:
    """Tokens cut in two, the last of them a step, give what one call gives."""
    model = _model(case, 32).double()
    tokens = torch.randint(7, (2, 9), generator=torch.Generator().manual_seed(1))
    if not all(mixer.streams for mixer in model.mixers()):
        raise SkipTest("a mixer of this pattern does not stream")
    with torch.no_grad():
        whole, _ = model(tokens)
        state, found = model.initial_state(2), list[Tensor]()
        for piece in tokens.split([4, 4, 1], dim=1):
            logits, state = model(piece, state)
            found.append(logits)
    agree(torch.cat(found, dim=1), whole, "cut into [4, 4, 1]")


def _model(case: PartCase, width: int) -> LanguageModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        written = {"width": width, "layers": {"preset": case.settings}, "mlp": None}
        return build_model(written, case.registry, vocab_size=7).eval()


LAYERS_CHECKS = (pattern_builds_at_every_width, pattern_streams)
