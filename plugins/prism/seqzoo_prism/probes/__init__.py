"""Probes of PRISM's own quantities, for `seqzoo probe`."""

from seqzoo_prism.probes.anchor_error import AnchorError as AnchorError
from seqzoo_prism.probes.ideal_solver import IdealSolver as IdealSolver
from seqzoo_prism.probes.residual_energy import ResidualEnergy as ResidualEnergy

__all__ = ["AnchorError", "IdealSolver", "ResidualEnergy"]
