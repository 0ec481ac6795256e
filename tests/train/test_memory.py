import mmap
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from seqzoo.errors import RunError
from seqzoo.train import train
from seqzoo.train.memory import PeakMemory, enough_memory
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


@pytest.mark.parametrize(
    "settings",
    [
        {"train": {"batch_size": 10**12}},
        {"task": {"type": "parity", "length": 8, "vocab_size": 8, "test_size": 10**12}},
        {"task": {"type": "parity", "length": 8, "vocab_size": 10**13, "test_size": 8}},
        {"task": {"type": "parity", "length": 10**12, "vocab_size": 8, "test_size": 8}},
        {"model": {"width": 2**20, "layers": 1, "mixer": "attention"}},
    ],
)
def test_what_no_memory_holds_is_said_in_words(make_spec, tmp_path: Path, settings) -> None:
    train_settings = settings.pop("train", {})
    task = settings.pop("task", None)
    with pytest.raises(RunError, match=r"the run does not fit into memory.*; lower train"):
        train(make_spec(train_settings, task, **settings), tmp_path)


def test_other_errors_pass_through() -> None:
    with pytest.raises(RuntimeError, match="something else"), enough_memory():
        raise RuntimeError("something else")
    with pytest.raises(RunError, match="the run does not fit into memory"), enough_memory():
        np.empty(10**16)
