"""All that needs a GPU, in three calls of under nine minutes each, without a network; `make gpu`.

    python benchmarks/gpu.py [--call 1|2|3] [--minutes 8.8] [--out FOLDER]

Run by the Python that has torch and triton: an environment .venv-gpu beside it takes those from
there and the rest from wheelhouse/ (`make wheelhouse`), or from the package index where there is no
such folder. Without --call the first call that is not finished is made.

    call 1   tests of the kernels, doctor, memcheck, each kernel's time beside the model's
    call 2   gated delta rule and PRISM's ranks beside other libraries
    call 3   a head's decay, a channel's, KDA; whole models by length; serial rules

Results are written to the output folder as they come. A call that was stopped, by its time limit or
otherwise, resumes: finished stages, passed tests and measured rows are not repeated. --call retries
a failed stage.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from stages import Outcome, Stage, exit_status, run_stages

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".venv-gpu"
WHEELHOUSE = ROOT / "wheelhouse"
RESULTS = ROOT / "benchmarks" / "results" / "gpu"
PLUGINS = ("gla", "prism", "ttt", "psm")
CALLS = (1, 2, 3)
MINUTES = 8.8
PREPARATION = ("install", "machine")
"""Stages that every call begins with, since the machine may be a fresh one."""

Key = tuple[str, str]
"""A call and a stage."""


def stages(call: int, results: Path, minutes: float = MINUTES) -> list[Stage]:
    """What a call does, in order.

    Args:
        call: 1, 2 or 3.
        results: where its stages write their results.
        minutes: the most a benchmark plans for.
    """
    python, group = str(FOLDER / "bin" / "python"), f"call {call}"

    def stage(name: str, *words: str, output: Path | None = None, **variables: str) -> Stage:
        return Stage(group, name, words, PREPARATION, variables, output)

    def scan(file: str, *groups: str) -> tuple[str, ...]:
        path = results / file
        only = [word for name in groups for word in ("--only", name)]
        return (
            *(python, "benchmarks/scan.py", "--device", "cuda", "--json", str(path), "--resume"),
            *("--judge", "--minutes", str(minutes - 0.8), *only),
        )

    def script(file: str, output: str) -> tuple[str, ...]:
        return python, f"benchmarks/{file}", "--json", str(results / output)

    on_gpu = ("--device", "cuda")
    ready = [
        Stage(group, "install", _install()),
        Stage(group, "machine", (python, "benchmarks/gpu_machine.py"), ("install",)),
    ]
    if call == 1:
        tests = (
            *(python, "-m", "pytest", "-q", "-n", "auto", "-p", "xdist.plugin"),
            *("-p", "passed_tests", "--passed", str(results / "passed_tests.txt")),
            *("tests/scan/triton", "--ignore=tests/scan/triton/aot", "plugins/ttt/tests/kernels"),
        )
        # plugins of pytest that the machine happens to hold are not ours to test
        alone: Any = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT / "benchmarks")}
        doctor = (str(FOLDER / "bin" / "seqzoo"), "doctor", "--json")
        return [
            *ready,
            stage("tests", *tests, **alone),
            stage("doctor", *doctor, output=results / "doctor.json"),
            stage("memcheck", python, "benchmarks/memcheck.py"),
            stage("kernels", *script("kernel_times.py", "kernel_times.json")),
        ]
    if call == 2:
        return [*ready, stage("scans", *scan("scan_delta.json", "gated_delta_rule", "ranks"))]
    return [
        *ready,
        stage("scans", *scan("scan_decay.json", "simple_gla", "gla", "kda")),
        stage("throughput", *script("throughput.py", "throughput.json"), *on_gpu, "--resume"),
        stage(
            "serial rules",
            *script("serial.py", "serial.json"),
            *on_gpu,
            "--batch",
            "8",
            "--dtype",
            "bfloat16",
        ),
    ]


class Ledger:
    """Which stages are done, in a file beside their results; written after each.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[Key, dict[str, object]] = {}
        if path.is_file():
            rows = json.loads(path.read_text(encoding="utf-8"))
            self.rows = {(row["call"], row["stage"]): row for row in rows}

    def done(self) -> set[Key]:
        """The (call, stage) of those that need not run again."""
        return self._with("done")

    def ended(self) -> set[Key]:
        """Those that ran to their end, whether they passed or not."""
        return self._with("done", "failed")

    def keep(self, outcome: Outcome) -> None:
        """Record an outcome, except of a stage that an earlier call has done or that none has
        begun."""
        key = (outcome.stage.group, outcome.stage.name)
        if key in self.done() or outcome.status == "skipped":
            return
        self.rows[key] = {
            "call": key[0],
            "stage": key[1],
            "status": outcome.status,
            "why": outcome.why or None,
            "seconds": round(outcome.seconds, 1),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(list(self.rows.values()), indent=2) + "\n"
        self.path.write_text(text, encoding="utf-8")

    def _with(self, *statuses: str) -> set[Key]:
        rows = self.rows.items()
        return {key for key, row in rows if row["status"] in statuses and key[1] not in PREPARATION}


def first_unfinished(ended: Collection[Key], results: Path) -> int | None:
    """The first call that has a stage which did not run to its end, or None."""
    for call in CALLS:
        names = {(each.group, each.name) for each in stages(call, results)[len(PREPARATION) :]}
        if not names <= set(ended):
            return call
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """1 if a stage failed, was skipped or was stopped."""
    parser = argparse.ArgumentParser(description="All that needs a GPU, in three calls.")
    parser.add_argument("--call", type=int, choices=CALLS, help="the first that is not finished")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="a call ends then")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where results are written")
    options = parser.parse_args(argv)
    deadline = time.monotonic() + 60 * options.minutes
    results = options.out.resolve()
    ledger = Ledger(results / "stages.json")
    call = options.call or first_unfinished(ledger.ended(), results)
    if call is None:
        print(f"all three calls have ended; remove {ledger.path} to make them again")
        return 0
    planned = stages(call, results, options.minutes)
    outcomes = run_stages(
        planned, ROOT, finished=ledger.done(), deadline=deadline, keep=ledger.keep
    )
    print("", f"call {call}, in {results}:", *outcomes, sep="\n")
    following = first_unfinished(ledger.ended(), results)
    if following is not None:
        print(f"next: make gpu CALL={following}")
    return exit_status(outcomes)


def _install() -> tuple[str, ...]:
    offline = ("--no-index", "--find-links", str(WHEELHOUSE)) if WHEELHOUSE.is_dir() else ()
    editable = [word for plugin in PLUGINS for word in ("-e", f"./plugins/{plugin}")]
    return (
        *(sys.executable, str(ROOT / "benchmarks" / "environment.py"), str(FOLDER)),
        *("--system-site-packages", "--", "--no-deps", *offline, "-r", "benchmarks/wheelhouse.txt"),
        *("--then", "--no-deps", "--no-index", "--no-build-isolation", "-e", ".", *editable),
    )


if __name__ == "__main__":
    sys.exit(main())
