"""Cores that other processes take, from the system's counters."""

import pytest

from seqzoo.train import machine_load
from seqzoo.train.machine_load import MachineLoad, is_shared


def stat(path, user, idle):
    path.write_text(f"cpu  {user} 0 0 {idle} 7 0 0 0 99 99\ncpu0 1 2 3 4\n")


def test_the_work_of_others_is_all_work_but_the_own(tmp_path, monkeypatch):
    file = tmp_path / "stat"
    clock = {"time": 100.0, "own": 3.0}
    monkeypatch.setattr(machine_load, "STAT", file)
    monkeypatch.setattr(machine_load.os, "sysconf", lambda name: 100)
    monkeypatch.setattr(machine_load.os, "times", lambda: (clock["own"], 0.0, 0.0, 0.0, 0.0))
    monkeypatch.setattr(machine_load.time, "monotonic", lambda: clock["time"])
    stat(file, 1_000, 5_000)
    load = MachineLoad()
    assert load.others() is None  # too soon to tell
    stat(file, 3_500, 7_000)  # 25 s of work, in 10 s on the clock
    clock.update(time=110.0, own=12.0)  # of which 9 are its own
    assert load.others() == pytest.approx(1.6)


def test_a_system_that_does_not_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(machine_load, "STAT", tmp_path / "none")
    assert MachineLoad().others() is None


@pytest.mark.parametrize(
    ("others", "threads", "cores", "shared"),
    [
        (None, 1, 2, False),
        (0.5, 1, None, False),
        (1.0, 1, 2, False),  # a core each
        (1.4, 1, 2, True),
        (0.5, 2, 2, True),
        (0.1, 2, 2, False),  # what a system does by itself
        (0.1, 8, 2, False),  # more threads than cores are its own doing
    ],
)
def test_a_machine_is_shared_if_the_cores_do_not_suffice(others, threads, cores, shared):
    assert is_shared(others, threads, cores) is shared
