"""What `make gpu` does, and that a stage that fails does not stop the later ones."""

from __future__ import annotations

import json

import gpu
import gpu_machine
import pytest
import torch
from stages import Outcome


@pytest.fixture(autouse=True)
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(gpu, "RESULTS", tmp_path)
    monkeypatch.setattr(gpu, "WHEELHOUSE", tmp_path / "wheelhouse")


def test_it_installs_no_torch_and_asks_no_index_where_wheels_are(tmp_path) -> None:
    install = gpu.stages()[0].command
    assert install.count("--no-deps") == 2
    assert install.count("--no-index") == 1
    (tmp_path / "wheelhouse").mkdir()
    assert gpu.stages()[0].command.count("--no-index") == 2
    named = (gpu.ROOT / "benchmarks" / "wheelhouse.txt").read_text().split("\n")
    packages = {line.partition("==")[0] for line in named if "==" in line}
    assert {"pydantic", "einops", "fla-core", "transformers", "pytest", "setuptools"} <= packages
    assert not {"torch", "triton", "numpy"} & packages
    assert not any(name.startswith(("nvidia", "cuda")) for name in packages)


def test_every_stage_is_told_and_kept(monkeypatch, capsys, tmp_path) -> None:
    def run(stages, folder):
        assert {stage.needs for stage in stages[2:]} == {("install", "machine")}
        status = ["done", "done", "failed", *["done"] * 4]
        return [Outcome(s, x, "", 1.0) for s, x in zip(stages, status, strict=True)]

    monkeypatch.setattr(gpu, "run_stages", run)
    assert gpu.main() == 1
    assert "native tests failed, 1 s\ndoctor done, 1 s\n" in capsys.readouterr().out
    rows = json.loads((tmp_path / "gpu.json").read_text())
    assert [row["status"] for row in rows] == ["done", "done", "failed", *["done"] * 4]


def test_without_a_gpu_nothing_is_kept(monkeypatch, capsys, tmp_path) -> None:
    def run(stages, folder):
        status = ["done", "failed", *["skipped"] * 5]
        return [Outcome(s, x) for s, x in zip(stages, status, strict=True)]

    monkeypatch.setattr(gpu, "run_stages", run)
    assert gpu.main() == 1
    assert "benchmarks skipped" in capsys.readouterr().out
    assert not (tmp_path / "gpu.json").exists()


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
