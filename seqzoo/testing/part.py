"""A case of a part that is tried by itself: a task, a decoder, an optimizer, a sampler."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from unittest import SkipTest

import torch

from seqzoo.errors import SpecError
from seqzoo.registry import Registry, load_registry
from seqzoo.spec import PartSpec

__all__ = ["PartCase", "alone"]


@dataclass(frozen=True)
class PartCase:
    """One part under test.

    Attributes:
        family: the part's family.
        settings: as a user writes it: a name, or a mapping with `type`.
        registry: where names are looked up.
        label: how the case is called in test reports.
    """

    family: str
    settings: Any
    registry: Registry = field(repr=False)
    label: str = ""

    def __str__(self) -> str:
        if self.label:
            return self.label
        named = self.settings["type"] if isinstance(self.settings, dict) else self.settings
        return f"{self.family}={named}"

    @property
    def spec(self) -> PartSpec:
        """The validated spec.

        Raises:
            SkipTest: the part has settings without a default, so a case must give them.
        """
        try:
            return self.registry.spec(self.family, self.settings)
        except SpecError as failure:
            if isinstance(self.settings, str):
                raise SkipTest(f"{self} cannot be built from its name alone: {failure}") from None
            raise

    def build(self, *arguments: Any, seed: int = 0) -> Any:
        """The part, with the initial values of this seed.

        Raises:
            SkipTest: it cannot be built from its name alone, or needs a library that is missing.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            try:
                return self.spec.build(*arguments)
            except SpecError as failure:
                raise SkipTest(f"{self} cannot be built here: {failure}") from None


def alone(family: str, settings: Any, registry: Registry | None = None) -> PartCase:
    """The case of a part by itself, with every installed plugin's names known."""
    return PartCase(family, settings, registry or load_registry())
