"""Compile every kernel in every shipped configuration ahead of time: one line per target.

    python benchmarks/compile_kernels.py [ARCH ...]

Every configuration, dtype and constant is met once; `seqzoo kernels` compiles every combination.
Fails if one does not compile or needs more shared memory than the target has; spilled registers are
reported, and judged by `seqzoo kernels` under the Triton that seqzoo ships for.
"""

from __future__ import annotations

import sys

from seqzoo.scan.triton.aot.compile import Compiled, compile_catalogue


def main(targets: list[str]) -> int:
    """1 if anything failed."""
    import triton

    failed = False
    for target in targets:
        rows = list(compile_catalogue([target], representative=True))
        wrong = [row for row in rows if row.error or row.shared_bytes > row.shared_limit]
        for row in wrong:
            print(f"{row.kernel} ({row.config}; {row.variant}): {row.failure}")
        failed = failed or bool(wrong)
        print(f"triton {triton.__version__}, {target}: {_told(rows, len(wrong))}", flush=True)
    return int(failed)


def _told(rows: list[Compiled], wrong: int) -> str:
    kernels = len({row.kernel for row in rows})
    spilled = [row.spill_bytes for row in rows if row.spill_bytes]
    most = f", at most {max(spilled)} bytes a thread" if spilled else ""
    return (
        f"{len(rows)} variants of {kernels} kernels, {wrong} failed, "
        f"{len(spilled)} spill registers{most}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["sm_90"]))
