"""The kernels ahead of time: each fits and spills no register; `seqzoo kernels` has them."""

from __future__ import annotations

import os
import subprocess
import sys

import seqzoo
from seqzoo.cli.kernels import modules_of_kernels
from seqzoo.scan.triton.aot.catalogue import catalogue_with
from seqzoo.scan.triton.configs import kernel_named
from seqzoo_ttt.kernels.case import CASES, TABLE

MODULE = "seqzoo_ttt.kernels.case"
COMPILE = """
from seqzoo.scan.triton.aot.catalogue import recorded
from seqzoo.scan.triton.aot.compile import compile_launch
from seqzoo_ttt.kernels.case import CASES

(launch,) = (x for x in recorded("sm_90", CASES[:1]) if x.name == "ttt_state_gradients_kernel")
row = compile_launch(launch)
assert row.failure is None, row.failure
assert row.registers > 0
"""


def test_they_are_among_all_kernels() -> None:
    assert MODULE in modules_of_kernels(seqzoo.load_registry())
    cases, tables = catalogue_with([MODULE])
    assert set(CASES) < set(cases)
    assert kernel_named("ttt_forward", tables) == "ttt_forward_kernel"


def test_the_largest_compiles_and_fits() -> None:
    """In a process that does not interpret; `seqzoo kernels` compiles all, for every target."""
    environment = {name: x for name, x in os.environ.items() if name != "TRITON_INTERPRET"}
    subprocess.run([sys.executable, "-c", COMPILE], check=True, env=environment)
    assert TABLE.is_file()
