import gc
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from seqzoo.tasks.token_ids import FileIds, JoinedIds, MemoryIds


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_windows_are_those_of_memory_and_0_outside(tmp_path: Path, dtype: type) -> None:
    known = (np.arange(50) * 5 % 251).astype(dtype)
    known.tofile(tmp_path / "ids")
    file = FileIds(tmp_path / "ids", dtype, "file")
    memory = MemoryIds(torch.from_numpy(known))
    joined = JoinedIds(
        MemoryIds(torch.from_numpy(known[:13])), MemoryIds(torch.from_numpy(known[13:]))
    )
    assert len(file) == len(memory) == len(joined) == 50
    starts = torch.tensor([0, 7, 46, 49, 60, -3, -9, -20])
    for width in (1, 9, 40):
        wanted = [
            [known[place] if 0 <= place < 50 else 0 for place in range(start, start + width)]
            for start in starts.tolist()
        ]
        for ids in (file, memory, joined):
            found = ids.windows(starts, width)
            assert found.dtype == torch.int64
            assert found.tolist() == wanted


def test_the_file_is_closed_with_its_ids(tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes(bytes(10))
    before = len(os.listdir("/proc/self/fd"))
    ids = FileIds(tmp_path / "ids", np.uint8, "file")
    assert len(os.listdir("/proc/self/fd")) == before + 1
    del ids
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_windows_of_a_system_without_positional_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ids").write_bytes(bytes(range(100)))
    monkeypatch.delattr(os, "preadv")
    ids = FileIds(tmp_path / "ids", np.uint8, "file")
    assert ids.windows(torch.tensor([90, 3]), 4).tolist() == [[90, 91, 92, 93], [3, 4, 5, 6]]
