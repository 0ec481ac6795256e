"""A case: one mixer spec, built as the checks need it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from seqzoo.model.mixer import Mixer
from seqzoo.operators import Place
from seqzoo.registry import Registry, load_registry
from seqzoo.scan import Backend, Transition, Writes
from seqzoo.scan.check import check_scan
from seqzoo.testing.placing import place_part
from seqzoo.testing.zeros import move_zeros

__all__ = ["MixerCase", "computes_here", "mixer_case", "part_case"]


@dataclass(frozen=True)
class MixerCase:
    """One mixer under test.

    Attributes:
        spec: as a user writes it: a name, or a mapping with `type`.
        registry: where its names are looked up.
        width: features a token, a multiple of 16.
        batch_size: sequences.
        length: tokens; long enough to fill windows and convolutions, and uneven.
        label: the case's name in test reports.
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
        return self.build_stack(1, dtype, seed)[0]

    def build_stack(
        self, layers: int, dtype: torch.dtype = torch.float64, seed: int = 0
    ) -> list[Mixer]:
        """The mixers of a model with this many equal layers.

        Parameters that start at 0 are given other values: a matrix of zeros would hide faults.
        """
        spec = self.registry.spec("mixer", self.spec)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            places = (Place(self.width, i, layers, i, layers) for i in range(layers))
            mixers: list[Mixer] = [spec.build(place) for place in places]
            for mixer in mixers:
                move_zeros(mixer)
        return [mixer.to(dtype).eval() for mixer in mixers]

    def inputs(self, dtype: torch.dtype = torch.float64, seed: int = 1) -> Tensor:
        """(B, T, D), standard normal."""
        generator = torch.Generator().manual_seed(seed)
        shape = (self.batch_size, self.length, self.width)
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def mixer_case(spec: Any, registry: Registry | None = None) -> MixerCase:
    """The case of one mixer, with every installed plugin's names known."""
    return MixerCase(spec, registry or load_registry())


def part_case(family: str, name: str, registry: Registry | None = None) -> MixerCase:
    """The case of one part of any family that mixers have slots for, in a mixer that uses it.

    Raises:
        NoPlaceError: no registered mixer has a slot that takes it.
    """
    registry = registry or load_registry()
    return MixerCase(place_part(registry, family, name), registry, label=f"{family}={name}")


def computes_here(scan: Any) -> bool:
    """Whether a scan part's backend takes float64 tensors on a CPU; one named by a word does."""
    backend = getattr(scan, "backend", None)
    if not isinstance(backend, Backend):
        return True
    ones = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    problem = check_scan(ones, Transition(), Writes(ones[None], ones[None]))
    return backend.supports(problem) is None
