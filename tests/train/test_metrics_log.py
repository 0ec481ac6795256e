import json
import os
from pathlib import Path

import pytest

from seqzoo.errors import RunError
from seqzoo.train.metrics_log import MetricsLog, read_rows


def rows(*steps: int) -> list[dict[str, int]]:
    return [{"step": step} for step in steps]


def test_rows_past_the_checkpoint_and_a_cut_line_go(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(1, 2, 2, 3, 4)) + '{"step": 5, ')
    assert list(read_rows(path)) == rows(1, 2, 2, 3, 4)
    log = MetricsLog(path, step=2)
    log.append({"step": 3})
    assert list(read_rows(path)) == rows(1, 2, 2, 3)
    log.close()


def test_rows_of_one_kind(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    kept = {"kind": "evaluation", "step": 2}
    others = [{"kind": "train", "step": 1}, {"kind": "train", "step": 2, "note": "evaluation"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*others, kept]) + '{"kind": "eva')
    assert list(read_rows(path, kind="evaluation")) == [kept]


def test_a_full_disk_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    path.symlink_to("/dev/full")
    log = MetricsLog(path, step=0)
    with pytest.raises(RunError, match=r"cannot write .*metrics.jsonl: No space left on device"):
        log.append({"step": 1})
    with pytest.raises(RunError, match="No space left"):  # the row is still in the buffer
        log.close()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    os.mkfifo(path)
    with pytest.raises(RunError, match=r"cannot write .*metrics.jsonl: "):
        MetricsLog(path, step=0)
    with pytest.raises(OSError, match="it is a pipe, not a regular file"):
        list(read_rows(path))
