import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from seqzoo.errors import RunError
from seqzoo.grid.run.ledger import Counts, Ledger
from seqzoo.grid.run.liveness import Owner

HERE = Owner("here", "boot", 7, "11")


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
    claims = [ledger.claim(HERE) for _ in range(4)]
    assert [claim and claim.run_id for claim in claims] == ["a", "b", "c", None]
    assert len({claim.token for claim in claims if claim}) == 3
    assert ledger.counts() == Counts(running=3)


def test_a_run_ends_done_or_failed_or_planned_again(ledger):
    a, b, c = (ledger.claim(HERE) for _ in range(3))
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
    assert ledger.claim(HERE).attempt == 2


def test_a_lost_claim_speaks_for_nothing(ledger):
    old = ledger.claim(HERE)
    ledger.release(old.token)
    new = ledger.claim(HERE)
    while new.run_id != old.run_id:
        new = ledger.claim(HERE)
    assert ledger.beat({old.token: 5, new.token: 6}) == {old.token}
    assert not ledger.finish(old.token, "late")
    assert not ledger.release(old.token)
    assert state(ledger, "a").state == "running"
    assert state(ledger, "a").step == 6


def test_what_was_tried_least_goes_first(ledger):
    ledger.release(ledger.claim(HERE).token)
    assert [ledger.claim(HERE).run_id for _ in range(3)] == ["b", "c", "a"]


def test_a_claim_keeps_its_owner_and_a_counter_that_each_beat_advances(ledger):
    claim = ledger.claim(HERE)
    (row,) = ledger.running()
    assert (row.owner, row.beats, row.claim) == (HERE, 0, claim.token)
    ledger.beat({claim.token: 3})
    ledger.beat({claim.token: 4})
    (row,) = ledger.running()
    assert (row.beats, row.step) == (2, 4)


def test_a_run_is_freed_only_as_it_was_seen(ledger):
    claim = ledger.claim(HERE)
    (seen,) = ledger.running()
    ledger.beat({claim.token: 1})
    assert not ledger.free(seen), "its owner has moved since"
    (seen,) = ledger.running()
    assert ledger.free(seen)
    assert not ledger.free(seen)
    assert ledger.beat({claim.token: 2}) == {claim.token}
    assert ledger.counts().planned == 3


def test_a_running_run_without_a_claim_is_freed(ledger):
    ledger.claim(HERE)
    ledger.database.execute("UPDATE runs SET claim = NULL")
    (seen,) = ledger.running()
    assert ledger.free(seen)
    assert ledger.counts().planned == 3


def test_a_ledger_of_format_1_is_read_and_its_owners_are_unknown(tmp_path):
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:
        database.execute(
            "CREATE TABLE runs (run_id TEXT PRIMARY KEY, position INTEGER NOT NULL, "
            "state TEXT NOT NULL, attempt INTEGER NOT NULL DEFAULT 0, claim TEXT, host TEXT, "
            "pid INTEGER, heartbeat REAL, step INTEGER, started REAL, ended REAL, error TEXT, "
            "traceback TEXT)"
        )
        database.execute(
            "INSERT INTO runs (run_id, position, state, attempt, claim, host, pid, heartbeat) "
            "VALUES ('a', 0, 'running', 1, 'token', 'there', 5, 1.0)"
        )
        database.execute("PRAGMA user_version = 1")
    database.close()
    with Ledger(tmp_path) as ledger:
        (row,) = ledger.running()
        assert (row.run_id, row.owner, row.beats, row.claim) == ("a", None, 0, "token")
        assert ledger.beat({"token": 4}) == set(), "an older process still holds its claim"


def test_failed_and_done_runs_can_be_reopened_running_ones_not(ledger):
    a, b, _ = (ledger.claim(HERE) for _ in range(3))
    ledger.finish(a.token)
    ledger.finish(b.token, "error")
    ledger.reopen(["a", "b", "c"])
    assert [row.state for row in ledger.rows()] == ["planned", "planned", "running"]


def test_enlisting_again_keeps_states_adds_new_and_drops_unlisted_runs(ledger):
    ledger.finish(ledger.claim(HERE).token)
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
        while claim := ledger.claim(HERE):
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
    with pytest.raises(RunError, match=r"ledger format 9, this one knows up to 2\); upgrade"):
        Ledger(tmp_path)


def test_a_full_disk_is_told_as_such(ledger):
    pages = ledger.database.execute("PRAGMA page_count").fetchone()[0]
    ledger.database.execute(f"PRAGMA max_page_count = {pages}")
    claim = ledger.claim(HERE)
    with pytest.raises(RunError, match=r"ledger\.sqlite: the disk is full; free some room"):
        ledger.finish(claim.token, "error", "x" * 1_000_000)
    assert state(ledger, "a").state == "running"


def test_a_read_only_ledger_is_told_as_such(ledger):
    ledger.database.execute("PRAGMA query_only = 1")
    with pytest.raises(RunError, match=r"cannot be written \(attempt to write a readonly"):
        ledger.claim(HERE)


def test_a_directory_that_cannot_be_made_is_told_as_such(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(RunError, match=r"cannot be written .*choose an --out"):
        Ledger(tmp_path / "file" / "out")


def test_what_is_no_ledger_is_told_as_such(tmp_path):
    (tmp_path / "ledger.sqlite").write_text("not a database, by far " * 100, encoding="utf-8")
    with pytest.raises(RunError, match=r"not a ledger, or a broken one .*; delete it and run"):
        Ledger(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [("attempt = 'many'", "attempt of run a is 'many'"), ("owner_pid = 'x'", "owner_pid of run a")],
)
def test_a_ledger_with_text_for_numbers_is_told_as_such(tmp_path, change, says):
    with Ledger(tmp_path) as ledger:
        with ledger.transaction():
            ledger.enlist("abc")
        ledger.database.execute(f"UPDATE runs SET {change} WHERE run_id = 'a'")
    with pytest.raises(RunError, match=rf"a broken one \({says}.*; delete it and run"):
        Ledger(tmp_path)
