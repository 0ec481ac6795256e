"""Seconds for a plan and a report of many runs: 10,000 unless asked otherwise.

A grid of this size is expanded and validated, its plan frozen, and each run given the record and
the log that training would have left. Then every format of the report is made by the command line,
in a process of its own, so that its seconds hold all that a person waits for. At last the HTML page
is opened in headless Chromium, where there is one.

    python benchmarks/report.py [--runs N] [--json FILE] [--keep DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import seqzoo
from scanning.machine import describe_machine, describe_run
from seqzoo.errors import RunError
from seqzoo.grid import Plan, make_plan, run_directory
from seqzoo.grid.plan.adopting import write_plan
from seqzoo.grid.plan.expansion import expand
from seqzoo.train.record import DeviceFacts, MetricFacts, Record, Timings, Versions

FORMATS = ("table", "markdown", "latex", "csv", "json", "parquet", "html")
WANTED = {"plan": 5.0, "report": 10.0, "opening": 2.0}  # seconds
SEEDS = 10
GRID = """
base:
  model: {{width: 16, layers: 2, mixer: prism}}
  task: {{type: parity, length: 64}}
  train: {{steps: 2000}}
variants:
  prism: {{}}
  no-anchor: {{model.mixer.anchor: identity}}
  no-forget: {{model.mixer.forget: none}}
  linear: {{model.mixer.activation: identity}}
  attention: {{model.mixer: attention}}
axes:
  task.type: [parity, local_xor]
  model.width: [16, 32, 48, 64, 96]
  train.optimizer.lr: {rates}
seeds: {seeds}
"""
CELLS = 50  # of one learning rate


def grid_text(runs: int) -> str:
    """A grid file of about so many runs, a multiple of 500."""
    rates = [round(1e-4 * 1.15**place, 9) for place in range(max(1, runs // (CELLS * SEEDS)))]
    return GRID.format(rates=json.dumps(rates), seeds=SEEDS)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Wall seconds, and what the work gave."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def planned(file: Path) -> tuple[dict[str, float], Plan]:
    """Seconds to expand and validate the grid, and to lay out its plan."""
    registry = seqzoo.load_registry()

    def runs() -> Any:
        spec = seqzoo.load_spec(file, registry)
        assert isinstance(spec, seqzoo.GridSpec)
        return spec, expand(spec, registry)

    checking, (spec, expansion) = timed(runs)
    laying, plan = timed(lambda: make_plan(file.stem, expansion, spec.all_variants()))
    return {"expanding_and_validating": checking, "laying_out": laying}, plan


def leave_files(directory: Path, plan: Plan) -> None:
    """Write what training would leave for every run: a record, and a log of ten evaluations."""
    random.seed(0)
    for run_id, row in plan.distinct().items():
        folder = run_directory(directory, run_id)
        folder.mkdir(parents=True)
        accuracy = random.uniform(0.5, 1.0)
        metrics = {"accuracy": accuracy, "loss": 1.2 - accuracy}
        record = Record(
            run_id=run_id,
            name=None,
            seed=row.seed,
            status="done",
            steps=2000,
            max_steps=2000,
            reached_at=None,
            target=None,
            metric=MetricFacts(name="accuracy", higher_is_better=True, chance=0.5),
            metrics=metrics,
            best=metrics,
            parameters=300 * row.spec["model"]["width"],
            state_size=16 * row.spec["model"]["width"],
            timings=Timings(wall_s=20.0, train_s=18.0, tokens=4096000, tokens_per_s=227555.0),
            versions=Versions(seqzoo="0.1.0", torch="2.13.0", python="3.11", plugins={}),
            device=DeviceFacts(kind="cpu", name="a processor", threads=1),
            spec=row.spec,
        )
        (folder / "record.json").write_text(record.model_dump_json(indent=2))
        (folder / "metrics.jsonl").write_text("".join(_log(accuracy)))


def _log(accuracy: float) -> list[str]:
    lines = []
    for step in range(50, 2001, 50):
        rate = {"lr": 1e-3, "gradient_norm": 0.7, "tokens": 2048 * step, "tokens_per_s": 227555.0}
        row = {"kind": "train", "step": step, "loss": 0.69 - step / 9000, **rate, "wall_s": 0.01}
        lines.append(json.dumps(row) + "\n")
        if step % 200 == 0:
            value = 0.5 + (accuracy - 0.5) * step / 2000
            row = {"kind": "evaluation", "step": step, "accuracy": value, "loss": 1.2 - value}
            lines.append(json.dumps({**row, "wall_s": 0.02}) + "\n")
    return lines


def reported(directory: Path, form: str, output: Path) -> dict[str, float]:
    """Seconds of `seqzoo report`, of processor time and on the clock, and the size it wrote."""
    command = [sys.executable, "-m", "seqzoo", "report", str(directory), "--format", form]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall, _ = timed(
        lambda: subprocess.run([*command, "--output", str(output)], check=True, timeout=600)
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": wall, "cpu_s": cpu, "megabytes": output.stat().st_size / 1e6}


def opened(page: Path) -> dict[str, float] | None:
    """Seconds until the page has loaded, and until its first frame after that; None unopened."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        tab = browser.new_page()
        start = time.perf_counter()
        tab.goto(page.as_uri())
        loaded = time.perf_counter() - start
        tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => done()))")
        drawn = time.perf_counter() - start
        browser.close()
    return {"loaded_s": loaded, "drawn_s": drawn}


def measure(runs: int, folder: Path) -> dict[str, Any]:
    """All figures of a grid of so many runs, made in the folder."""
    file = folder / "grid.yaml"
    file.write_text(grid_text(runs))
    plan_seconds, plan = planned(file)
    directory = folder / "grid"
    directory.mkdir()
    writing, _ = timed(lambda: write_plan(directory, plan))
    if not (directory / "plan.json").exists():
        raise RunError(f"{directory}: no plan was written")
    leave_files(directory, plan)
    formats = {}
    for form in FORMATS:
        formats[form] = reported(directory, form, folder / f"report.{form}")
        print(f"{form:>10} {formats[form]['wall_s']:6.2f} s, cpu {formats[form]['cpu_s']:6.2f} s")
    return {
        "runs": len(plan.runs),
        "plan_s": {**plan_seconds, "writing": writing},
        "report": formats,
        "opening": opened(folder / "report.html"),
    }


def rounded(value: Any) -> Any:
    """Floats with three decimals."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    return round(value, 3) if isinstance(value, float) else value


def main() -> None:
    """Measure, print, and write the figures where asked."""
    parser = argparse.ArgumentParser(description="Plans and reports of many runs.")
    parser.add_argument("--runs", type=int, nargs="+", default=[500, 10_000], help="of each grid")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--keep", type=Path, help="make the grids in here, and leave them")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    machine = {**describe_machine(torch.device("cpu")), **describe_run()}
    grids = []
    for runs in options.runs:
        folder = Path(tempfile.mkdtemp()) if options.keep is None else options.keep / str(runs)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            grids.append(rounded(measure(runs, folder)))
        finally:
            if options.keep is None:
                shutil.rmtree(folder)
        print(json.dumps(grids[-1], indent=2))
    result = {"machine": machine, "wanted_s": WANTED, "grids": grids}
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
