"""Actions: the form of an affine map's factor E_t, how it acts, and how two compose."""

from seqzoo_psm.actions.action import Action as Action
from seqzoo_psm.actions.dense import DenseAction as DenseAction
from seqzoo_psm.actions.dense import MatrixAction as MatrixAction
from seqzoo_psm.actions.diagonal import DiagonalAction as DiagonalAction
from seqzoo_psm.actions.householder import HouseholderAction as HouseholderAction
from seqzoo_psm.actions.scalar import DecayAction as DecayAction
from seqzoo_psm.actions.scalar import ScalarAction as ScalarAction

__all__ = [
    "Action",
    "DecayAction",
    "DenseAction",
    "DiagonalAction",
    "HouseholderAction",
    "MatrixAction",
    "ScalarAction",
]
