import io

from rich.console import Console

from seqzoo.grid.run.job import Finished, Lost, Progress
from seqzoo.grid.run.ledger import Counts
from seqzoo.grid.view.lines import LineView

COUNTS = Counts(planned=9, done=1)


def test_every_end_and_every_loss_is_one_plain_line(tmp_path, make_job, monkeypatch):
    page = io.StringIO()
    view = LineView(Console(file=page, width=40))
    job = make_job("with [brackets] and a very long name", tmp_path)
    view.opened(COUNTS, {job.run_id: 10})
    view.started(job)
    view.progress(Progress(job, step=1))
    view.lost(Lost(job, "killed"))
    view.started(job)
    view.finished(Finished(job, summary="accuracy 1.000 at step 5"), Counts(planned=8, done=2))
    view.started(job)
    view.finished(Finished(job, error="ValueError('no')"), Counts(planned=7, done=2, failed=1))
    view.started(job)
    view.taken(job)
    view.stopping(2)
    view.closed()
    name = "with [brackets] and a very long name"
    assert page.getvalue().splitlines() == [
        "10 runs: 1 done, 9 to do",
        f"[ 1/10] taken up again: {name}: killed",
        f"[ 2/10] done: {name}: accuracy 1.000 at step 5, 0 s",
        f"[ 3/10] failed: {name}: ValueError('no')",
        f"    {tmp_path / 'failure.txt'}",
        f"[ 3/10] left to another process: {name}",
        "finishing 2 current runs; Ctrl-C again stops them, resumable",
    ]


def test_the_traceback_is_shown_at_once_and_runs_that_fail_alike_are_told_once(tmp_path, make_job):
    page = io.StringIO()
    view = LineView(Console(file=page, width=40))
    view.opened(Counts(planned=4), {})
    own = "there is no text file none.txt"
    for number, (name, error, expected) in enumerate(
        [
            ("one", "RuntimeError('no')", False),
            ("two", own, True),
            ("three", "RuntimeError('no')", False),
            ("four", "RuntimeError('no')", False),
        ],
        start=1,
    ):
        job = make_job(name, tmp_path / name)
        view.started(job)
        news = Finished(job, error=error, traceback="Traceback\n  line [2]\n", expected=expected)
        view.finished(news, Counts(planned=4 - number, failed=number))
    assert page.getvalue().splitlines() == [
        "4 runs: 0 done, 4 to do",
        "[1/4] failed: one: RuntimeError('no')",
        "    Traceback",
        "      line [2]",
        f"    {tmp_path / 'one' / 'failure.txt'}",
        f"[2/4] failed: two: {own}",
        f"    {tmp_path / 'two' / 'failure.txt'}",
        "[3/4] failed: three: as 'one' did, 2 times now",
        "[4/4] failed: four: as 'one' did, 3 times now",
    ]


def test_a_quiet_grid_says_how_far_it_is(tmp_path, make_job, monkeypatch):
    page = io.StringIO()
    view = LineView(Console(file=page, width=40))
    job = make_job("a", tmp_path)
    view.opened(COUNTS, {job.run_id: 10})
    view.started(job)
    view.progress(Progress(job, step=1))
    view._last -= 31
    view.progress(Progress(job, step=2))
    assert page.getvalue().splitlines()[1].startswith("[ 1/10] 1 running, about ")


class _GonePipe(io.StringIO):
    """A file whose reader has left."""

    def write(self, text):
        raise BrokenPipeError


def test_a_reader_that_leaves_stops_the_lines_and_not_the_runs(tmp_path, make_job):
    view = LineView(Console(file=_GonePipe(), width=40))
    view.opened(COUNTS, {"a": 10})
    job = make_job("a", tmp_path)
    view.started(job)
    view.finished(Finished(job, summary="well"), Counts(planned=8, done=2))
    assert not view.lines
