"""The kernels under several versions of Triton, each in an environment of its own.

    python benchmarks/triton_versions.py [VERSION ...] [--target ARCH ...]      make test-triton

Each version is installed (once), runs the kernels' tests in its interpreter, and compiles every
kernel ahead of time. A version that fails stops none behind it; the last lines are one a version.
The first run needs a package index; none needs a GPU.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from stages import Stage, exit_status, run_stages, summary

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".venv-triton"
VERSIONS = ("3.6.0", "3.7.1", "3.9.0")
TARGETS = ("sm_90", "gfx942")
NEEDS = ("-e", ".", "torch==2.13.0", "pytest", "hypothesis")


def stages_of(version: str, targets: Sequence[str]) -> list[Stage]:
    """What is done for a version of Triton."""
    group, folder = f"triton {version}", FOLDER / version
    python = str(folder / "bin" / "python")
    wanted: list[str] = [*NEEDS]
    warnings: list[str] = []
    if version.startswith("3.6."):
        # its interpreter makes an int of an array: numpy 2.4 refuses that, older ones warn of it
        wanted.append("numpy<2.4")
        warnings = ["-W", "ignore:Conversion of an array with ndim:DeprecationWarning"]
    environment = str(ROOT / "benchmarks" / "environment.py")
    install = (sys.executable, environment, str(folder), "--", *wanted, f"triton=={version}")
    tests = (python, "-m", "pytest", "-p", "no:cacheprovider", "tests/scan/triton")
    compiling = "--ignore=tests/scan/triton/aot/test_compile.py"
    one_thread = {"OMP_NUM_THREADS": "1"}
    return [
        Stage(group, "install", install),
        Stage(group, "interpreter", (*tests, compiling, *warnings), ("install",), one_thread),
        Stage(group, "compile", (python, "benchmarks/compile_kernels.py", *targets), ("install",)),
    ]


def main(argv: list[str] | None = None) -> int:
    """1 if a version failed."""
    parser = argparse.ArgumentParser(description="The kernels under several versions of Triton.")
    parser.add_argument("versions", nargs="*", default=list(VERSIONS), metavar="VERSION")
    parser.add_argument("--target", action="append", metavar="ARCH", dest="targets")
    options = parser.parse_args(argv)
    targets = options.targets or list(TARGETS)
    stages = [stage for version in options.versions for stage in stages_of(version, targets)]
    outcomes = run_stages(stages, ROOT)
    print("", *summary(outcomes), sep="\n")
    return exit_status(outcomes)


if __name__ == "__main__":
    sys.exit(main())
