"""Every case: what the kernels are compiled for, checked on and timed on.

A part of a plugin that has kernels of its own names a module in its class attribute `kernels`.
It holds CASES, and TABLE, the path of the kernels' configurations.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch

from seqzoo.scan.triton.aot.elementwise_case import ELEMENTWISE_CASES
from seqzoo.scan.triton.aot.kernel_case import Case
from seqzoo.scan.triton.aot.scan_case import SCAN_CASES
from seqzoo.scan.triton.aot.step_case import STEP_CASES
from seqzoo.scan.triton.configs import SHIPPED
from seqzoo.scan.triton.launch import Launch, record_launches

CASES: tuple[Case, ...] = (*SCAN_CASES, *STEP_CASES, *ELEMENTWISE_CASES)


class Catalogue(NamedTuple):
    """Kernels.

    Attributes:
        cases: what they are compiled for.
        tables: of their configurations.
    """

    cases: tuple[Case, ...]
    tables: tuple[Path, ...]


def catalogue_with(modules: Iterable[str]) -> Catalogue:
    """The scans' kernels, and those of these modules of plugins."""
    found = [importlib.import_module(module) for module in modules]
    cases = (case for module in found for case in module.CASES)
    return Catalogue((*CASES, *cases), (SHIPPED, *(module.TABLE for module in found)))


def recorded(target: str, cases: tuple[Case, ...] = CASES) -> tuple[Launch, ...]:
    """What the cases' forward and backward passes have compiled for an architecture."""
    with record_launches(target) as launches:
        for case in cases:
            case.run(case.tensors(torch.device("meta")))
    return tuple(launches)
