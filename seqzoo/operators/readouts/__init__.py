"""Readouts: from state reads to the layer's output."""

from seqzoo.operators.readouts.gated import GatedReadout as GatedReadout
from seqzoo.operators.readouts.linear import LinearReadout as LinearReadout
from seqzoo.operators.readouts.readout import Readout as Readout

__all__ = ["GatedReadout", "LinearReadout", "Readout"]
