"""Layers whose transition is a decay alone, on the matrix scan: what each adds to core's parts."""

from seqzoo_gla.decaying.mamba_decay import MambaDecay

__all__ = ["PARTS", "MambaDecay"]

PARTS = (MambaDecay,)
