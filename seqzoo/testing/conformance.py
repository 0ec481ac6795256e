"""All checks of everything that a plugin registers, whatever its family."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import SkipTest

from seqzoo.registry import Registry, load_registry
from seqzoo.registry.registry import Entry
from seqzoo.spec.pattern import FAMILY as LAYERS
from seqzoo.testing.case import MixerCase, computes_here, part_case
from seqzoo.testing.checks import MIXER_CHECKS
from seqzoo.testing.families import FAMILY_CHECKS, PART_CHECKS
from seqzoo.testing.families.layers import LAYERS_CHECKS
from seqzoo.testing.part import PartCase
from seqzoo.testing.placing import NoPlaceError, has_a_slot

__all__ = ["Check", "conformance"]

Case = MixerCase | PartCase
Function = Callable[[Any], None]


@dataclass(frozen=True)
class Check:
    """One check of one part. Call it; it raises what the check raises.

    Attributes:
        family, name: the part's.
        case: the part, inside a mixer if mixers have a slot for its family.
        function: what is checked.
    """

    family: str
    name: str
    case: Case
    function: Function = field(repr=False)

    def __call__(self) -> None:
        """Check it.

        Raises:
            AssertionError: what broke.
            unittest.SkipTest: the part declares that it lacks what is checked.
        """
        self.function(self.case)

    def __str__(self) -> str:
        return f"{self.case}-{self.function.__name__}"


def conformance(plugin: str | None = None, registry: Registry | None = None) -> Iterator[Check]:
    """The checks of every part and preset that a plugin registers.

    A part that mixers have slots for is tried in a mixer, and takes all checks of mixers. A pattern
    of layers is tried as a model. Every other part takes the checks of its family. Where the kit
    has none for a family, or cannot try a part, a check that is skipped says so.

    Args:
        plugin: the plugin's entry point, as `seqzoo parts` names it; None for everything.
        registry: where to look; None loads all installed plugins.
    """
    registry = registry or load_registry()
    for entry in registry:
        if plugin is None or entry.origin.plugin == plugin:
            for case, function in _checks_of(entry, registry):
                yield Check(entry.family, entry.name, case, function)


def _checks_of(entry: Entry, registry: Registry) -> Iterator[tuple[Case, Function]]:
    family, name = entry.family, entry.name
    alone = PartCase(family, name, registry)
    if family == "mixer":
        case = MixerCase(name, registry, label=name)
        yield from ((case, function) for function in MIXER_CHECKS)
        return
    if family == LAYERS:
        yield from ((alone, function) for function in LAYERS_CHECKS)
        return
    yield from ((alone, function) for function in PART_CHECKS)
    if family in FAMILY_CHECKS:
        yield from ((alone, function) for function in FAMILY_CHECKS[family])
    elif not has_a_slot(registry, family):
        yield alone, _skipping(f"the kit knows no checks for family '{family}'")
    elif family == "scan" and not computes_here(registry.part("scan", name)):
        yield alone, _skipping(f"{alone} does not compute in float64 on a CPU")
    else:
        try:
            case = part_case(family, name, registry)
        except NoPlaceError as failure:
            yield alone, _skipping(f"no registered mixer takes it: {failure}")
            return
        yield from ((case, function) for function in MIXER_CHECKS)


def _skipping(reason: str) -> Function:
    def is_checked(_: object) -> None:
        raise SkipTest(reason)

    return is_checked
