"""The built-in probes, registered the way plugins register theirs."""

from __future__ import annotations

from collections.abc import Callable

from seqzoo.probe.error_growth import ErrorGrowth
from seqzoo.probe.transition_spectrum import TransitionSpectrum
from seqzoo.probe.write_rank import WriteRank
from seqzoo.registry.hookspecs import hookimpl
from seqzoo.spec import Part

__all__ = ["register_parts"]


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """Register every probe that applies to any recurrent mixer."""
    for probe in (ErrorGrowth, TransitionSpectrum, WriteRank):
        register(probe)
