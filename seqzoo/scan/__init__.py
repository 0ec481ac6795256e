"""The scans: tensors in, tensors out, no parameters.

`scan` and `step` compute the linear recurrence that most layers share, `elementwise_scan` its
element-wise form, `selective_scan` the same with states made of keys and read by queries,
`running_maximum` in the (max, +) semiring, `serial_scan` rules that no parallel scan can compute,
`prefix_scan` and `PrefixCounter` scans with any aggregator.
"""

from seqzoo.scan.elementwise import elementwise_scan as elementwise_scan
from seqzoo.scan.elementwise import running_maximum as running_maximum
from seqzoo.scan.prefix import CounterState as CounterState
from seqzoo.scan.prefix import PrefixCounter as PrefixCounter
from seqzoo.scan.prefix import prefix_scan as prefix_scan
from seqzoo.scan.problem import ScanProblem as ScanProblem
from seqzoo.scan.recurrence import Erase as Erase
from seqzoo.scan.recurrence import ScanResult as ScanResult
from seqzoo.scan.recurrence import Transition as Transition
from seqzoo.scan.recurrence import Writes as Writes
from seqzoo.scan.select import BUILTIN_BACKENDS as BUILTIN_BACKENDS
from seqzoo.scan.select import Backend as Backend
from seqzoo.scan.select import BackendChoice as BackendChoice
from seqzoo.scan.select import explain_backend as explain_backend
from seqzoo.scan.select import register_backend as register_backend
from seqzoo.scan.select import scan as scan
from seqzoo.scan.select import step as step
from seqzoo.scan.selective import ExponentialDecay as ExponentialDecay
from seqzoo.scan.selective import SelectiveDecay as SelectiveDecay
from seqzoo.scan.selective import selective_scan as selective_scan
from seqzoo.scan.serial import SerialRule as SerialRule
from seqzoo.scan.serial import serial_scan as serial_scan

__all__ = [
    "BUILTIN_BACKENDS",
    "Backend",
    "BackendChoice",
    "CounterState",
    "Erase",
    "ExponentialDecay",
    "PrefixCounter",
    "ScanProblem",
    "ScanResult",
    "SelectiveDecay",
    "SerialRule",
    "Transition",
    "Writes",
    "elementwise_scan",
    "explain_backend",
    "prefix_scan",
    "register_backend",
    "running_maximum",
    "scan",
    "selective_scan",
    "serial_scan",
    "step",
]
