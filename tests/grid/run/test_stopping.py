import os
import signal
import threading

from seqzoo.grid.run.stopping import stop_requests


def test_ctrl_c_and_sigterm_are_counted_and_then_given_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_requests() as requests:
        assert requests.count == 0
        os.kill(os.getpid(), signal.SIGINT)
        assert requests.count == 1
        os.kill(os.getpid(), signal.SIGTERM)
        assert requests.count == 3
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_in_another_thread_signals_are_left_alone():
    seen = []

    def run():
        with stop_requests() as requests:
            seen.append(requests.count)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [0]
