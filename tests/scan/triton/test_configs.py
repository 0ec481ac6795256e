from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from seqzoo.scan.triton.architecture import architecture_is
from seqzoo.scan.triton.configs import Config, config_for, config_is, read_table

CPU = torch.device("cpu")


def row(size: int, warps: int) -> dict[str, object]:
    return {"size": size, "num_warps": warps, "num_stages": 2, "tiles": {"BLOCK": 16}}


@pytest.fixture(autouse=True)
def table(table_path: Path) -> Path:
    rows = {"default": [row(128, 4), row(64, 2)], "sm_90": [row(256, 8)]}
    table_path.write_text(json.dumps({"read_state": rows}))
    return table_path


@pytest.mark.parametrize(
    ("architecture", "size", "warps"),
    [("default", 64, 2), ("default", 65, 4), ("default", 999, 4), ("sm_90", 8, 8), ("sm_80", 8, 2)],
)
def test_rows_by_architecture_and_size(architecture: str, size: int, warps: int) -> None:
    with architecture_is(architecture):
        assert config_for("read_state", size, CPU) == Config(warps, 2, {"BLOCK": 16})


def test_a_kernel_without_an_entry() -> None:
    with pytest.raises(LookupError, match="read_stat'"):
        config_for("read_stat", 64, CPU)


def test_a_configuration_can_be_forced() -> None:
    forced = Config(1, 1, {"BLOCK": 32})
    with config_is("read_state", forced):
        assert config_for("read_state", 64, CPU) is forced
    assert config_for("read_state", 64, CPU) != forced


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "{",
        '{"read_state": {"sm_90": [{"size": 64}]}}',
        '{"read_state": {"sm_90": [{"size": "x"}]}}',
        json.dumps({"read_state": {"sm_90": [row(64, 0)]}}),
        json.dumps({"read_state": {"sm_90": [row(64, 1) | {"extra": 1}]}}),
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
