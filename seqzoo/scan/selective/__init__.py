"""The selective scan: element-wise states made of keys and values, and read by queries.

`scan.py` checks the arguments and picks a backend, `decay.py` says how a layer's decay is made.
`passes.py` is the torch path on a CPU, behind the autograd function of
`seqzoo/scan/ops/selective.py`; `composed.py` hands the states to the element-wise scan.
"""

from seqzoo.scan.selective.decay import ExponentialDecay as ExponentialDecay
from seqzoo.scan.selective.decay import SelectiveDecay as SelectiveDecay
from seqzoo.scan.selective.scan import selective_scan as selective_scan

__all__ = ["ExponentialDecay", "SelectiveDecay", "selective_scan"]
