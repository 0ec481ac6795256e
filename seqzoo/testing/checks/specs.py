"""A mixer's spec round-trips, builds at every width, and gives the same with every scan."""

from __future__ import annotations

from typing import Any
from unittest import SkipTest

import torch
import yaml
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.operators import Place
from seqzoo.testing.case import MixerCase
from seqzoo.testing.checks.agreement import agree, measured, run_in_pieces

__all__ = ["builds_at_every_width", "grouped_heads_agree", "scans_agree", "spec_round_trips"]


def spec_round_trips(case: MixerCase) -> None:
    """The resolved spec, written as YAML and read again, is the same spec."""
    spec = case.registry.spec("mixer", case.spec)
    written: Any = yaml.safe_load(yaml.safe_dump(spec.model_dump(mode="json")))
    again = case.registry.spec("mixer", written)
    assert again == spec, f"{spec} comes back as {again}"


def builds_at_every_width(case: MixerCase) -> None:
    """The spec builds at multiples of 16, and its outputs have the width's features."""
    spec = case.registry.spec("mixer", case.spec)
    for width in (16, 48, 80, 192):
        y, _ = spec.build(Place(width))(torch.ones(1, 3, width))
        assert y.shape == (1, 3, width), f"width {width}: outputs are {tuple(y.shape)}"
        assert bool(y.isfinite().all()), f"width {width}: outputs are not finite"


def scans_agree(case: MixerCase) -> None:
    """Every chunk size, and the token loop, give the same outputs and gradients."""
    spec: Any = case.registry.spec("mixer", case.spec)
    if "scan" not in type(spec).model_fields:
        raise SkipTest(f"mixer {case} has no slot for a scan")
    expected = _with_scan(case, {"type": "reference"})
    for chunk_size in (1, 8, 16, 64):
        found = _with_scan(case, {"type": "chunked", "chunk_size": chunk_size})
        for mine, reference in zip(found, expected, strict=True):
            agree(mine, reference, f"at chunk size {chunk_size}")


def grouped_heads_agree(case: MixerCase) -> None:
    """With two heads on one key head, pieces still give what one call gives."""
    written = case.spec if isinstance(case.spec, dict) else {"type": case.spec}
    grouped = {**written, "heads": 2, "key_heads": 1}
    try:
        case.registry.spec("mixer", grouped).build(Place(case.width))
    except SpecError:
        raise SkipTest(f"mixer {case} takes no heads and key_heads") from None
    mixer = MixerCase(grouped, case.registry, case.width).build()
    x = case.inputs().requires_grad_()
    expected = measured(mixer, x, mixer(x)[0])
    found = measured(mixer, x, run_in_pieces(mixer, x, [9, case.length - 9])[0])
    for mine, one_call in zip(found, expected, strict=True):
        agree(mine, one_call, "two heads on one key head, cut in two")


def _with_scan(case: MixerCase, scan: dict[str, Any]) -> list[Tensor]:
    written = case.spec if isinstance(case.spec, dict) else {"type": case.spec}
    mixer = MixerCase({**written, "scan": scan}, case.registry, case.width).build()
    x = case.inputs().requires_grad_()
    return measured(mixer, x, mixer(x)[0])
