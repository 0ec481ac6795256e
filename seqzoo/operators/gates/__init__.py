"""Gates: the strength of a write or an erase."""

from seqzoo.operators.gates.exact_flow import ExactFlowGate as ExactFlowGate
from seqzoo.operators.gates.gate import Gate as Gate
from seqzoo.operators.gates.gate import Strength as Strength
from seqzoo.operators.gates.none import NoGate as NoGate
from seqzoo.operators.gates.sigmoid import SigmoidGate as SigmoidGate
from seqzoo.operators.gates.sigmoid import TwiceSigmoidGate as TwiceSigmoidGate
from seqzoo.operators.gates.softplus import SoftplusGate as SoftplusGate

__all__ = [
    "ExactFlowGate",
    "Gate",
    "NoGate",
    "SigmoidGate",
    "SoftplusGate",
    "Strength",
    "TwiceSigmoidGate",
]
