import os

import pytest

from seqzoo.grid.plan.failure import clear_failure, failure_path, read_failure, write_failure


def test_a_failure_is_left_read_and_cleared(tmp_path, make_job):
    job = make_job("a", tmp_path / "a")
    assert read_failure(job.directory) is None
    write_failure(
        job.directory,
        "ValueError('no')",
        "a, run a, attempt 1",
        "Traceback\n  here\nValueError: no\n",
    )
    assert read_failure(job.directory) == "ValueError('no')"
    text = failure_path(job.directory).read_text(encoding="utf-8")
    assert "a, run a, attempt 1" in text
    assert text.endswith("ValueError: no\n")
    clear_failure(job.directory)
    clear_failure(job.directory)
    assert read_failure(job.directory) is None


def test_a_failure_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    write_failure(tmp_path / "file" / "a", "error", "a", "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_in_its_place_is_not_waited_for(tmp_path):
    os.mkfifo(failure_path(tmp_path))
    assert read_failure(tmp_path) is None
    write_failure(tmp_path, "error", "a", "")
    assert read_failure(tmp_path) == "error"
