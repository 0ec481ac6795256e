"""Layers whose transition is a decay alone, on the matrix scan: what each adds to core's parts."""

from seqzoo_gla.decaying.gated_skip import GatedSkipReadout
from seqzoo_gla.decaying.mamba_decay import MambaDecay
from seqzoo_gla.decaying.step_size import StepSizeDecay

__all__ = ["PARTS", "GatedSkipReadout", "MambaDecay", "StepSizeDecay"]

PARTS = (MambaDecay, StepSizeDecay, GatedSkipReadout)
