"""All that needs a GPU, one stage after another, without a network; `make gpu`.

Run by the Python that has torch and triton: an environment .venv-gpu beside it takes those from
there and the rest from wheelhouse/ (`make wheelhouse`), or from the package index where there is no
such folder. Then the native tests, the doctor and the benchmarks, each told at the end; what they
find is in benchmarks/results/.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from stages import Outcome, Stage, exit_status, run_stages

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".venv-gpu"
WHEELHOUSE = ROOT / "wheelhouse"
RESULTS = ROOT / "benchmarks" / "results"
PLUGINS = ("gla", "prism", "ttt", "psm")


def stages() -> list[Stage]:
    """What is done, in order."""
    python = str(FOLDER / "bin" / "python")
    offline = ("--no-index", "--find-links", str(WHEELHOUSE)) if WHEELHOUSE.is_dir() else ()
    editable = [word for plugin in PLUGINS for word in ("-e", f"./plugins/{plugin}")]
    install = (
        *(sys.executable, str(ROOT / "benchmarks" / "environment.py"), str(FOLDER)),
        *("--system-site-packages", "--", "--no-deps", *offline, "-r", "benchmarks/wheelhouse.txt"),
        *("--then", "--no-deps", "--no-index", "--no-build-isolation", "-e", ".", *editable),
    )
    tests = (python, "-m", "pytest", "-p", "xdist.plugin", "-n", "auto", "tests/scan")
    benchmarks = (
        *(python, "benchmarks/scan.py", "--device", "cuda", "--judge"),
        *("--json", str(RESULTS / "scan_gpu.json"), "--figure", str(RESULTS / "scan_gpu.svg")),
    )
    throughput = (
        *(python, "benchmarks/throughput.py", "--size", "paper"),
        *("--device", "cuda", "--json", str(RESULTS / "throughput_gpu.json")),
    )
    serial = (
        *(python, "benchmarks/serial.py", "--device", "cuda", "--batch", "8"),
        *("--json", str(RESULTS / "serial_gpu.json")),
    )
    ready = ("install", "machine")
    # plugins of pytest that the machine happens to hold are not ours to test
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    doctor = (str(FOLDER / "bin" / "seqzoo"), "doctor", "--json")
    return [
        Stage("gpu", "install", install),
        Stage("gpu", "machine", (python, "benchmarks/gpu_machine.py"), ("install",)),
        Stage("gpu", "native tests", tests, ready, alone),
        Stage("gpu", "doctor", doctor, ready, output=RESULTS / "doctor_gpu.json"),
        Stage("gpu", "benchmarks", benchmarks, ready),
        Stage("gpu", "throughput", throughput, ready),
        Stage("gpu", "serial rules", serial, ready),
    ]


def keep(outcomes: list[Outcome]) -> Path:
    """Writes what became of each stage, and returns the file."""
    rows = [
        {
            "stage": outcome.stage.name,
            "status": outcome.status,
            "why": outcome.why or None,
            "seconds": round(outcome.seconds, 1),
        }
        for outcome in outcomes
    ]
    path = RESULTS / "gpu.json"
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return path


def main() -> int:
    """1 if a stage failed or was skipped."""
    outcomes = run_stages(stages(), ROOT)
    print("", *outcomes, sep="\n")
    if any(outcome.stage.name == "native tests" and outcome.seconds for outcome in outcomes):
        print(f"kept in {keep(outcomes)}")
    return exit_status(outcomes)


if __name__ == "__main__":
    sys.exit(main())
