"""The allocator keeps what tensors give back."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from seqzoo.train.allocator import keep_freed_memory
torch.set_num_threads(1)
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def work():
    for _ in range(3):  # 64 MiB, more than what glibc keeps unasked
        block = torch.ones(1 << 24)
        del block
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    work()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
# The heap grows for a few rounds, until what lies between the blocks has found its place.
print(min(faults() for _ in range(8)))
"""


@pytest.mark.skipif(
    platform.system() != "Linux" or platform.libc_ver()[0] != "glibc", reason="needs glibc"
)
def test_pages_are_faulted_in_once() -> None:
    faults = {}
    for mode in ("given back", "kept"):
        shown = subprocess.run(
            [sys.executable, "-c", FAULTS, mode], capture_output=True, text=True, check=True
        )
        faults[mode] = int(shown.stdout)
    assert faults["kept"] < 10
    assert faults["given back"] > 3 * 30  # pages of 2 MiB, or many more of 4 KiB
