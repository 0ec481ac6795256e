"""A case: one mixer spec, built as the checks need it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from seqzoo.model.mixer import Mixer
from seqzoo.operators import Place
from seqzoo.registry import Registry, load_registry
from seqzoo.scan import Backend, Transition, Writes
from seqzoo.scan.problem import check_scan

__all__ = ["MixerCase", "mixer_case", "registered_cases"]

DELTA_WRITES = {"type": "rank_one", "key": {"norm": "unit"}, "strength": "sigmoid"}


@dataclass(frozen=True)
class MixerCase:
    """One mixer under test.

    Attributes:
        spec: as a user writes it: a name, or a mapping with `type`.
        registry: where its names are looked up.
        width: features a token, a multiple of 16.
        batch_size: sequences.
        length: tokens; long enough to fill windows and convolutions, and uneven.
        label: how the case is called in test reports.
    """

    spec: Any
    registry: Registry = field(repr=False)
    width: int = 32
    batch_size: int = 2
    length: int = 37
    label: str = ""

    def __str__(self) -> str:
        return self.label or str(self.spec)

    def build(self, dtype: torch.dtype = torch.float64, seed: int = 0) -> Mixer:
        """The mixer with the initial values of this seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            mixer: Mixer = self.registry.spec("mixer", self.spec).build(Place(self.width))
        return mixer.to(dtype).eval()

    def inputs(self, dtype: torch.dtype = torch.float64, seed: int = 1) -> Tensor:
        """(B, T, D), standard normal."""
        generator = torch.Generator().manual_seed(seed)
        shape = (self.batch_size, self.length, self.width)
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def mixer_case(spec: Any, registry: Registry | None = None) -> MixerCase:
    """The case of one mixer, with every installed plugin's names known."""
    return MixerCase(spec, registry or load_registry())


def registered_cases(registry: Registry) -> Iterator[MixerCase]:
    """Every registered mixer, and every operator and scan inside a recurrent mixer.

    A scan that cannot compute in float64 on a CPU, as the checks do, is left out.
    """
    for name in registry.names("mixer"):
        yield MixerCase(name, registry, label=name)
    for family in ("anchor", "readout", "scan", "injection"):
        for name in registry.names(family):
            if family == "scan" and not _computes_here(registry.part("scan", name)):
                continue
            yield _composed(registry, family, name, {family: name})
    for name in registry.names("activation"):
        yield _composed(registry, "activation", name, {"queries": {"activation": name}})
    for name in registry.names("forget"):
        slots = {"forget": name, "injection": DELTA_WRITES}
        yield _composed(registry, "forget", name, slots)


def _computes_here(scan: Any) -> bool:
    """Whether a scan part's backend takes float64 tensors on a CPU; one named by a word does."""
    backend = getattr(scan, "backend", None)
    if not isinstance(backend, Backend):
        return True
    ones = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    problem = check_scan(ones, Transition(), Writes(ones[None], ones[None]))
    return backend.supports(problem) is None


def _composed(registry: Registry, family: str, name: str, slots: dict[str, Any]) -> MixerCase:
    return MixerCase({"type": "recurrent", **slots}, registry, label=f"{family}={name}")
