import errno
import pickle
from pathlib import Path

import pytest

from seqzoo import load_registry
from seqzoo.errors import Problem, RunError, SpecError
from seqzoo.grid.run.job import Busy, Finished, Job, Progress
from seqzoo.grid.run.worker import RunJob
from seqzoo.spec.document import parse_document
from seqzoo.spec.run import RunSpec
from seqzoo.train.directory import RunDirectory

RUN = """
model: {width: 16, layers: 1, mixer: attention}
task: {type: parity, length: 8}
train: {steps: 4, batch_size: 4, log_every: 1, evaluate: {every: 2, sequences: 4}}
"""


@pytest.fixture(scope="module")
def spec():
    return parse_document(RUN, "run.yaml").validate(RunSpec, load_registry())


@pytest.fixture
def job(spec, tmp_path):
    return Job(spec.run_id, "claim", spec.resolved(), tmp_path / "run", "label", 1)


def work(job, train=None):
    news = []
    (RunJob(train) if train else RunJob())(job, news.append)
    return news


def failing(failure):
    def train(spec, directory, watch):
        raise failure

    return train


def test_a_run_is_trained_and_told_of(job):
    *progress, finished = work(job)
    assert all(isinstance(news, Progress) for news in progress)
    assert progress[0].step == 0
    assert [news.step for news in progress if news.metric_name == "accuracy"] == [2, 4]
    assert finished.error is None
    assert finished.summary.startswith("accuracy 0.")
    assert finished.summary.endswith(" at step 4")
    assert (job.directory / "record.json").exists()
    again = work(job)
    assert again == [finished], "a finished run is not trained again"


def test_a_run_that_another_process_trains_is_busy_and_has_not_failed(job, spec):
    with RunDirectory(job.directory, spec):
        assert work(job) == [Busy(job)]
    assert work(job)[-1].error is None


def test_the_spec_that_trains_is_the_one_that_was_planned(job, spec):
    seen = []

    def train(given, directory, watch):
        seen.append((given, directory))
        raise RunError("enough")

    work(job, train)
    assert seen == [(spec, job.directory)]


def test_whatever_fails_ends_as_one_finished_with_its_traceback(job):
    for failure, error in (
        (ValueError("bad\nluck"), "ValueError('bad\\nluck')"),
        (SpecError([Problem("", "", "a size"), Problem("", "", "another")]), "a size"),
        (SystemExit(3), "SystemExit(3)"),
    ):
        (finished,) = work(job, failing(failure))
        assert finished.error == error
        assert type(failure).__name__ in finished.traceback
        assert not finished.no_room


def test_a_full_disk_is_seen_through_what_it_caused(job):
    def train(spec, directory, watch):
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as failure:
            raise RunError("cannot write") from failure

    (finished,) = work(job, train)
    assert finished.no_room
    assert finished.error == "cannot write"


def test_a_plan_of_other_versions_is_refused(job):
    unknown = {**job.spec, "task": {**job.spec["task"], "novel": 1}}
    (finished,) = work(Job(job.run_id, "c", unknown, job.directory, "label", 1))
    assert "the plan's spec does not fit the installed parts" in finished.error
    assert "novel" in finished.error
    changed = {**job.spec, "seed": 5}
    (finished,) = work(Job(job.run_id, "c", changed, job.directory, "label", 1))
    assert f"spec of run {job.run_id} is now that of run" in finished.error


def test_work_and_news_pickle(job):
    assert isinstance(pickle.loads(pickle.dumps(RunJob())), RunJob)
    news = Finished(job, error="x")
    assert pickle.loads(pickle.dumps(news)) == news
    assert isinstance(news.job.directory, Path)
