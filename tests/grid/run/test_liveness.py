import os
import subprocess
import sys

from seqzoo.grid.run.liveness import process_is_alive


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
