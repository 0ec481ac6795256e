"""Logger `mlflow` with MLflow's own SQLite store, and with a server where there is one."""

import importlib
import importlib.metadata
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqzoo.errors import RunError, SpecError
from seqzoo.spec.run import RunSpec
from seqzoo.train import Watch, train
from seqzoo.train.loggers.mlflow import MlflowLogger
from seqzoo.train.metrics_log import read_rows

# MLflow's store still calls what newer versions of sqlalchemy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

WITHOUT = "neither mlflow nor mlflow-skinny is installed"
SETTINGS = {"steps": 8, "log_every": 1, "checkpoint": {"every": 4}}


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store: MLflow takes seconds to make one."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    mlflow = pytest.importorskip("mlflow", reason=WITHOUT)
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.MlflowClient(tracking_uri=f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def mlflow(database: Path, tmp_path: Path) -> Any:
    shutil.copy(database, tmp_path)
    shutil.copy(database, tmp_path / "server.db")
    return importlib.import_module("mlflow")


def spec_of(make_spec, **logger: Any) -> RunSpec:
    loggers = [{"type": "mlflow", **logger}, "jsonl"]
    return make_spec({**SETTINGS, "loggers": loggers}, name="curves")


class KilledError(Exception):
    pass


class Kill(Watch):
    """Ends the run after six of its steps: two more than are in the last checkpoint."""

    def logged(self, row: dict[str, Any]) -> None:
        if row["step"] == 6:
            raise KilledError


def runs_in(mlflow: Any, uri: str, experiment: str = "seqzoo") -> list[Any]:
    client = mlflow.MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id]))


def history(mlflow: Any, uri: str, run: Any, name: str) -> list[tuple[int, float]]:
    points = mlflow.MlflowClient(tracking_uri=uri).get_metric_history(run.info.run_id, name)
    return sorted((point.step, point.value) for point in points)


def wanted(directory: Path, kind: str, name: str) -> list[tuple[int, float]]:
    rows = read_rows(directory / "metrics.jsonl")
    return [(row["step"], row[name]) for row in rows if row["kind"] == kind]


def check_a_run_that_is_killed_and_goes_on(mlflow: Any, uri: str, spec: RunSpec) -> None:
    directory = Path("out").absolute()
    with pytest.raises(KilledError):
        train(spec, directory, watch=Kill())
    (run,) = runs_in(mlflow, uri)
    assert run.info.status == "KILLED"
    assert [step for step, _ in history(mlflow, uri, run, "train/loss")] == [1, 2, 3, 4, 5, 6]
    train(spec, directory)
    (run,) = runs_in(mlflow, uri)
    assert run.info.status == "FINISHED"
    for kind, name in (("train", "loss"), ("train", "lr"), ("evaluation", "accuracy")):
        points = wanted(directory, kind, name)
        assert history(mlflow, uri, run, f"{kind}/{name}") == points, name
    assert run.data.params["train.steps"] == "8"
    assert run.data.params["task.type"] == "parity"
    assert run.data.tags["seqzoo.run_id"] == spec.run_id
    assert run.info.run_name == "curves seed 0"


