"""The nine generators that PRISM's authors released with Table 4 (arXiv 2602.10796), as tasks.

They are harder than what the paper's text describes, or different: noise is drawn from the same ids
as keys, values and bits, so some of them cannot be solved at all. seqzoo's own tasks of similar
names follow the text.
"""

from seqzoo_prism.released.local_xor import ReleasedLocalXor as ReleasedLocalXor
from seqzoo_prism.released.modulo_add import ReleasedModuloAdd as ReleasedModuloAdd
from seqzoo_prism.released.mqar import ReleasedMqar as ReleasedMqar
from seqzoo_prism.released.mux import ReleasedMux as ReleasedMux
from seqzoo_prism.released.palindrome import ReleasedPalindrome as ReleasedPalindrome
from seqzoo_prism.released.parity import ReleasedParity as ReleasedParity
from seqzoo_prism.released.poly_recall import ReleasedPolyRecall as ReleasedPolyRecall
from seqzoo_prism.released.silence_gate import ReleasedSilenceGate as ReleasedSilenceGate
from seqzoo_prism.released.task import ReleasedTask as ReleasedTask
from seqzoo_prism.released.variable_tracking import (
    ReleasedVariableTracking as ReleasedVariableTracking,
)

__all__ = [
    "RELEASED_TASKS",
    "ReleasedLocalXor",
    "ReleasedModuloAdd",
    "ReleasedMqar",
    "ReleasedMux",
    "ReleasedPalindrome",
    "ReleasedParity",
    "ReleasedPolyRecall",
    "ReleasedSilenceGate",
    "ReleasedTask",
    "ReleasedVariableTracking",
]

RELEASED_TASKS: tuple[type[ReleasedTask], ...] = (
    ReleasedMqar,
    ReleasedPolyRecall,
    ReleasedVariableTracking,
    ReleasedParity,
    ReleasedLocalXor,
    ReleasedModuloAdd,
    ReleasedPalindrome,
    ReleasedMux,
    ReleasedSilenceGate,
)
"""In the order of the paper's Table 4."""
