from __future__ import annotations

import pytest

from seqzoo.scan.triton.aot.gpu_model import GPUS, LAUNCH, resident, seconds

GPU = GPUS["sm_90"]


@pytest.mark.parametrize(
    ("warps", "registers", "shared", "expected"),
    [
        (4, 32, 0, 16),  # 64 warps
        (1, 16, 0, 32),  # 32 programs
        (4, 128, 0, 4),  # 65536 registers
        (8, 154, 0, 1),  # the same, 160 at a time
        (4, 32, 98304, 2),  # 228 KiB of shared memory
    ],
)
def test_what_limits_the_programs_of_a_multiprocessor(warps, registers, shared, expected):
    assert resident(GPU, warps, registers, shared) == expected


def test_what_binds():
    def of(instructions=0.0, least=0.0, moved=0.0, warps=4, held=2, grid=10**6):
        return seconds(
            GPU,
            instructions=instructions,
            least=least,
            moved=moved,
            warps=warps,
            held=held,
            grid=grid,
        )

    assert of() == LAUNCH
    assert of(least=3e12) == pytest.approx(1)
    assert of(moved=5.5e12, least=1e12) == pytest.approx(1)
    assert of(instructions=1e12, held=7) == pytest.approx(1e12 / (132 * 1.7e9 * 4))
    assert of(instructions=1e12, held=1) == pytest.approx(1e12 / (132 * 1.7e9 * 4 / 7))
    assert of(instructions=1e12, held=7, grid=66) == pytest.approx(1e12 / (66 * 1.7e9 * 4 / 7))
