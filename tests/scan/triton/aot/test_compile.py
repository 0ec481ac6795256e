"""Kernels compiled ahead of time, in processes of their own; `make kernels` compiles them all."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import product

import pytest

from seqzoo.scan.triton.aot.compile import Compiled, compile_catalogue, representatives
from seqzoo.scan.triton.configs import Config, kernel_named
from seqzoo.scan.triton.launch import Launch

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


@pytest.mark.parametrize("targets", [["sm_90"], ["sm_80", "sm_100", "gfx942"]], ids=" ".join)
def test_every_kernel_compiles_and_fits(targets: list[str]) -> None:
    rows = list(compile_catalogue(targets, representative=True, workers=1))
    names = {target: {row.kernel for row in rows if row.target == target} for target in targets}
    assert all(found == names[targets[0]] for found in names.values())
    assert not [
        f"{row.kernel} ({row.config}; {row.variant}): {row.failure}" for row in rows if row.failure
    ]
    assert all(row.registers > 0 for row in rows)


def test_representatives_have_all_traits_of_all_launches() -> None:
    def launch(
        name: str, dtype: str, warps: int, *flags: int | None, target: str = "sm_90"
    ) -> Launch:
        signature = (("x", f"*{dtype}"), *((f"FLAG{at}", "constexpr") for at in range(len(flags))))
        constants = tuple(((at,), flag) for at, flag in enumerate(flags, start=1))
        config = Config(warps, 1, {})
        return Launch("kernels", name, target, signature, constants, (), config, (1,))

    launches = [
        launch(name, dtype, warps, *flags)
        for name in ("read", "write")
        for dtype, warps in (("bf16", 8), ("fp32", 4))
        for flags in product((0, 1, None), (16, 32, 64, 128))
    ]
    chosen = list(representatives(launches))
    assert chosen == list(representatives(launches))
    assert set(chosen) <= set(launches)
    for seen in (
        lambda x: (x.name, str(x.config)),
        lambda x: (x.name, x.signature[0]),
        lambda x: (x.name, x.constants[0]),
        lambda x: (x.name, x.constants[1]),
    ):
        assert set(map(seen, chosen)) == set(map(seen, launches))
    assert len(chosen) == 8  # of 48: four for each kernel, as many as the second flag has values
    others = [
        launch(name, "fp32", 4, 1, 16, target=target)
        for name in ("read", "write")
        for target in ("sm_80", "gfx942")
    ]
    both = list(representatives(launches + others))
    assert {(x.name, x.target) for x in both} == {(x.name, x.target) for x in launches + others}
    assert len(both) <= 12


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
