import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from seqzoo.grid.run.job import Finished, Lost, Progress
from seqzoo.grid.run.ledger import Counts
from seqzoo.grid.view.board import Board
from seqzoo.grid.view.lines import LineView
from seqzoo.grid.view.live import LiveView, view_for


def drawn(view, width=100):
    page = io.StringIO()
    Console(file=page, width=width).print(view.render(width))
    return page.getvalue()


def test_the_board_shows_each_run_and_the_totals(tmp_path, make_job):
    page = io.StringIO()
    view = LiveView(Console(file=page, width=100, force_terminal=True))
    a, b, c = (make_job(name, tmp_path / name) for name in "abc")
    counts = Counts(planned=1, running=4, done=2, failed=1)
    view.opened(counts, {"a": 1000, "b": 1000, "c": 1000})
    for job in (a, b, c):
        view.started(job)
    view.progress(Progress(a, step=500, loss=1.25))
    view.progress(Progress(b, step=250, metric_name="accuracy", metric=0.5))
    text = drawn(view)
    assert [line.split()[0] for line in text.splitlines()[:3]] == ["a", "b", "c"]
    assert "500/1,000" in text
    assert "loss 1.250" in text
    assert "accuracy 0.500" in text
    assert "starting" in text
    assert "2 of 8 runs done, 1 failed, 1 running in other processes" in text
    news = Finished(a, error="RuntimeError('boom')", traceback="Traceback\n  at [1]")
    view.finished(news, replace(counts, failed=2, running=3))
    view.finished(replace(news, job=make_job("d", tmp_path)), replace(counts, failed=3))
    view.lost(Lost(b, "its worker was ended by SIGKILL"))
    view.taken(c)
    view.stopping(0)
    assert "Ctrl-C again stops them" in drawn(view)
    view.closed()
    kept = page.getvalue()
    assert "a: RuntimeError('boom')" in kept
    assert "  at [1]" in kept
    assert kept.count("Traceback") == kept.count("failure.txt") == 1
    assert "d: as 'a' did, 2 times now" in kept
    assert "b: its worker was ended by SIGKILL" in kept
    assert "left to another process c" in kept


@pytest.mark.parametrize("width", [60, 80, 120])
def test_at_every_width_counts_times_and_seeds_are_whole(width, tmp_path, make_job):
    view = LiveView(Console(file=io.StringIO(), width=width, force_terminal=True))
    long = "a-very-long-name, local_xor width=32 lr=0.003"
    jobs = [replace(make_job(str(seed), tmp_path), label=f"{long}, seed {seed}") for seed in (0, 1)]
    Board.opened(view, Counts(running=2), {"0": 10_000, "1": 10_000})
    for seed, job in enumerate(jobs):
        view.started(job)
        view.progress(Progress(job, step=50 + seed, metric_name="accuracy", metric=0.5))
    lines = drawn(view, width).splitlines()
    assert max(map(len, lines)) <= width
    for seed, line in enumerate(lines[:2]):
        assert f", seed {seed} " in line
        assert re.search(rf" {50 + seed}/10,000 accuracy 0\.500 \d+ s\s*$", line)
        assert (long in line) == (width == 120)


def test_terminals_get_the_board_and_pipes_get_lines():
    assert isinstance(view_for(Console(file=io.StringIO(), force_terminal=True)), LiveView)
    assert isinstance(view_for(Console(file=io.StringIO())), LineView)
