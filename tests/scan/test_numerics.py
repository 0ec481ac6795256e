"""The points of numerics over every built-in backend, on every device of this machine it runs on.

The token loop is slow and computes alike in every dtype, so two of them do.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from seqzoo.scan import BUILTIN_BACKENDS
from seqzoo.scan.check import check_scan

from .numerics import FEATURES, POINTS, Setting
from .oracle import make_case

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
DEVICES = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)


def settings() -> Iterator[Setting]:
    """Each backend on each device that has something to run it."""
    queries, transition, writes, _ = make_case(decay="none", erase="none").arguments()
    for device in DEVICES:
        keys, values = writes.keys.to(device), writes.values.to(device)
        moved = type(writes)(keys, values)
        problem = check_scan(queries.to(device), transition, moved)
        for backend in BUILTIN_BACKENDS:
            if backend.name == "triton" and device == "cpu":
                continue  # the interpreter is slow: tests/scan/triton chooses what it computes
            if backend.supports(problem) is None:
                dtypes = DTYPES[:2] if backend.name == "reference" else DTYPES
                yield from (Setting(backend.name, device, dtype) for dtype in dtypes)


def label(value: object) -> str | None:
    if isinstance(value, Setting):
        return f"{value.backend}-{value.device}-{value.dtype}"
    return getattr(value, "__name__", None)


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("point", POINTS, ids=label)
@pytest.mark.parametrize("setting", tuple(settings()), ids=label)
def test_it_holds(setting, point, features):
    point(setting, features)
