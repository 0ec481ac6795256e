"""Facts about a run that are known before its first step."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from seqzoo.registry import plugin_versions
from seqzoo.tasks import Metric
from seqzoo.train.record import DeviceFacts, GroupFacts, ScanFacts, Sources, Versions

__all__ = ["Facts", "describe_device", "installed_versions"]


@dataclass(frozen=True)
class Facts:
    """A run as it starts.

    Attributes:
        run_id: short hash of the resolved spec and seed.
        directory: where its files lie.
        metric: the metric by which runs on its task are compared.
        vocab_size: token ids of its task.
        parameters: trained numbers in the model.
        state_size: numbers a sequence carries at the task's length; None if it carries no state.
        device: where it runs.
        resumed_at: steps that were done before; 0 for a fresh start.
        notes: what the task says about its data.
        warnings: anything that is slower than it could be.
        sources: commits of the code it runs with.
        inputs: what it depends on outside its spec, see `seqzoo.train.inputs`.
        groups: the parameters by their treatment.
        scan: the backends that compute.
    """

    run_id: str
    directory: Path
    metric: Metric
    vocab_size: int
    parameters: int
    state_size: int | None
    device: DeviceFacts
    resumed_at: int
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sources: Sources = field(default_factory=Sources)
    inputs: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[GroupFacts, ...] = ()
    scan: tuple[ScanFacts, ...] = ()


def describe_device(device: torch.device) -> DeviceFacts:
    """Kind and hardware name of a device, and the CPU threads torch uses."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = _processor()
    return DeviceFacts(
        kind=device.type, name=name, threads=torch.get_num_threads(), cores=os.cpu_count()
    )


def _processor() -> str:
    """The processor's name as the system reports it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def installed_versions() -> Versions:
    """Versions of seqzoo, torch, triton, Python, and every distribution that plugs into seqzoo."""
    return Versions(
        seqzoo=importlib.metadata.version("seqzoo"),
        torch=torch.__version__,
        python=platform.python_version(),
        plugins=dict(sorted(plugin_versions().items())),
        triton=_version("triton"),
    )


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
