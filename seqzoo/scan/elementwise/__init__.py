"""Scans of channels that do not mix: a linear one, and a running maximum.

`scan.py` checks the arguments and picks a backend, `reference.py` is the token loop. The chunked
form is `seqzoo/scan/running.py` behind the operator in `seqzoo/scan/ops/elementwise.py`, and its
kernels are in `seqzoo/scan/triton/`.
"""

from seqzoo.scan.elementwise.maximum import running_maximum as running_maximum
from seqzoo.scan.elementwise.scan import elementwise_scan as elementwise_scan

__all__ = ["elementwise_scan", "running_maximum"]
