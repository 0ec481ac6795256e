"""Layers whose transition is a decay alone, on the matrix scan: what each adds to core's parts."""

from seqzoo_gla.decaying.bounded_softplus import BoundedSoftplusGate
from seqzoo_gla.decaying.complement_gates import ComplementGates
from seqzoo_gla.decaying.gated_skip import GatedSkipReadout
from seqzoo_gla.decaying.joint import JointReadout
from seqzoo_gla.decaying.mamba_decay import MambaDecay
from seqzoo_gla.decaying.slopes import SlopeDecay
from seqzoo_gla.decaying.step_size import StepSizeDecay
from seqzoo_gla.decaying.tied import TiedDecay

__all__ = [
    "PARTS",
    "BoundedSoftplusGate",
    "ComplementGates",
    "GatedSkipReadout",
    "JointReadout",
    "MambaDecay",
    "SlopeDecay",
    "StepSizeDecay",
    "TiedDecay",
]

PARTS = (
    MambaDecay,
    StepSizeDecay,
    SlopeDecay,
    TiedDecay,
    BoundedSoftplusGate,
    ComplementGates,
    GatedSkipReadout,
    JointReadout,
)
