import mmap
import sys

import pytest
import torch

from seqzoo.train.memory import PeakMemory
from seqzoo.train.progress import Progress

CPU = torch.device("cpu")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak does not begin anew")
def test_the_peak_is_this_runs_and_of_all_sessions() -> None:
    progress = Progress(run_id="abc")
    PeakMemory(CPU).note(progress)
    before = progress.peak_rss
    memory = PeakMemory(CPU)
    with mmap.mmap(-1, 64 << 20) as block:  # never from what an allocator has kept
        block.write(b"1" * (64 << 20))
    memory.note(progress)
    with_block = progress.peak_rss
    assert with_block > before + (48 << 20)
    later = Progress(run_id="abc")
    PeakMemory(CPU).note(later)
    assert later.peak_rss < with_block
    PeakMemory(CPU).note(progress)
    assert progress.peak_rss == with_block
    assert progress.peak_device == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_peak_on_a_gpu() -> None:
    device = torch.device("cuda")
    memory = PeakMemory(device)
    block = torch.ones(64 << 18, device=device)
    del block
    progress = Progress(run_id="abc")
    memory.note(progress)
    assert progress.peak_device >= 64 << 20
