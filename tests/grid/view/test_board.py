import pytest

from seqzoo.grid.run.job import Finished, Lost, Progress
from seqzoo.grid.run.ledger import Counts
from seqzoo.grid.view import board
from seqzoo.grid.view.board import Board, duration


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

    monkeypatch.setattr(board.time, "monotonic", lambda: Clock.now)
    return Clock


def test_durations_read_well():
    assert [duration(s) for s in (0.4, 59.4, 59.6, 3599, 3600, 90061)] == [
        "0 s",
        "59 s",
        "1 min 0 s",
        "59 min 59 s",
        "1 h 0 min",
        "25 h 1 min",
    ]


def test_the_board_follows_the_runs(tmp_path, make_job, clock):
    board = Board()
    board.opened(Counts(planned=3), {"a": 100, "b": 100, "c": 100})
    a, b = make_job("a", tmp_path), make_job("b", tmp_path)
    board.started(a)
    board.started(b)
    assert board.seconds_left() is None
    board.progress(Progress(a, step=0))
    board.progress(Progress(b, step=40))  # resumed there
    clock.now += 10
    board.progress(Progress(a, step=20, loss=0.5))
    board.progress(Progress(b, step=60, metric_name="accuracy", metric=0.75))
    line = board.lines["claim-a"]
    assert (line.step, line.loss, line.metric) == (20, 0.5, "")
    assert board.lines["claim-b"].metric == "accuracy 0.750"
    board.counted(Counts(planned=1, running=2))
    assert board.seconds_left() == pytest.approx((80 + 40 + 100) / (40 / 10))
    board.finished(Finished(a), Counts(planned=1, running=1, done=1))
    board.lost(Lost(b, "gone"))
    assert board.lines == {}
    assert board.counts.total == 3
    board.started(a)
    board.taken(a)
    assert board.lines == {}
