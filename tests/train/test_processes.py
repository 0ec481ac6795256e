"""Two processes share a run, under torchrun's agent, with gloo; `launching.py` starts them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file

from seqzoo.files import write_whole
from seqzoo.model import build_model
from seqzoo.registry import Origin, Registry, load_registry
from seqzoo.spec.run import RunSpec
from seqzoo.train import read_record, train
from seqzoo.train.metrics_log import read_rows

from .handing import HandsOn

KINDS = ("auto", "fsdp2")  # auto is DDP
TIMES = ("wall_s", "tokens_per_s")
LOST = "process 0 lost another process of the run, which failed or was killed; the same command"


# Ways to train: AdamW in float32; all that a checkpoint can hold, and a task that brings a decoder;
# the same with dropout.
PLAIN = {
    "optimizer": {"eps": 1e-4},  # or rounding decides the sign of a first step
    "activation_checkpointing": True,
}
LADEN = {
    "optimizer": {"type": "muon", "lr": 3e-3, "eps": 1e-4},
    "precision": "float16",
    "schedule": {"type": "wsd", "warmup": 2, "decay": 0.5},
}
# A scan and a short convolution, autograd functions of this project's own, before attention.
SCANNED = {
    "mixer": {
        "type": "recurrent",
        "anchor": "short_conv",
        "injection": {"type": "rank_one", "key": {"norm": "unit"}, "strength": "sigmoid"},
        "forget": "gated_delta",
    }
}
# Between layers that share values and add losses.
HANDED = [{"mixer": "hands_on"}, SCANNED, {"mixer": "attention"}, {"mixer": "hands_on"}]
WAYS = {
    "plain": ("parity", PLAIN, 0.0),
    "laden": ("compression", LADEN, 0.0),
    "drawn": ("compression", LADEN, 0.1),
}


def make_spec(registry: Registry, parallel: str, way: str) -> RunSpec:
    """Its last test batch has one row, which is too few for two processes."""
    task, settings, dropout = WAYS[way]
    layers = HANDED if way == "plain" else 2
    document = {
        "model": {"width": 8, "layers": layers, "mixer": "attention", "dropout": dropout},
        "task": {"type": task, "length": 8, "vocab_size": 8, "test_size": 25},
        "train": {
            "steps": 12,
            "batch_size": 8,
            "accumulate": 2,
            **settings,
            "clip": 0.5,
            "ema": {"decay": 0.9},
            "log_every": 5,
            "evaluate": {"every": 4},
            "checkpoint": {"every": 4},
            "device": "cpu",
            "parallel": parallel,
        },
    }
    return registry.validate(RunSpec, document)


class Runs:
    """All that was trained, in one session of `launching.py`, since it takes seconds to import."""

    def __init__(self, root: Path, registry: Registry) -> None:
        self.root = root
        self.specs = {(kind, way): make_spec(registry, kind, way) for kind in KINDS for way in WAYS}
        jobs = []
        for kind in KINDS:
            jobs += [
                self.job("shared", kind, "plain"),
                self.job("laden", kind, "laden"),
                self.job("unbroken", kind, "drawn"),
                self.job("killed", kind, "drawn", does="die"),
                self.job("killed", kind, "drawn"),
                self.job("failed", kind, "plain", does="fail"),
            ]
        jobs.append(self.job("failed", "fsdp2", "plain", size=1))
        file = root / f"jobs-{os.getpid()}.json"
        file.write_text(json.dumps(jobs))
        script = Path(__file__).with_name("launching.py")
        results = root / "results.json"
        with FileLock(root / "lock"):  # pytest may have several processes run this module
            if not results.exists():
                ended = subprocess.run(
                    [sys.executable, "-W", "error", str(script), str(file)],
                    capture_output=True,
                    text=True,
                    timeout=400,
                    check=False,
                    env={**os.environ, "OMP_NUM_THREADS": "1"},  # as torchrun's command sets it
                )
                assert ended.returncode == 0, ended.stderr
                results.write_text(ended.stdout)
        self.said: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for job, result in zip(jobs, json.loads(results.read_text()), strict=True):
            assert result["failed"] == (job["does"] != "train"), (job, result)
            name, _, kind = Path(job["out"]).name.partition("-")
            self.said.setdefault((name, kind), []).append(result)

    def job(
        self, name: str, kind: str, way: str, does: str = "train", size: int = 2
    ) -> dict[str, Any]:
        file = self.root / f"{kind}-{way}.yaml"
        write_whole(file, json.dumps(self.specs[kind, way].resolved()))
        out = str(self.path(name, kind))
        return {"spec": str(file), "out": out, "does": does, "at": 9, "size": size}

    def path(self, name: str, kind: str) -> Path:
        return self.root / f"{name}-{kind}"

    def alone(self, directory: Path, way: str = "plain") -> Path:
        """The run, or what is left of it, done by one process."""
        train(self.specs["auto", way], directory)
        return directory


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "processes"
    root.mkdir(exist_ok=True)
    registry = load_registry(entry_points=[])
    registry.add(HandsOn, Origin("handing", "test", "0"))
    return Runs(root, registry)


@pytest.fixture(scope="module")
def one_process(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.alone(tmp_path_factory.mktemp("alone"))


def tensors(directory: Path, pattern: str = "**/*.safetensors") -> dict[str, torch.Tensor]:
    (folder,) = (directory / "checkpoint").iterdir()
    return {
        f"{file.relative_to(folder)}/{name}": tensor
        for file in folder.glob(pattern)
        for name, tensor in load_file(file).items()
    }


def rows(directory: Path) -> list[dict[str, Any]]:
    found = read_rows(directory / "metrics.jsonl")
    return [{key: row[key] for key in row if key not in TIMES} for row in found]


def assert_same_up_to_rounding(mine: Path, theirs: Path) -> None:
    weights, expected = tensors(mine, "model.*"), tensors(theirs, "model.*")
    assert weights.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.allclose(weights[name], tensor, rtol=1e-4, atol=1e-6), name
    for row, other in zip(rows(mine), rows(theirs), strict=True):
        assert row.pop("kind") == other.pop("kind")
        assert row == pytest.approx(other, rel=1e-5)
    metrics = [read_record(each / "record.json").metrics for each in (mine, theirs)]
    assert metrics[0] == pytest.approx(metrics[1], rel=1e-5)
    assert metrics[0]["accuracy"] == metrics[1]["accuracy"]  # 25 sequences, each counted once


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_with_half_the_batch_each_train_as_one_does(
    runs: Runs, one_process: Path, kind: str
) -> None:
    assert_same_up_to_rounding(runs.path("shared", kind), one_process)


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_train_by_muon_in_float16_as_one_does(
    runs: Runs, kind: str, tmp_path: Path
) -> None:
    # Half types round coarsely: float16 in products, and bfloat16 where Muon iterates.
    mine, theirs = runs.path("laden", kind), runs.alone(tmp_path / "alone", "laden")
    for row, other in zip(rows(mine), rows(theirs), strict=True):
        assert row["loss"] == pytest.approx(other["loss"], rel=1e-3)
    torch.manual_seed(0)
    begun = build_model(runs.specs["auto", "laden"]).state_dict()
    ends = [tensors(each, "model.*") for each in (mine, theirs)]
    here, there = ({name.partition("/")[2]: tensor for name, tensor in end.items()} for end in ends)
    assert distance(here, there) < 0.1 * distance(begun, there)  # it was 0.02


def distance(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> float:
    assert left.keys() == right.keys()
    return float(sum((left[name] - right[name]).square().sum() for name in left) ** 0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_one_process_writes_and_talks(runs: Runs, kind: str) -> None:
    (said,) = runs.said["shared", kind]
    writer, other = said["stdout"]
    assert writer.count("record: ") == 1
    assert other == ""
    assert said["stderr"] == ["", ""]
    folder = runs.path("shared", kind)
    names = {each.name for each in folder.iterdir()} - {".lock"}
    assert names == {"spec.yaml", "record.json", "metrics.jsonl", "checkpoint"}
    assert [each.name for each in (folder / "checkpoint").iterdir()] == ["step-00000012"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_resumed_ends_with_the_bits_of_an_unbroken_one(runs: Runs, kind: str) -> None:
    killed, unbroken = runs.path("killed", kind), runs.path("unbroken", kind)
    assert "resumed after step 8" in runs.said["killed", kind][1]["stdout"][0]
    mine, theirs = tensors(killed), tensors(unbroken)
    shards = [name for name in mine if name.startswith("shards/")]
    assert bool(shards) == (kind == "fsdp2")
    assert len([name for name in mine if "generator" in name]) == 2  # each draws its own dropout
    for part in ("momentum_buffer", "exp_avg_sq", "scaler/scale", "weights/"):
        assert any(part in name for name in mine), part
    assert mine.keys() == theirs.keys()
    for name, tensor in mine.items():
        assert torch.equal(tensor, theirs[name]), name
    assert rows(killed) == rows(unbroken)


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_that_fails_or_dies_ends_all_with_a_clear_error(runs: Runs, kind: str) -> None:
    died, failed = runs.said["killed", kind][0], runs.said["failed", kind][0]
    assert died["stderr"][0].startswith(LOST)
    assert died["stderr"][1] == ""
    assert failed["stderr"][0].startswith(LOST)
    assert failed["stderr"][1] == "the roof is on fire\n"
    for said in (died, failed):
        assert "record: " not in said["stdout"][0]


def test_one_process_goes_on_where_two_stopped(runs: Runs, one_process: Path) -> None:
    directory = runs.path("failed", "auto")
    assert not (directory / "record.json").exists()
    assert_same_up_to_rounding(runs.alone(directory), one_process)


def test_shards_of_two_processes_are_read_by_one(runs: Runs, one_process: Path) -> None:
    assert "resumed after step 8" in runs.said["failed", "fsdp2"][1]["stdout"][0]
    assert_same_up_to_rounding(runs.path("failed", "fsdp2"), one_process)
