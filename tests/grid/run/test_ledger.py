import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from seqzoo.errors import RunError
from seqzoo.grid.run.ledger import STALE_SECONDS, Counts, Ledger


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path) as ledger:
        with ledger.transaction():
            ledger.enlist(["a", "b", "c"])
        yield ledger


def state(ledger, run_id):
    return next(row for row in ledger.rows() if row.run_id == run_id)


def test_many_may_open_a_new_ledger_at_once(tmp_path):
    def opened(number):
        with Ledger(tmp_path / str(number // 8)) as ledger:
            return ledger.counts().total

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(opened, range(160))) == [0] * 160


def test_runs_are_claimed_in_order_and_once(ledger):
    claims = [ledger.claim("here", 1) for _ in range(4)]
    assert [claim and claim.run_id for claim in claims] == ["a", "b", "c", None]
    assert len({claim.token for claim in claims if claim}) == 3
    assert ledger.counts() == Counts(running=3)


def test_a_run_ends_done_or_failed_or_planned_again(ledger):
    a, b, c = (ledger.claim("here", 7) for _ in range(3))
    ledger.move(a.token, "there", 8)
    assert ledger.finish(a.token)
    assert ledger.finish(b.token, "ValueError", "Traceback")
    assert ledger.release(c.token)
    done, failed, planned = ledger.rows()
    assert (done.state, done.attempt, done.host, done.pid) == ("done", 1, "there", 8)
    assert done.error is None
    assert done.started <= done.ended
    assert (failed.state, failed.error, failed.traceback) == ("failed", "ValueError", "Traceback")
    assert planned.state == "planned"
    assert ledger.claim("here", 7).attempt == 2


def test_a_lost_claim_speaks_for_nothing(ledger):
    old = ledger.claim("here", 1)
    ledger.release(old.token)
    new = ledger.claim("here", 1)
    while new.run_id != old.run_id:
        new = ledger.claim("here", 1)
    assert ledger.beat({old.token: 5, new.token: 6}) == {old.token}
    assert not ledger.finish(old.token, "late")
    assert not ledger.release(old.token)
    assert state(ledger, "a").state == "running"
    assert state(ledger, "a").step == 6


def test_what_was_tried_least_goes_first(ledger):
    ledger.release(ledger.claim("here", 1).token)
    assert [ledger.claim("here", 1).run_id for _ in range(3)] == ["b", "c", "a"]


def test_runs_of_dead_workers_are_planned_again(ledger, monkeypatch):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    ledger.claim("here", child.pid)
    ledger.claim("here", os.getpid())
    ledger.claim("elsewhere", child.pid)
    assert ledger.free_the_dead("here") == ["a"]
    now = ledger.rows()[1].heartbeat
    monkeypatch.setattr("time.time", lambda: now + STALE_SECONDS + 1)
    assert ledger.free_the_dead("here") == ["b", "c"]
    assert ledger.counts().planned == 3


def test_failed_and_done_runs_can_be_reopened_running_ones_not(ledger):
    a, b, _ = (ledger.claim("here", 1) for _ in range(3))
    ledger.finish(a.token)
    ledger.finish(b.token, "error")
    ledger.reopen(["a", "b", "c"])
    assert [row.state for row in ledger.rows()] == ["planned", "planned", "running"]


def test_enlisting_again_keeps_states_adds_new_and_drops_unlisted_runs(ledger):
    ledger.finish(ledger.claim("here", 1).token)
    with ledger.transaction():
        ledger.enlist(["d", "b", "a"])
    assert [(row.run_id, row.state) for row in ledger.rows()] == [
        ("d", "planned"),
        ("b", "planned"),
        ("a", "done"),
    ]


def test_a_failed_transaction_leaves_nothing(ledger):
    with pytest.raises(KeyError), ledger.transaction():
        ledger.enlist(["z"])
        raise KeyError
    assert [row.run_id for row in ledger.rows()] == ["a", "b", "c"]


def _claim_all(directory):
    with Ledger(directory) as ledger:
        with ledger.transaction():
            ledger.enlist(map(str, range(60)))
        claimed = []
        while claim := ledger.claim("here", os.getpid()):
            claimed.append(claim.run_id)
        return claimed


def test_many_that_open_one_ledger_at_once_share_and_never_claim_one_run_twice(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        claimed = [run for runs in pool.map(_claim_all, [tmp_path] * 8) for run in runs]
    assert sorted(claimed, key=int) == [str(number) for number in range(60)]


def test_a_newer_ledger_is_refused(tmp_path):
    Ledger(tmp_path).close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:
        database.execute("PRAGMA user_version = 9")
    database.close()
    with pytest.raises(RunError, match=r"ledger format 9, this one knows up to 1\); upgrade"):
        Ledger(tmp_path)


def test_a_full_disk_is_told_as_such(ledger):
    pages = ledger.database.execute("PRAGMA page_count").fetchone()[0]
    ledger.database.execute(f"PRAGMA max_page_count = {pages}")
    claim = ledger.claim("here", 1)
    with pytest.raises(RunError, match=r"ledger\.sqlite: the disk is full; free some room"):
        ledger.finish(claim.token, "error", "x" * 1_000_000)
    assert state(ledger, "a").state == "running"


def test_a_read_only_ledger_is_told_as_such(ledger):
    ledger.database.execute("PRAGMA query_only = 1")
    with pytest.raises(RunError, match=r"cannot be written \(attempt to write a readonly"):
        ledger.claim("here", 1)


def test_a_directory_that_cannot_be_made_is_told_as_such(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(RunError, match=r"cannot be written .*choose an --out"):
        Ledger(tmp_path / "file" / "out")


def test_what_is_no_ledger_is_told_as_such(tmp_path):
    (tmp_path / "ledger.sqlite").write_text("not a database, by far " * 100, encoding="utf-8")
    with pytest.raises(RunError, match=r"not a ledger, or a broken one .*; delete it and run"):
        Ledger(tmp_path)
