"""The findings of a self-check on this machine: kept in a file, read when a backend is chosen.

`seqzoo doctor` writes one file for each GPU, driver, Triton and seqzoo, under $XDG_CACHE_HOME or
~/.cache. If it names a failed kernel, no kernel of that family of recurrences is used: "auto" takes
another backend and warns once, and asking for triton by name is an error. Without a file, kernels
are trusted.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch

from seqzoo.files import write_whole
from seqzoo.scan.triton.available import interpreting, same_when_compiled
from seqzoo.scan.triton.configs import SHIPPED, read_table

Family = str
"""What a kernel serves: `elementwise`, h_t = a_t h_{t-1} + b_t; `linear`, the recurrence of the
matrix state; or the first word of the names of a plugin's kernels."""

_FOUND = "seqzoo doctor found its kernel"

DRIVERS = (Path("/proc/driver/nvidia/version"), Path("/sys/module/amdgpu/version"))


@dataclass(frozen=True)
class Machine:
    """What a verdict holds for: none of these may change.

    Args:
        gpu: its name and architecture.
        driver: the first line of what the driver says of itself, or "unknown".
        triton: the version.
        seqzoo: the version.
    """

    gpu: str
    driver: str
    triton: str
    seqzoo: str

    @property
    def path(self) -> Path:
        """Where its verdict lies."""
        name = hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:16]
        cache_home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        return cache_home / "seqzoo" / f"kernels-{name}.json"


def this_machine(index: int) -> Machine:
    """The machine with its GPU of this index."""
    import triton

    gpu = torch.cuda.get_device_properties(index)
    lines = [path.read_text().splitlines()[0] for path in DRIVERS if path.is_file()]
    driver = lines[0].strip() if lines else "unknown"
    named = f"{gpu.name} {getattr(gpu, 'gcnArchName', '') or f'sm_{gpu.major}{gpu.minor}'}"
    return Machine(named, driver, triton.__version__, version("seqzoo"))


def family_of(kernel: str) -> Family:
    """The family that a kernel of this name serves."""
    word = kernel.partition("_")[0]
    return "linear" if kernel in read_table(SHIPPED) and word != "elementwise" else word


def keep(machine: Machine, failures: Mapping[str, str]) -> Path:
    """Writes a verdict: failed kernels and why; none clears an earlier one. Returns the file."""
    path = machine.path
    verdict = {**asdict(machine), "failures": dict(failures)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(verdict, indent=2) + "\n")
    forget()
    return path


def read(machine: Machine) -> Mapping[str, str]:
    """The failed kernels of a machine and why; empty if none failed or none was checked."""
    try:
        failures = json.loads(machine.path.read_text(encoding="utf-8"))["failures"]
        return {str(kernel): str(why) for kernel, why in failures.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # no verdict, or one that somebody cut


def set_aside(family: Family, device: torch.device) -> str | None:
    """Why the kernels of a family are not to be used on a device, a sentence's end, or None."""
    return _constant(family, device.type, 0 if device.index is None else device.index)


@same_when_compiled
def warn_once(refusal: str) -> None:
    """Warns that another backend computes, the first time that a refusal is one of `set_aside`."""
    if refusal.startswith(_FOUND):
        _warn(refusal)  # a compiler warns of a cache it sees


def forget() -> None:
    """Forget verdicts and warnings, so that files are read again."""
    _set_aside.cache_clear()
    _warn.cache_clear()


@same_when_compiled
def _constant(family: Family, kind: str, index: int) -> str | None:
    if kind != "cuda" or interpreting():
        return None
    return _set_aside(family, index)  # a compiler warns of a cache it sees


@cache
def _set_aside(family: Family, index: int) -> str | None:
    machine = this_machine(index)
    for kernel, why in read(machine).items():
        if family_of(kernel) == family:
            return (
                f"{_FOUND} {kernel} wrong on this machine ({why}), as {machine.path} says; after a "
                "change of driver, Triton or seqzoo run seqzoo doctor again"
            )
    return None


@cache
def _warn(reason: str) -> None:
    message = f"scan: backend 'triton' is set aside, another one computes: {reason}"
    warnings.warn(message, RuntimeWarning, stacklevel=2)
