"""Layers whose transition is only a decay, on the matrix scan: what each adds to the core's
parts."""

from seqzoo_gla.decaying.bounded_softplus import BoundedSoftplusGate
from seqzoo_gla.decaying.complement_gates import ComplementGates
from seqzoo_gla.decaying.counted import CountedInjection, NormalisedReadout
from seqzoo_gla.decaying.exponential_gates import ExponentialGates, StabilisedReadout
from seqzoo_gla.decaying.gated_skip import GatedSkipReadout
from seqzoo_gla.decaying.gsa import GatedSlotMixer
from seqzoo_gla.decaying.joint import JointReadout
from seqzoo_gla.decaying.joint_reads import JointReads
from seqzoo_gla.decaying.log_linear import LogLinearMixer
from seqzoo_gla.decaying.mamba_decay import MambaDecay
from seqzoo_gla.decaying.mesanet import MesaMixer
from seqzoo_gla.decaying.multihead import MultiheadReadout
from seqzoo_gla.decaying.rodimus import RodimusMixer
from seqzoo_gla.decaying.running_softmax import RunningSoftmax
from seqzoo_gla.decaying.slopes import SlopeDecay
from seqzoo_gla.decaying.step_size import StepSizeDecay
from seqzoo_gla.decaying.taylor import TaylorProjection
from seqzoo_gla.decaying.tied import TiedDecay
from seqzoo_gla.decaying.trapezoid import TrapezoidInjection
from seqzoo_gla.decaying.turned_queries import TurnedQueries

__all__ = [
    "PARTS",
    "BoundedSoftplusGate",
    "ComplementGates",
    "CountedInjection",
    "ExponentialGates",
    "GatedSkipReadout",
    "GatedSlotMixer",
    "JointReadout",
    "JointReads",
    "LogLinearMixer",
    "MambaDecay",
    "MesaMixer",
    "MultiheadReadout",
    "NormalisedReadout",
    "RodimusMixer",
    "RunningSoftmax",
    "SlopeDecay",
    "StabilisedReadout",
    "StepSizeDecay",
    "TaylorProjection",
    "TiedDecay",
    "TrapezoidInjection",
    "TurnedQueries",
]

PARTS = (
    BoundedSoftplusGate,
    ComplementGates,
    CountedInjection,
    ExponentialGates,
    GatedSkipReadout,
    GatedSlotMixer,
    JointReadout,
    JointReads,
    LogLinearMixer,
    MambaDecay,
    MesaMixer,
    MultiheadReadout,
    NormalisedReadout,
    RodimusMixer,
    RunningSoftmax,
    SlopeDecay,
    StabilisedReadout,
    StepSizeDecay,
    TaylorProjection,
    TiedDecay,
    TrapezoidInjection,
    TurnedQueries,
)
