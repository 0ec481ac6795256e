"""Three cases of the kernels under NVIDIA's compute-sanitizer: do they access memory out of bounds?

    python benchmarks/memcheck.py

They are small, as it is a hundred times slower: the gated delta rule with two writes, a decay per
channel packed in float32, and one that reads before the decay at sizes that fill no tile.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch

from seqzoo.scan.triton.aot.kernel_case import verify
from seqzoo.scan.triton.aot.scan_case import ScanCase

CASES = (
    ScanCase(torch.bfloat16, rank=2),
    ScanCase(torch.float32, "channel", "tied", rank=2, packed=True, with_state=False),
    ScanCase(torch.float32, "channel", "before decay", key_size=48, value_size=80, chunk_size=32),
)
INSIDE = "SEQZOO_MEMCHECK"
"""Set in the process that compute-sanitizer watches."""


def sanitizer() -> str | None:
    """The program, on the PATH or in CUDA's folder."""
    beside = Path(os.environ.get("CUDA_HOME", "/usr/local/cuda")) / "bin" / "compute-sanitizer"
    return shutil.which("compute-sanitizer") or (str(beside) if beside.is_file() else None)


def run_cases(device: torch.device) -> list[str]:
    """What is wrong by the numbers."""
    wrong = []
    for case in CASES:
        for name, (ratio, limit) in verify(case, device).items():
            if ratio > limit:
                wrong.append(f"{case.name}: error ratio {ratio:.1e} of {name}, allowed {limit:g}")
        print(f"ran {case.name}", flush=True)
    return wrong


def main() -> str | int:
    """What is wrong, or 0."""
    if INSIDE in os.environ:
        return "\n".join(run_cases(torch.device("cuda"))) or 0
    program = sanitizer()
    if program is None:
        return "no compute-sanitizer on the path nor under $CUDA_HOME/bin: memory is not checked"
    command = [program, "--tool", "memcheck", "--error-exitcode", "3", sys.executable, __file__]
    # torch's cache of blocks would hide a read beyond a tensor's end
    watched = os.environ | {INSIDE: "1", "PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    return subprocess.run(command, env=watched).returncode


if __name__ == "__main__":
    sys.exit(main())
