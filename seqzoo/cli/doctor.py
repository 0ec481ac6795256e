"""`seqzoo doctor`: versions, devices, plugins, and each kernel checked on this machine."""

from __future__ import annotations

import os
import platform
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqzoo.errors import RunError, counted
from seqzoo.escape import json_text, visible

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from seqzoo.registry import Registry
    from seqzoo.scan.triton.aot.checkup import Checked
    from seqzoo.scan.triton.aot.kernel_case import Case, Expected

__all__ = ["command"]


def command(
    interpret: Annotated[
        bool, typer.Option("--interpret", help="Run the kernels in Triton's interpreter, slowly.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the installation, and each kernel against the reference on this machine's GPU.

    A kernel that fails is named. Later processes on this machine avoid the kernels of its family
    and warn once; if they ask for the backend triton by name, they fail.
    """
    if interpret:
        os.environ["TRITON_INTERPRET"] = "1"  # before triton is imported
    import seqzoo

    registry = seqzoo.load_registry()
    say: Callable[[str], None] = (lambda _: None) if as_json else _say
    facts: dict[str, Any] = {
        "versions": _versions(),
        "devices": _devices(),
        "plugins": _plugins(registry),
        "set_aside": [str(broken) for broken in registry.broken],
    }
    for name, number in facts["versions"].items():
        say(f"{name:10} {number}")
    for plugin in facts["plugins"]:
        say(f"plugin     {plugin}")
    for broken in facts["set_aside"]:
        say(f"set aside  {broken}; repair or uninstall it")
    for described in facts["devices"]:
        say(f"device     {described}")
    device, reason = _where(interpret)
    facts["not_checked"] = reason
    facts["kernels"], failures = [], {}
    if device is None:
        say(f"kernels    not checked: {reason}")
    else:
        failures = _check(registry, device, facts, say, kept=not interpret)
    facts["failures"] = failures
    if as_json:
        print(json_text(facts))
    if failures:
        lines = [f"kernel {kernel} is wrong: {why}" for kernel, why in failures.items()]
        if not interpret:
            lines.append(
                "scans of its family compute without kernels here, and warn once; backend triton, "
                "asked for by name, is refused"
            )
        raise RunError(*lines)


def _say(line: str) -> None:
    print(visible(line))


def _check(
    registry: Registry,
    device: torch.device,
    facts: dict[str, Any],
    say: Callable[[str], None],
    *,
    kept: bool,
) -> dict[str, str]:
    """Run the catalogue, print findings as they come, and store the verdict."""
    from seqzoo.cli.kernels import modules_of_kernels
    from seqzoo.scan.triton.aot.catalogue import catalogue_with
    from seqzoo.scan.triton.aot.checkup import check_up, failed_kernels
    from seqzoo.scan.triton.verdict import keep, this_machine

    cases = catalogue_with(modules_of_kernels(registry)).cases
    checked: list[Checked] = []
    with _prepared(cases, device) as expected:
        for row in check_up(cases, device, expected):
            checked.append(row)
            facts["kernels"].append(asdict(row) | {"failure": row.failure})
            say(_line(row))
    if len(checked) < len(cases):
        say(f"the GPU has been unusable since then; {len(cases) - len(checked)} cases were not run")
    failures = failed_kernels(checked)
    if kept:
        index = 0 if device.index is None else device.index
        facts["verdict"] = str(keep(this_machine(index), failures))
        say(f"verdict kept in {facts['verdict']}")
    return failures


def _prepared(
    cases: tuple[Case, ...], device: torch.device
) -> AbstractContextManager[Callable[[Case], Expected]]:
    """The expected results of the cases; on a GPU the kernels are compiled first, on all cores."""
    from seqzoo.scan.triton.aot.kernel_case import expect
    from seqzoo.scan.triton.aot.prepare import prepared
    from seqzoo.scan.triton.architecture import SHARED_KIB, architecture_of

    target = architecture_of(device)
    return prepared(cases, target) if target in SHARED_KIB else nullcontext(expect)


def _line(row: Checked) -> str:
    if row.error is not None:
        return f"FAILED     {row.error}"
    name, ratio, limit = row.worst
    word = "right" if row.failure is None else "WRONG"
    return (
        f"{word:10} {row.case}, {row.dtype}: worst error ratio {ratio:.1e} ({name}; <= {limit:g})"
    )


def _where(interpret: bool) -> tuple[torch.device | None, str | None]:
    """The device on which kernels can be checked, or why there is none."""
    import torch

    from seqzoo.scan.triton.available import available

    if interpret:
        device = torch.device("cpu")
    elif torch.cuda.is_available():
        device = torch.device("cuda", torch.cuda.current_device())
    else:
        return None, "torch sees no GPU here; --interpret runs them in Triton's interpreter"
    refusal = available(device)
    return (device, None) if refusal is None else (None, refusal)


def _versions() -> dict[str, str]:
    import torch

    versions = {"python": platform.python_version()}
    for name in ("seqzoo", "torch", "triton", "pydantic", "numpy"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    versions["torch"] = torch.__version__  # tells the build too, +cpu or +cu130
    return versions


def _devices() -> list[str]:
    import torch

    devices = [f"cpu, {counted(torch.get_num_threads(), 'thread')}, {platform.machine()}"]
    for index in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(index)
        devices.append(f"cuda:{index}, {gpu.name}, {gpu.total_memory / 2**30:.0f} GiB")
    return devices


def _plugins(registry: Registry) -> list[str]:
    origins = {entry.origin for entry in registry if entry.origin.plugin != "builtin"}
    return sorted(str(origin) for origin in origins)
