from __future__ import annotations

import json

import pytest

from seqzoo.cli import main
from seqzoo.scan.triton.aot import compile as compiling
from seqzoo.scan.triton.aot.compile import Compiled

GOOD = Compiled(
    "read_state_kernel",
    "sm_90",
    "BLOCK_K=32 BLOCK_V=64 warps=4 stages=2",
    "bf16 fp32",
    registers=96,
    shared_bytes=2048,
    shared_limit=4096,
    matrix_instructions=12,
)
BAD = Compiled(
    "read_state_kernel",
    "sm_90",
    "BLOCK_K=32 BLOCK_V=64 warps=4 stages=2",
    "fp32",
    registers=255,
    spill_bytes=16,
    shared_limit=4096,
)


def compile_to(monkeypatch: pytest.MonkeyPatch, *rows: Compiled) -> None:
    monkeypatch.setattr(compiling, "compile_catalogue", lambda *_, **__: iter(rows))


@pytest.mark.parametrize("columns", [80, 120])
def test_a_line_a_configuration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    compile_to(monkeypatch, GOOD)
    assert main(["kernels"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= columns
    assert {"read_state", "sm_90", "96", "2.0", "12"} <= set(out.split())


def test_json_rows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    compile_to(monkeypatch, GOOD)
    assert main(["kernels", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    wanted = {"kernel", "target", "config", "registers", "spill_bytes", "shared_bytes", "error"}
    assert wanted <= row.keys()
    assert row["error"] is None


def test_a_spill_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    compile_to(monkeypatch, GOOD, BAD)
    assert main(["kernels"]) == 1
    error = capsys.readouterr().err
    assert "spills 16 bytes a thread" in error
    assert "1 of 2 variants failed" in error


def test_an_unknown_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernels", "--target", "sm_9"]) == 2
    assert "no target 'sm_9'; there are sm_80" in capsys.readouterr().err
