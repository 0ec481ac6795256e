"""Kernels compiled ahead of time, in processes of their own; `make kernels` compiles them all."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from seqzoo.scan.triton.aot.compile import Compiled, compile_catalogue
from seqzoo.scan.triton.configs import kernel_named

SPILLING = """
import triton, triton.language as tl
from triton.compiler import ASTSource
from triton.backends.compiler import GPUTarget
from seqzoo.scan.triton.aot.compile import usage

@triton.jit
def double(x, SIZE: tl.constexpr):
    at = tl.arange(0, SIZE)
    tile = tl.load(x + at)
    tl.store(x + at, tl.sort(tile))

source = ASTSource(double, {"x": "*fp32", "SIZE": "constexpr"}, {(1,): 1024}, {})
options = {"num_warps": 1, "maxnreg": 16}
compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
_, registers, spilled = usage("sm_90", compiled.asm)
assert registers <= 24, registers
assert spilled > 0, spilled
"""


@pytest.mark.parametrize("target", ["sm_80", "sm_90", "sm_100", "gfx942"])
def test_every_kernel_compiles_and_fits(target: str) -> None:
    rows = list(compile_catalogue([target], representative=True, workers=1))
    assert rows
    assert not [
        f"{row.kernel} ({row.config}; {row.variant}): {row.failure}" for row in rows if row.failure
    ]
    assert all(row.registers > 0 for row in rows)


def test_spilled_registers_are_seen(tmp_path) -> None:
    script = tmp_path / "spilling.py"
    script.write_text(SPILLING)
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    subprocess.run([sys.executable, str(script)], check=True, env=environment)


def test_what_fails() -> None:
    good = Compiled("read", "sm_90", "warps=4", "", shared_bytes=10, shared_limit=20)
    assert good.failure is None
    spilling = Compiled("read", "sm_90", "warps=4", "", spill_bytes=8, shared_limit=20)
    assert spilling.failure == "spills 8 bytes a thread"
    assert replace(spilling, target="sm_89").failure is None
    large = Compiled("read", "sm_90", "warps=4", "", shared_bytes=30, shared_limit=20)
    assert large.failure == "30 bytes of shared memory, and 20 are there"


def test_an_unknown_target_or_kernel() -> None:
    with pytest.raises(ValueError, match="no target 'sm_9'; there are sm_80"):
        next(compile_catalogue(["sm_9"]))
    with pytest.raises(ValueError, match=r"no kernel 'carri'; did you mean 'carry'\?"):
        next(compile_catalogue(["sm_90"], kernel="carri", workers=1))
    assert kernel_named("carry") == kernel_named("carry_kernel") == "carry_kernel"