def test_the_default_is_a_database_in_the_working_directory(
    mlflow: Any, make_spec, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    check_a_run_that_is_killed_and_goes_on(mlflow, uri, spec_of(make_spec))
    assert json.loads((tmp_path / "out" / "mlflow.json").read_text())["uri"] == uri


def test_a_run_goes_on_in_its_database_from_another_folder(
    mlflow: Any, make_spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(make_spec)
    with pytest.raises(KilledError):
        train(spec, tmp_path / "out", watch=Kill())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    train(spec, tmp_path / "out")
    (run,) = runs_in(mlflow, f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert run.info.status == "FINISHED"
    assert not (tmp_path / "elsewhere" / "mlflow.db").exists()


def test_names_that_mlflow_refuses_are_changed(mlflow: Any, make_spec, tmp_path: Path) -> None:
    task = {"type": "state_tracking", "group": "Z2", "length": 4, "test_lengths": [8]}
    train_spec = {**SETTINGS, "loggers": [{"type": "mlflow", "experiment": "groups"}, "jsonl"]}
    layers = {"width": 8, "layers": [{"repeat": 2, "mixer": "attention"}]}
    train(make_spec(train_spec, task, model=layers), tmp_path / "out")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    (run,) = runs_in(mlflow, uri, "groups")
    points = wanted(tmp_path / "out", "evaluation", "accuracy@8")
    assert history(mlflow, uri, run, "evaluation/accuracy_at_8") == points
    assert run.data.params["model.layers.0.repeat"] == "2"
    assert run.data.params["task.test_lengths"] == "[8]"


def test_values_and_names_longer_than_mlflow_takes_are_cut(
    mlflow: Any, make_spec, tmp_path: Path
) -> None:
    loggers = [{"type": "mlflow"}]
    spec = make_spec({"steps": 2, "loggers": loggers}, name="word " * 2000)
    assert train(spec, tmp_path / "out").status == "done"
    pointer = json.loads((tmp_path / "out" / "mlflow.json").read_text())
    run = mlflow.MlflowClient(tracking_uri=pointer["uri"]).get_run(pointer["run"])
    assert run.data.params["name"] == ("word " * 2000)[:5997] + "..."
    assert len(run.info.run_name) == 250


def test_a_run_that_mlflow_lost_is_told_with_the_next_step(
    mlflow: Any, make_spec, tmp_path: Path
) -> None:
    spec = spec_of(make_spec)
    with pytest.raises(KilledError):
        train(spec, tmp_path / "out", watch=Kill())
    pointer = tmp_path / "out" / "mlflow.json"
    pointer.write_text(json.dumps({**json.loads(pointer.read_text()), "run": "lost"}))
    with pytest.raises(RunError, match=r"mlflow.json names an MLflow run that cannot be continued"):
        train(spec, tmp_path / "out")
    pointer.write_text("{")
    with pytest.raises(RunError, match=r"mlflow.json cannot be read; delete it"):
        train(spec, tmp_path / "out")
    pointer.unlink()
    assert train(spec, tmp_path / "out").status == "done"


def test_a_server_that_is_not_there_is_an_error_at_once(mlflow: Any, make_spec) -> None:
    spec = spec_of(make_spec, uri=f"http://127.0.0.1:{free_port()}")
    began = time.monotonic()
    with pytest.raises(RunError, match=r"no server answers at http://127.0.0.1:\d+ \(.*refused"):
        train(spec, Path("out"))
    assert time.monotonic() - began < 60  # MLflow alone tries for four minutes


def test_without_the_library_it_says_how_to_get_it(
    make_spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(SpecError, match=r"needs MLflow; .*pip install 'seqzoo\[mlflow\]'"):
        train(spec_of(make_spec), Path("out"))
    assert not Path("out/spec.yaml").exists()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def server(mlflow: Any, tmp_path: Path) -> Iterator[str]:
    if not any(importlib.metadata.distributions(name="mlflow")):
        pytest.skip("the full mlflow, too heavy for CI, holds the server; mlflow-skinny does not")
    uri = f"http://127.0.0.1:{free_port()}"
    store = ["--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}"]
    command = [sys.executable, "-m", "mlflow", "server", "--port", uri.rpartition(":")[2], *store]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--workers", "1"],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{uri}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.25)
        yield uri
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def test_a_server_by_its_url(mlflow: Any, make_spec, server: str) -> None:
    check_a_run_that_is_killed_and_goes_on(mlflow, server, spec_of(make_spec, uri=server))
    beside = mlflow.MlflowClient(tracking_uri=f"sqlite:///{Path('mlflow.db').absolute()}")
    assert beside.get_experiment_by_name("seqzoo") is None


@pytest.mark.parametrize("written", ["sqlite:///a%3Fb%23c/run.db", "sqlite:///{}/a%3Fb%23c/run.db"])
def test_a_path_keeps_its_question_marks_and_hashes(written: str, tmp_path: Path) -> None:
    """As SQLAlchemy reads a URL, which would take what follows a `?` for options."""
    pytest.importorskip("mlflow", reason=WITHOUT)
    make_url = pytest.importorskip("sqlalchemy", reason="sqlalchemy is missing").make_url
    spec = MlflowLogger.Spec(uri=written.format(tmp_path))
    uri = MlflowLogger(spec)._uri()
    assert uri == f"sqlite:///{tmp_path}/a%3Fb%23c/run.db"
    assert make_url(uri).query == {}
