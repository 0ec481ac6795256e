"""Checkpoints under FSDP2, where one process is enough to test; test_processes.py has two."""

import errno
import os
from pathlib import Path

import pytest
import torch
from torch.distributed.checkpoint.api import CheckpointException

from seqzoo.errors import RunError
from seqzoo.model import LanguageModel
from seqzoo.train import checkpoint, shards
from seqzoo.train.distributed import ALONE
from seqzoo.train.progress import Progress

from .saving import CPU, optimizer_of


def test_a_full_disk_is_told_as_everywhere_and_leaves_the_checkpoint_before(
    model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimizer = optimizer_of(model, 1)
    before = checkpoint.save(tmp_path, Progress(run_id="abc", step=3), model, optimizer, CPU)

    def full(tensors: dict[str, torch.Tensor], *, storage_writer: object) -> None:
        no_space = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise CheckpointException("write", {1: (RuntimeError("late"), None), 0: (no_space, None)})  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(shards, "save_shards", full)
    progress = Progress(run_id="abc", step=4)
    with pytest.raises(RunError, match=r": No space left on device; free some space or"):
        shards.save(tmp_path, progress, model, optimizer, CPU, 1, {}, ALONE)
    assert list(tmp_path.iterdir()) == [before]
    assert checkpoint.load(before, model, optimizer, CPU)[0].step == 3


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_numbers_that_cannot_be_are_refused(model: LanguageModel, tmp_path: Path) -> None:
    optimizer = optimizer_of(model, 1)
    parameter = next(each for each in model.parameters() if each in optimizer.state)
    optimizer.state[parameter]["exp_avg_sq"].view(-1)[0] = -1.0
    progress = Progress(run_id="abc", step=1)
    folder = shards.save(tmp_path, progress, model, optimizer, CPU, 1, {}, ALONE)
    with pytest.raises(
        RunError, match=r"'optimizer/exp_avg_sq/.*' holds -1, and a mean of squares"
    ):
        shards.load(folder, model, optimizer, CPU, ALONE)
