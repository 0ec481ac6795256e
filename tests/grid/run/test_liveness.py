import os
import signal
import subprocess
import sys
from dataclasses import replace

from seqzoo.grid.run.liveness import is_alive, is_stopped, process_is_alive, this_process


def test_alive_dead_and_unreaped():
    assert process_is_alive(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert process_is_alive(child.pid)
    child.communicate(b"\n")
    assert not process_is_alive(child.pid)


def test_a_process_that_nobody_has_reaped_is_dead():
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not process_is_alive(child.pid)
    child.wait()


def test_an_owner_is_told_from_processes_of_other_boots_and_births():
    me = this_process()
    assert is_alive(me)
    assert is_alive(replace(me, host="renamed"))
    assert is_alive(replace(me, born="1")) is False
    assert is_alive(replace(me, system="another boot")) is None
    assert is_alive(replace(me, system="")) is None


def test_a_stopped_process_is_there_and_known_to_be_stopped():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = replace(this_process(), pid=child.pid, born="")
    assert not is_stopped(owner)
    os.kill(child.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
    assert is_stopped(owner)
    assert is_alive(owner)
    os.kill(child.pid, signal.SIGCONT)
    child.communicate(b"\n")
    assert is_alive(owner) is False
