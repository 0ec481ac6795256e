"""Probes: measurements on a trained run, beyond the metric of its task.

findings   the results of a probe, and the file that holds them
trace      what a recurrent mixer computed on test sequences, token by token
probe      the family
measuring  probes on a run's directory

Findings are read without torch, which takes seconds to import; the rest is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqzoo.probe.findings import Finding as Finding
from seqzoo.probe.findings import Findings as Findings
from seqzoo.probe.findings import Plot as Plot
from seqzoo.probe.findings import Value as Value
from seqzoo.probe.findings import keep_findings as keep_findings
from seqzoo.probe.findings import read_findings as read_findings

if TYPE_CHECKING:
    from seqzoo.probe.measuring import measure as measure
    from seqzoo.probe.probe import Probe as Probe
    from seqzoo.probe.probe import Subject as Subject
    from seqzoo.probe.trace import Trace as Trace

__all__ = [
    "Finding",
    "Findings",
    "Plot",
    "Probe",
    "Subject",
    "Trace",
    "Value",
    "keep_findings",
    "measure",
    "read_findings",
]

LATER = {"Probe": "probe", "Subject": "probe", "Trace": "trace", "measure": "measuring"}


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{LATER[name]}"), name)
