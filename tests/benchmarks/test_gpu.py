"""What the three calls of `make gpu` do, and where one that was ended goes on."""

from __future__ import annotations

import json

import gpu
import gpu_machine
import pytest
import torch
from stages import Outcome


@pytest.fixture(autouse=True)
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(gpu, "RESULTS", tmp_path / "gpu")
    monkeypatch.setattr(gpu, "WHEELHOUSE", tmp_path / "wheelhouse")


def test_it_installs_no_torch_and_asks_no_index_where_wheels_are(tmp_path) -> None:
    install = gpu.stages(1, tmp_path)[0].command
    assert install.count("--no-deps") == 2
    assert install.count("--no-index") == 1
    (tmp_path / "wheelhouse").mkdir()
    assert gpu.stages(3, tmp_path)[0].command.count("--no-index") == 2
    named = (gpu.ROOT / "benchmarks" / "wheelhouse.txt").read_text().split("\n")
    packages = {line.partition("==")[0] for line in named if "==" in line}
    assert {"pydantic", "einops", "fla-core", "transformers", "pytest", "setuptools"} <= packages
    assert not {"torch", "triton", "numpy"} & packages
    assert not any(name.startswith(("nvidia", "cuda")) for name in packages)


def test_three_calls_measure_what_is_judged(tmp_path) -> None:
    names = {call: [stage.name for stage in gpu.stages(call, tmp_path)[2:]] for call in gpu.CALLS}
    assert names == {
        1: ["tests", "doctor", "memcheck", "kernels"],
        2: ["scans"],
        3: ["scans", "throughput", "serial rules"],
    }
    words = [word for call in (2, 3) for word in gpu.stages(call, tmp_path)[2].command]
    groups = [words[at + 1] for at, word in enumerate(words) if word == "--only"]
    assert groups == ["gated_delta_rule", "ranks", "simple_gla", "gla", "kda"]
    assert words.count("--resume") == 2
    assert all(
        str(tmp_path) in " ".join(stage.command) + str(stage.output)
        for call in gpu.CALLS
        for stage in gpu.stages(call, tmp_path)[2:]
        if stage.name != "memcheck"
    )


def status(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[list[str]]:
    """Every stage but those of earlier calls has the next status; the stages that ran, by call."""
    left, ran = list(names), []

    def run(stages, folder, *, finished, deadline, keep):
        asked = [stage for stage in stages if (stage.group, stage.name) not in finished]
        ran.append([stage.name for stage in asked])
        outcomes = [Outcome(stage, left.pop(0), "", 1.0) for stage in asked]
        for outcome in outcomes:
            keep(outcome)
        return outcomes

    monkeypatch.setattr(gpu, "run_stages", run)
    return ran


def test_a_call_that_was_ended_goes_on(monkeypatch, capsys, tmp_path) -> None:
    first = ["done", "done", "done", "stopped", "skipped", "skipped"]
    second = ["done", "done", "done", "failed", "done"]
    ran = status(monkeypatch, *first, *second, *["done"] * 3, *["done"] * 5)
    assert gpu.main([]) == 1
    assert "tests done, 1 s\ndoctor stopped, 1 s\nmemcheck skipped" in capsys.readouterr().out
    assert gpu.main([]) == 1
    assert "next: make gpu CALL=2" in capsys.readouterr().out
    assert gpu.main([]) == gpu.main([]) == 0
    ready = ["install", "machine"]
    assert ran == [
        [*ready, "tests", "doctor", "memcheck", "kernels"],
        [*ready, "doctor", "memcheck", "kernels"],
        [*ready, "scans"],
        [*ready, "scans", "throughput", "serial rules"],
    ]
    rows = json.loads((tmp_path / "gpu" / "stages.json").read_text())
    found = {(row["call"], row["stage"]): row["status"] for row in rows}
    assert found["call 1", "memcheck"] == "failed"
    capsys.readouterr()
    assert gpu.main([]) == 0
    assert "all three calls have ended; remove" in capsys.readouterr().out


def test_a_failed_stage_is_tried_again_by_its_call(monkeypatch, tmp_path) -> None:
    ran = status(monkeypatch, *["done"] * 4, "failed", "done", *["done"] * 3)
    assert gpu.main(["--call", "1", "--out", str(tmp_path / "other")]) == 1
    assert gpu.main(["--call", "1", "--out", str(tmp_path / "other")]) == 0
    assert ran[1] == ["install", "machine", "memcheck"]


def test_the_machine_is_looked_at(monkeypatch, capsys) -> None:
    monkeypatch.setattr(gpu_machine.sys, "prefix", "/nowhere")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert str(gpu_machine.main()).startswith("torch sees no GPU here: ask nvidia-smi")
    assert f"torch {torch.__version__}" in capsys.readouterr().out
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
    assert gpu_machine.main() is None
    monkeypatch.setattr(gpu_machine.sys, "prefix", str(torch.__file__).partition("torch")[0])
    assert "came into" in str(gpu_machine.main())
    monkeypatch.setattr(gpu_machine, "NEEDED", ("no_such_module",))
    assert "make gpu PYTHON=" in str(gpu_machine.main())
