from __future__ import annotations

import json
from dataclasses import replace

import pytest

from seqzoo.cli import main
from seqzoo.scan.triton.aot import cost
from seqzoo.scan.triton.aot.cost import KernelCost, Shape

ROW = KernelCost(
    "decay",
    "sm_90",
    "forward",
    "carry_kernel",
    "warps=4",
    registers=96,
    occupancy=0.25,
    instructions=4600.0,
    matrix=48.0,
    barriers=9.0,
    least_bytes=66000.0,
    moved_bytes=99000.0,
    seconds=1.25e-3,
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Shape]]:
    calls: list[tuple[str, str, Shape]] = []

    def counted(target: str, problem: str, shape: Shape) -> list[KernelCost]:
        calls.append((target, problem, shape))
        back = replace(ROW, direction="backward", problem=problem, target=target)
        return [replace(ROW, problem=problem, target=target), back]

    monkeypatch.setattr(cost, "costs", counted)
    return calls


def test_a_line_a_kernel_and_the_sums(asked, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["kernels", "--cost", "--problem", "decay", "--shape", "2,64,3,32,16"]) == 0
    assert asked == [("sm_90", "decay", Shape(2, 64, 3, 32, 16))]
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert {"carry", "4.6", "9.2", "1.25", "2.50", "25%", "not", "measured"} <= set(
        out.replace(",", " ").split()
    )


def test_json_has_a_row_a_kernel(asked, capsys):
    assert main(["kernels", "--cost", "--target", "sm_80", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [problem for _, problem, _ in asked] == ["decay", "gla", "gated-delta", "kda", "prism-2"]
    assert {row["target"] for row in rows} == {"sm_80"}
    assert len(rows) == 10
    assert rows[0]["instructions"] == 4600
    assert rows[1]["direction"] == "backward"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cost", "--shape", "1,2"], "--shape takes B,T,H,K,V, five positive numbers"),
        (["--cost", "--problem", "lin"], "no problem 'lin'; there are linear, decay"),
        (["--cost", "--tune"], "--cost counts a whole call"),
        (["--shape", "1,1,1,1,1"], "--problem and --shape go with --cost"),
    ],
)
def test_wrong_input(capsys, arguments, message):
    assert main(["kernels", *arguments]) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")
