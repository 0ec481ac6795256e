"""Checks of parts of any family."""

from __future__ import annotations

from typing import Any

import yaml

from seqzoo.testing.part import PartCase

__all__ = ["PART_CHECKS"]


def spec_round_trips(case: PartCase) -> None:
    """The resolved spec, written as YAML and read again, is the same spec."""
    spec = case.spec
    written: Any = yaml.safe_load(yaml.safe_dump(spec.model_dump(mode="json")))
    again = case.registry.spec(case.family, written)
    assert again == spec, f"{spec} comes back as {again}"


def says_what_it_is(case: PartCase) -> None:
    """The docstring begins with a sentence, which `seqzoo parts` lists."""
    assert case.spec.part.summary(), f"{case} has no docstring"


PART_CHECKS = (spec_round_trips, says_what_it_is)
