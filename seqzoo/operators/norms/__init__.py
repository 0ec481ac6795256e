"""Norms over the features of one head, or of a token."""

from seqzoo.operators.norms.builtin import LayerNorm as LayerNorm
from seqzoo.operators.norms.builtin import NoNorm as NoNorm
from seqzoo.operators.norms.builtin import RmsNorm as RmsNorm
from seqzoo.operators.norms.builtin import UnitNorm as UnitNorm
from seqzoo.operators.norms.builtin import unit_norm as unit_norm
from seqzoo.operators.norms.norm import Norm as Norm

__all__ = ["LayerNorm", "NoNorm", "Norm", "RmsNorm", "UnitNorm", "unit_norm"]
