"""The scan's benchmark runs through on a CPU, and its record holds what it should."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import scan as command
import torch
from rich.console import Console

from scanning import memory, roofline, tables, verdicts, warm
from scanning.peers import CHUNKED, PeerMissingError, fla
from scanning.plan import FLA_SHAPES, JUDGED_ON_CPU, group_names, make_plan
from scanning.record import add_to
from scanning.recurrences import RECURRENCES, Shape
from scanning.work import FORWARD, STEP, TRAINING, Work

CPU = torch.device("cpu")
QUICK = ["--quick", "--no-memory", "--threads", "1"]


def run(*options: str) -> int:
    return command.main([*QUICK, *options])


def test_a_quick_run_leaves_a_record(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path, picture = tmp_path / "scan.json", tmp_path / "scan.svg"
    only = ("--only", "gated_delta_rule", "--only", "lengths")
    assert run("--json", str(path), "--judge", "--figure", str(picture), *only) == 0
    record = json.loads(path.read_text())
    assert record["machine"]["device"] == "cpu"
    assert record["machine"]["processor"]
    assert {"date", "libraries", "threads", "load_average", "ceilings"} <= record["runs"][0].keys()
    ours = [row for row in record["rows"] if row["ours"]]
    assert {row["action"] for row in ours} == {TRAINING, FORWARD, STEP}
    for row in ours:
        assert row["backend"] == "chunked"
        assert 0 < row["p20_ms"] <= row["median_ms"] <= row["p80_ms"]
        assert row["floor_ms"] > 0
        assert row["limit"] in ("bytes", "arithmetic")
    (checked,) = [row for row in ours if "errors" in row]
    names = {"outputs", "state", "d queries", "d keys", "d values", "d strengths", "d log_decay"}
    assert checked["errors"].keys() == names
    assert 0 < max(checked["errors"].values()) < 1e-5
    fla = [row for row in record["rows"] if row["subject"].startswith("fla ")]
    assert fla
    assert {row["skipped"] for row in fla} == {"needs a GPU"}
    assert all(row["backend"].startswith(row["subject"].split()[0]) for row in fla)
    assert b"<svg" in picture.read_bytes()
    printed = capsys.readouterr().out
    assert "seqzoo auto (chunked)" in printed
    assert "not measured, needs a GPU" in printed
    assert "Judged lines" in printed


def test_a_part_is_added_to_a_record(tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    assert run("--json", str(path), "--only", "linear_attention") == 0
    assert run("--json", str(path), "--only", "gla", "--add") == 0
    record = json.loads(path.read_text())
    assert {row["group"] for row in record["rows"]} == {"linear_attention", "gla"}
    assert {row["group"]: row["run"] for row in record["rows"]} == {"linear_attention": 0, "gla": 1}
    assert len(record["runs"]) == 2


def test_a_run_that_was_ended_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, measured = command.Measurement.rows, []

    def ended(self: Any, group: Any) -> list:
        measured.append((group.name, group.works[0].action))
        if len(measured) == 3:
            raise KeyboardInterrupt
        return rows(self, group)

    monkeypatch.setattr(command.Measurement, "rows", ended)
    path = tmp_path / "scan.json"
    asked = ("--json", str(path), "--only", "linear_attention", "--resume")
    assert run(*asked) == 130
    assert run(*asked) == 0
    assert measured == [("linear_attention", action) for action in (TRAINING, FORWARD, STEP, STEP)]
    record = json.loads(path.read_text())
    ours = [(row["action"], row["run"]) for row in record["rows"] if row["ours"]]
    assert ours == [(TRAINING, 0), (FORWARD, 0), (STEP, 1)]
    assert run(*asked) == 0
    assert len(measured) == 4


def test_what_there_was_no_time_for_is_measured_next_time(tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    asked = ("--json", str(path), "--only", "linear_attention", "--resume")
    assert run(*asked, "--minutes", "1e-9") == 0
    assert not [row for row in json.loads(path.read_text())["rows"] if "median_ms" in row]
    assert run(*asked) == 0
    rows = json.loads(path.read_text())["rows"]
    assert [row["action"] for row in rows if "median_ms" in row] == [TRAINING, FORWARD, STEP]


def test_other_machines_figures_are_not_mixed() -> None:
    record = {"machine": {"processor": "A"}, "runs": [{}], "rows": []}
    with pytest.raises(ValueError, match=r"another machine: processor 'A' there, 'B' here"):
        add_to(record, record | {"machine": {"processor": "B"}})


def test_what_cannot_be_kept_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr(command, "measure_ceilings", never)
    path = tmp_path / "scan.json"
    record = {"machine": {"device": "cpu", "processor": "none"}, "runs": [], "rows": []}
    path.write_text(json.dumps(record))
    assert run("--json", str(path), "--add") == 2
    assert "another machine: processor 'none' there" in capsys.readouterr().err
    assert run("--json", str(tmp_path)) == 2
    assert "is a directory" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["scan.json"]


def test_a_stopped_run_keeps_what_it_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, groups = command.Measurement.rows, []

    def stopped(self: Any, group: Any) -> list:
        groups.append(group)
        if len(groups) == 2:
            raise KeyboardInterrupt
        return rows(self, group)

    monkeypatch.setattr(command.Measurement, "rows", stopped)
    path = tmp_path / "scan.json"
    path.write_text("an earlier file")
    assert run("--json", str(path), "--only", "linear_attention") == 130
    assert "scan.json.part, which --from shows" in " ".join(capsys.readouterr().err.split())
    assert path.read_text() == "an earlier file"
    assert command.main(["--from", f"{path}.part"]) == 0


def test_wrong_input_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "other.json"
    path.write_text("{}")
    assert command.main(["--from", str(path)]) == 2
    assert "no record of benchmarks/scan.py" in capsys.readouterr().err
    path.write_text('{"machine": {"device": "cpu"}, "runs": [], "rows": [{"group": "gla"}]}')
    assert command.main(["--from", str(path), "--judge"]) == 2
    assert "row 1 has no recurrence, subject" in capsys.readouterr().err
    for wrong in (["--only", "no_such_group"], ["--threads", "0"], ["--minutes", "-1"]):
        with pytest.raises(SystemExit, match="2"):
            command.main(wrong)


def test_peak_memory_grows_with_the_sequence() -> None:
    """At least the gradients of three inputs and the outputs have to be held."""
    work = Work(
        "gated_delta_rule", "seqzoo chunked", Shape(1, 2048, 4, 64), TRAINING, torch.float32, CPU
    )
    tensor = 2048 * 4 * 64 * 4
    peak = memory.in_own_process(work)
    assert 4 * tensor < peak < 100 * tensor


def test_a_failed_memory_process_says_why() -> None:
    work = Work("gated_delta_rule", "no such peer", Shape(1, 8, 1, 4), TRAINING, torch.float32, CPU)
    with pytest.raises(RuntimeError, match="no peer 'no such peer' beside gated_delta_rule"):
        memory.in_own_process(work)


def test_ideal_bytes_are_counted_by_hand() -> None:
    shape, half = Shape(2, 10, 3, 8), torch.bfloat16
    vector, state = 2 * 10 * 3 * 8 * 2, 4 * 2 * 3 * 8 * 8
    forward = Work("linear_attention", "seqzoo auto", shape, FORWARD, half, CPU)
    assert roofline.ideal_bytes(forward) == 4 * vector + state
    training = Work("linear_attention", "seqzoo auto", shape, TRAINING, half, CPU)
    assert roofline.ideal_bytes(training) == 3 * 3 * vector + 2 * vector + state
    gated = Work("gated_delta_rule", "seqzoo auto", shape, FORWARD, half, CPU)
    assert roofline.ideal_bytes(gated) == 4 * vector + state + 2 * 10 * 3 * (2 + 4)


def test_arithmetic_is_counted_by_hand() -> None:
    """By token and head with C = 64, D = 8: scores and their use 2 * 2CD, the state 2 * 2DD."""
    shape = Shape(2, 10, 3, 8)
    plain = RECURRENCES["linear_attention"]
    assert roofline.flops(plain, shape, FORWARD) == 60 * (2 * 2 * 64 * 8 + 2 * 2 * 64)
    assert roofline.flops(plain, shape, TRAINING) == 3 * roofline.flops(plain, shape, FORWARD)
    one, two = (roofline.flops(RECURRENCES[f"prism_head_{r}"], shape, FORWARD) for r in (1, 2))
    assert one < two < 2 * one


def test_every_peer_stands_in_the_plan() -> None:
    for device in (CPU, torch.device("cuda")):
        plan = make_plan(device, quick=False, backends=["auto"])
        planned = {(work.recurrence, work.subject) for group in plan for work in group.works}
        assert {(peer.recurrence, peer.name) for peer in CHUNKED} <= planned
        assert {name for name, _ in planned} == set(RECURRENCES)
        assert {group.name for group in plan} == set(group_names())
        shapes = {work.shape for group in plan for work in group.works}
        assert shapes >= set(FLA_SHAPES if device.type == "cuda" else JUDGED_ON_CPU)


def test_a_missing_peer_says_why() -> None:
    peer = next(peer for peer in CHUNKED if peer.distribution == "transformers")
    with pytest.raises(PeerMissingError, match="no-such-library is not installed: pip install"):
        replace(peer, distribution="no-such-library").load(CPU, torch.float32)
    broken = replace(peer, distribution="torch", module="torch.no_such_module")
    with pytest.raises(PeerMissingError, match="ModuleNotFoundError"):
        broken.load(CPU, torch.float32)


def test_what_a_library_refuses_is_lifted_and_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    refusing = SimpleNamespace(
        IS_NVIDIA_HOPPER=True, TRITON_ABOVE_3_4_0=True, TRITON_ABOVE_3_7_1=False
    )
    monkeypatch.setattr(fla, "_lifted", [])
    monkeypatch.setattr(fla.importlib, "import_module", lambda name: refusing)
    peer = next(peer for peer in CHUNKED if peer.name == "fla chunk_gated_delta_rule")
    assert peer.note(CPU) is None
    assert not refusing.TRITON_ABOVE_3_7_1
    told = peer.note(torch.device("cuda"))
    assert refusing.TRITON_ABOVE_3_7_1
    assert told == peer.note(torch.device("cuda")) == fla.LIFTED
    shown = row("gated_delta_rule", peer.name, (1, 2, 3, 4), "gated_delta_rule", 1.0)
    tables.print_rows(
        Console(), [shown | {"dtype": "bfloat16", "p20_ms": 1.0, "p80_ms": 1.0, "note": told}]
    )
    assert "its issue 640" in " ".join(capsys.readouterr().out.split())


def row(recurrence: str, subject: str, shape: Any, group: str, milliseconds: float) -> dict:
    return {
        "group": group,
        "recurrence": recurrence,
        "subject": subject,
        "ours": subject.startswith("seqzoo"),
        "exact": True,
        "shape": list(shape),
        "action": TRAINING,
        "median_ms": milliseconds,
        "peak_bytes": int(milliseconds),
    }


def test_cpu_verdicts() -> None:
    first, second = JUDGED_ON_CPU
    name, qwen = "gated_delta_rule", "transformers torch_chunk_gated_delta_rule"
    rows = [
        row(name, "seqzoo auto", first, name, 10.0),
        row(name, qwen, first, name, 13.0),
        row(name, "seqzoo auto", second, name, 10.0),
        row(name, qwen, second, name, 12.0),
        row("prism_head_1", "seqzoo auto", first, "ranks", 10.0),
        row("prism_head_2", "seqzoo auto", first, "ranks", 14.0),
        row(name, "seqzoo auto", (1, 2048, 4, 64), "lengths", 1.0),
        row(name, "seqzoo auto", (1, 16384, 4, 64), "lengths", 9.0),
        row(name, qwen, (1, 16384, 4, 64), "lengths", 18.0),
        row("prism_head_1", "seqzoo auto", second, "ranks", 10.0) | {"skipped": "for a test"},
    ]
    found = verdicts.judge({"machine": {"device": "cpu"}, "rows": rows})
    held = {verdict.line: verdict.held for verdict in found}
    assert held[f"gated delta rule {first}: speed over transformers"] is True
    assert held[f"gated delta rule {second}: speed over transformers"] is False
    assert held[f"rank 2 over rank 1, head decay, {first}"] is True
    assert held[f"rank 2 over rank 1, head decay, {second}"] is None
    assert held["gated_delta_rule 16K over 2K tokens"] is False
    assert held["peak memory at 16K over transformers'"] is True
    assert held["largest error ratio of everything"] is None


def test_gpu_verdicts() -> None:
    name, peer = "kda", "fla chunk_kda"
    rows = []
    for index, shape in enumerate(FLA_SHAPES):
        rows.append(row(name, "seqzoo auto", shape, name, 12.0 if index == 0 else 9.0))
        rows.append(row(name, peer, shape, name, 10.0))
    rows[0]["errors"] = {"outputs": 4e-3, "d keys": 9e-3, "d log_decay": 3e-2}
    found = verdicts.judge({"machine": {"device": "cuda"}, "rows": rows})
    by_line = {verdict.line: verdict for verdict in found}
    faster = by_line["kda: at least as fast as fla chunk_kda"]
    assert (faster.held, faster.found) == (True, "5 of 6, worst ratio 1.20")
    assert by_line["kda: no more memory than fla chunk_kda"].held is False
    assert by_line["largest error ratio of outputs and states"].held is True
    assert by_line["largest error ratio of gradients"].held is True
    assert by_line["largest error ratio of gradients of strengths and decays"].held is False


def test_candidates_are_compiled_and_not_launched() -> None:
    """What stands in for the autotuner's timing while kernels are compiled ahead."""
    seen: list[dict] = []
    tuner = SimpleNamespace(fn=SimpleNamespace(run=lambda *_, **options: seen.append(options)))
    config = SimpleNamespace(pre_hook=None, all_kwargs=lambda: {"BV": 32, "num_warps": 4})
    answer = warm._compile_only(tuner, 1, config=config, grid=(1,), warmup=False)
    assert answer == [1.0, 1.0, 1.0]
    assert seen == [{"grid": (1,), "warmup": True, "BV": 32, "num_warps": 4}]

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError

    tuner.fn.run = fail
    assert warm._compile_only(tuner, config=config, grid=(1,), warmup=False) == [float("inf")] * 3
