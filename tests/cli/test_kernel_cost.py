from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rich.console import Console

from seqzoo.cli import main
from seqzoo.cli.kernel_cost import cost_table
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


@pytest.mark.parametrize(
    ("width", "name"),
    [(80, "chunk_g…d_dhu_blockdim64"), (120, "chunk_gated_delta_rule_bwd_dhu_blockdim64")],
)
def test_long_names_are_cut_and_figures_stay_whole(width, name):
    names = {
        "forward": ("recompute_w_u_fwd_kernel", "chunk_gated_delta_rule_fwd_kernel_h_blockdim64"),
        "backward": ("chunk_gated_delta_rule_bwd_kernel_dhu_blockdim64", "chunk_bwd_kernel_dqkwg"),
    }
    heavy = {"instructions": 123456.0, "matrix": 4096.0, "barriers": 762.0}
    heavy |= {"moved_bytes": 1.359e6, "seconds": 0.1041}
    rows = [
        replace(ROW, kernel=kernel, direction=direction, **heavy)
        for direction, kernels in names.items()
        for kernel in kernels
    ]
    console = Console(width=width)
    with console.capture() as capture:
        console.print(cost_table(rows, console))
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= width
    figures = ["123.5", "4096", "762", "66", "1359", "96", "25%", "104.10"]
    assert [line.split()[1:] for line in lines if "123.5" in line] == [figures] * 4
    told = [line.split()[0] for line in lines if "123.5" in line]
    assert told[0] == "recompute_w_u_fwd"
    assert told[2] == name
    assert len(set(told)) == 4
    sums = [line.split() for line in lines if "launches" in line]
    assert [line[0] for line in sums] == ["forward,", "backward,", "both,"]
    assert sums[2][1:] == ["4", "launches", "493.8", "16384", "3048", "264", "5436", "416.40"]


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
