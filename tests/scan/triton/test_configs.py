from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from seqzoo.scan.triton.architecture import architecture_is
from seqzoo.scan.triton.configs import (
    SHIPPED,
    Config,
    HeadSize,
    config_for,
    config_is,
    read_table,
    rows_of,
)

CPU = torch.device("cpu")


SIZE = HeadSize(64, 16)


def row(size: int, warps: int, **given: int) -> dict[str, object]:
    return {**given, "size": size, "num_warps": warps, "num_stages": 2, "tiles": {"BLOCK": 16}}


@pytest.fixture(autouse=True)
def table(table_path: Path) -> Path:
    rows = {
        "default": [row(128, 4), row(64, 2)],
        "sm_80": [row(256, 32, bits=32)],
        "sm_90": [row(256, 8)],
        "sm_100": [row(64, 8, bits=32), row(128, 16, bits=32)],
        "gfx942": [row(64, 1, bits=16), row(64, 8)],
    }
    table_path.write_text(json.dumps({"read_state": rows}))
    return table_path


@pytest.mark.parametrize(
    ("architecture", "size", "bits", "warps"),
    [
        ("default", 64, 16, 2),
        ("default", 65, 16, 4),
        ("default", 999, 32, 4),
        ("sm_90", 8, 16, 8),
        ("sm_80", 8, 16, 2),
        ("sm_89", 8, 32, 32),  # it has no rows, and sm_80 is like it
        ("sm_89", 8, 16, 2),
        ("sm_100", 64, 32, 8),
        ("sm_100", 999, 32, 16),
        ("sm_100", 64, 16, 2),  # none of its rows is for 16 bits
        ("gfx942", 64, 16, 1),
        ("gfx942", 64, 32, 8),
    ],
)
def test_rows_by_architecture_size_and_bits(
    architecture: str, size: int, bits: int, warps: int
) -> None:
    with architecture_is(architecture):
        found = config_for("read_state", HeadSize(size, bits), CPU)
    assert found == Config(warps, 2, {"BLOCK": 16})


@pytest.mark.parametrize("architecture", ["sm_90", "sm_100"])
def test_half_precision_takes_four_warps_where_eight_were_miscompiled(architecture: str) -> None:
    """`seqzoo.scan.triton.kernels.tiles` says why."""
    for kernel in read_table(SHIPPED):
        serving = next(row for row in rows_of(kernel, architecture, 16) if row.size >= 128)
        assert serving.config.num_warps <= 4, kernel


def test_a_kernel_without_an_entry() -> None:
    with pytest.raises(LookupError, match="read_stat'"):
        config_for("read_stat", SIZE, CPU)


def test_a_configuration_can_be_forced() -> None:
    forced = Config(1, 1, {"BLOCK": 32})
    with config_is("read_state", forced):
        assert config_for("read_state", SIZE, CPU) is forced
    assert config_for("read_state", SIZE, CPU) != forced


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "{",
        '{"read_state": {"sm_90": [{"size": 64}]}}',
        '{"read_state": {"sm_90": [{"size": "x"}]}}',
        json.dumps({"read_state": {"sm_90": [row(64, 0)]}}),
        json.dumps({"read_state": {"sm_90": [row(64, 1) | {"extra": 1}]}}),
        json.dumps({"read_state": {"sm_90": [row(64, 1) | {"bits": "16"}]}}),
    ],
)
def test_a_malformed_table_is_named(text: str, table: Path) -> None:
    table.write_text(text)
    with pytest.raises(ValueError, match=r"kernels\.json.*not a table of kernel configurations"):
        read_table(table)


def test_registers_are_limited_on_nvidia_alone() -> None:
    config = Config(8, 1, {"BLOCK_V": 16}, registers=255)
    assert config.options("sm_90") == {"num_warps": 8, "num_stages": 1, "maxnreg": 255}
    assert config.options("gfx942") == {"num_warps": 8, "num_stages": 1}
    assert Config(16, 1, {}, registers=255).options("sm_90")["maxnreg"] == 128
    assert "maxnreg" not in Config(8, 1, {}).options("sm_90")
