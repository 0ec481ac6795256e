"""The built-in probes, registered by the road that plugins take."""

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
    """Every probe that any recurrent mixer can be asked."""
    for probe in (ErrorGrowth, TransitionSpectrum, WriteRank):
        register(probe)
