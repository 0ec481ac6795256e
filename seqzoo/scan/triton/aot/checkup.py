"""Every case of the catalogue run on this machine and compared with float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import torch

from seqzoo.scan.triton.aot.kernel_case import Case, Expected, expect, verify
from seqzoo.scan.triton.launch import note_kernels


@dataclass(frozen=True)
class Checked:
    """The result of one case.

    Attributes:
        case: its name.
        dtype: of its large tensors, such as bfloat16.
        kernels: those it started, in order.
        errors: of each result and gradient the error ratio against float64, and what passes.
        error: what a kernel raised; None if all ran.
    """

    case: str
    dtype: str
    kernels: tuple[str, ...]
    errors: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    error: str | None = None

    @property
    def worst(self) -> tuple[str, float, float]:
        """The name, ratio and limit that come nearest to failing, or fail by most."""
        name = max(self.errors, key=lambda name: self.errors[name][0] / self.errors[name][1])
        return (name, *self.errors[name])

    @property
    def failure(self) -> str | None:
        """Why it failed, in a few words, or None."""
        if self.error is not None:
            return self.error
        name, ratio, limit = self.worst
        if ratio <= limit:
            return None
        return f"{self.case}, {self.dtype}: error ratio {ratio:.1e} of {name}, allowed {limit:.0e}"


def check_up(
    cases: Iterable[Case], device: torch.device, expected: Callable[[Case], Expected] = expect
) -> Iterator[Checked]:
    """Runs one case after another; ends early where a failed one has left the GPU unusable."""
    for case in cases:
        dtype = str(case.dtype).removeprefix("torch.")
        with note_kernels() as started:
            try:
                errors = verify(case, device, expected(case))
            except Exception as error:  # whatever a compiler or a driver raises
                lines = str(error).strip().splitlines() or [""]
                what = f"{case.name}, {dtype}: {type(error).__name__}: {lines[0]}"
                yield Checked(case.name, dtype, tuple(started), error=what)
                if not usable(device):
                    return
                continue
        yield Checked(case.name, dtype, tuple(started), errors)


def failed_kernels(checked: Iterable[Checked]) -> dict[str, str]:
    """The kernels to distrust, and why.

    A failed case names all it started but those that other cases found right; all, if none is left.
    What raises is the last one started.
    """
    rows = list(checked)
    right = {kernel for row in rows if row.failure is None for kernel in row.kernels}
    failures: dict[str, str] = {}
    for row in rows:
        if row.failure is None:
            continue
        suspects = [kernel for kernel in row.kernels if kernel not in right] or list(row.kernels)
        for kernel in suspects[-1:] if row.error is not None else suspects:
            failures.setdefault(kernel, row.failure)
    return failures


def usable(device: torch.device) -> bool:
    """Whether the device still computes: a kernel that reads astray ends a GPU's context."""
    try:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    except RuntimeError:
        return False
    return True
