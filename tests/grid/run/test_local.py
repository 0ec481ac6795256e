"""Worker processes. A process takes seconds to start, so one executor serves several tests."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from seqzoo.errors import RunError, SpecError
from seqzoo.grid.run.job import Finished, Lost, Progress, Started
from seqzoo.grid.run.liveness import process_is_alive
from seqzoo.grid.run.local import LocalExecutor, gpu_names, num_cores, threads_each

DEEDS = """
import os, signal, time
import torch
from seqzoo.grid.run.job import Finished, Progress

def work(job, send):
    send(Progress(job, step=1))
    match job.spec["do"]:
        case "tell": send(Finished(job, summary=f"{os.getpid()} {torch.get_num_threads()}"))
        case "print":
            print("from Python", flush=True)
            os.write(2, b"from below")
            send(Finished(job))
        case "gpu": send(Finished(job, summary=os.environ.get("CUDA_VISIBLE_DEVICES", "none")))
        case "hear": send(Finished(job, summary=str(signal.getsignal(signal.SIGINT))))
        case "die": os.kill(os.getpid(), signal.SIGKILL)
        case "exit": os._exit(3)
        case "sleep": time.sleep(600)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deeds")
    (folder / "grid_test_deeds.py").write_text(DEEDS, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def deeds(folder):
    """A function that a worker process finds, as it gets the path of this one."""
    sys.path.insert(0, str(folder))
    yield importlib.import_module("grid_test_deeds").work
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def executor(deeds):
    executor = LocalExecutor(LocalExecutor.Spec(workers=1))
    executor.start(deeds)
    yield executor
    executor.close()


def hear(executor, until, seconds=60):
    heard = []
    end = time.monotonic() + seconds
    while not any(isinstance(news, until) for news in heard):
        assert time.monotonic() < end, heard
        heard += executor.news(0.5)
    return heard


def test_threads_are_what_the_user_asked_for_or_an_even_share(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3,1")
    assert threads_each(1) == threads_each(50) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert threads_each(1) == num_cores()
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert threads_each(10_000) == 1


def test_one_process_does_many_runs_with_its_share_of_threads(
    executor, make_job, tmp_path, monkeypatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert executor.free() == 1
    summaries = []
    for name in ("a", "b"):
        job = make_job(name, tmp_path / name, do="tell")
        executor.submit(job)
        assert executor.free() == 0
        started, progress, finished = hear(executor, Finished)
        assert isinstance(started, Started)
        assert progress == Progress(job, step=1)
        assert finished.job == job
        assert finished.summary == f"{started.pid} {num_cores()}"
        summaries.append(finished.summary)
    assert summaries[0] == summaries[1]
    assert executor.free() == 1


def test_what_a_run_prints_lands_beside_it(executor, make_job, tmp_path, capfd):
    executor.submit(make_job("a", tmp_path / "a", do="print"))
    hear(executor, Finished)
    output = (tmp_path / "a" / "output.txt").read_text(encoding="utf-8")
    assert output == "from Python\nfrom below"
    assert capfd.readouterr() == ("", "")


def test_a_worker_does_not_hear_ctrl_c(executor, make_job, tmp_path):
    executor.submit(make_job("a", tmp_path, do="hear"))
    assert hear(executor, Finished)[-1].summary == "1", "SIG_IGN"


def test_a_dead_worker_is_told_and_replaced(executor, make_job, tmp_path):
    for deed, how in (("die", "ended by SIGKILL (out of memory?)"), ("exit", "exit code 3")):
        job = make_job(deed, tmp_path, do=deed)
        executor.submit(job)
        lost = hear(executor, Lost)[-1]
        assert lost.job == job
        assert how in lost.how
        assert executor.free() == 1


def test_a_job_is_stopped_in_the_middle(executor, make_job, tmp_path):
    job = make_job("a", tmp_path, do="sleep")
    executor.submit(job)
    pid = hear(executor, Progress)[0].pid
    executor.stop(job)
    assert not process_is_alive(pid)
    assert executor.free() == 1
    assert executor.news(0.0) == ()


def test_cores_are_the_default_number_of_workers(deeds):
    executor = LocalExecutor(LocalExecutor.Spec())
    executor.start(deeds)
    assert executor.free() == num_cores() >= 1
    executor.close()


def test_gpus_are_named_as_cuda_names_them(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    assert gpu_names() == ("0", "1", "2")
    assert gpu_names(2) == ("0", "1")
    assert gpu_names(0) == ()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, GPU-77, 1")
    assert gpu_names() == ("5", "GPU-77", "1")
    assert gpu_names(2) == ("5", "GPU-77")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,-1,0")
    assert gpu_names() == ("2",)


@pytest.mark.parametrize("visible", ["-1", ""])
def test_gpus_may_be_hidden_and_then_cannot_be_asked_for(visible, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_names() == gpu_names(0) == ()
    told = rf"gpus: 1, and this process sees 0 \(CUDA_VISIBLE_DEVICES={visible}\); leave gpus out"
    with pytest.raises(SpecError, match=told):
        LocalExecutor(LocalExecutor.Spec(gpus=1))


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="no real-time signals here")
def test_a_worker_ended_by_a_signal_without_a_name_is_lost_like_any(deeds, make_job, tmp_path):
    executor = LocalExecutor(LocalExecutor.Spec(workers=1))
    executor.start(deeds)
    executor.submit(make_job("a", tmp_path / "a", do="sleep"))
    started = hear(executor, Progress)[0]
    number = signal.SIGRTMIN + 6
    os.kill(started.pid, number)
    lost = hear(executor, Lost)[-1]
    executor.close()
    assert isinstance(lost, Lost)
    assert lost.how == f"its worker was ended by signal {int(number)}"


def test_each_worker_has_a_gpu_of_its_own(deeds, make_job, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    executor = LocalExecutor(LocalExecutor.Spec(gpus=2))
    executor.start(deeds)
    assert executor.free() == 2
    for name in ("a", "b"):
        executor.submit(make_job(name, tmp_path / name, do="gpu"))
    found = []
    while len(found) < 2:
        found += [news.summary for news in hear(executor, Finished) if isinstance(news, Finished)]
    executor.close()
    assert sorted(found) == ["0", "1"]


def test_workers_do_not_outlive_a_killed_grid(folder, tmp_path):
    script = textwrap.dedent(
        """
        import pathlib, sys
        if __name__ == "__main__":
            sys.path.insert(0, sys.argv[1])
            from grid_test_deeds import work
            from seqzoo.grid.run.job import Job, Started
            from seqzoo.grid.run.local import LocalExecutor
            executor = LocalExecutor(LocalExecutor.Spec(workers=1))
            executor.start(work)
            executor.submit(Job("a", "c", {"do": "sleep"}, pathlib.Path(sys.argv[2]), "a", 1))
            while True:
                for news in executor.news(1.0):
                    if isinstance(news, Started):
                        print(news.pid, flush=True)
        """
    )
    path = tmp_path / "grid.py"
    path.write_text(script, encoding="utf-8")
    grid = subprocess.Popen(
        [sys.executable, str(path), str(folder), str(tmp_path)], stdout=subprocess.PIPE
    )
    assert grid.stdout is not None
    pid = int(grid.stdout.readline())
    assert process_is_alive(pid)
    grid.kill()
    grid.communicate()
    end = time.monotonic() + 30
    while process_is_alive(pid):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_worker_that_runs_the_script_again_starts_no_grid(monkeypatch):
    monkeypatch.setattr(multiprocessing.current_process(), "_name", "seqzoo-worker")
    with pytest.raises(RunError, match="below if __name__ == '__main__':"):
        LocalExecutor(LocalExecutor.Spec(workers=1)).start(lambda job, send: None)
