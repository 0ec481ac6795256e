"""Logger `mlflow`: a run's settings and curves in MLflow, a database file or a server.

`mlflow.json` in the run's directory names its MLflow run, so that a stopped run resumes in the same
one. Rows that MLflow already has are not sent again.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from rich.console import Console

from seqzoo.errors import RunError, SpecError
from seqzoo.escape import sqlite_url
from seqzoo.files import read_regular, write_whole
from seqzoo.spec import PartSpec
from seqzoo.spec.run import RunSpec
from seqzoo.train.facts import Facts
from seqzoo.train.loggers.logger import Logger
from seqzoo.train.loggers.named_numbers import named_numbers
from seqzoo.train.record import Record

__all__ = ["MlflowLogger"]

POINTER = "mlflow.json"
PATIENCE_S = 10.0  # for a server's first answer; MLflow itself would try for minutes
LARGEST_BATCH = 100  # parameters that MLflow takes at a time
LONGEST_NAME, LONGEST_VALUE = 250, 6000  # characters that MLflow takes


class MlflowLogger(Logger):
    """Settings and curves in MLflow: its SQLite file, or a server by `uri`; extra `mlflow`."""

    name = "mlflow"

    class Spec(PartSpec):
        """Settings of `mlflow`.

        Attributes:
            uri: `http://host:5000` or `sqlite:///file.db`; null means MLFLOW_TRACKING_URI, or if
                that is unset the file mlflow.db in the working directory, MLflow's own default.
            experiment: the experiment of the run; made if there is none.
        """

        uri: str | None = None
        experiment: str = "seqzoo"

    spec: Spec

    def __init__(self, spec: Spec, console: Console | None = None) -> None:
        super().__init__(spec, console)
        try:
            self._mlflow = importlib.import_module("mlflow")
            if not self._uri().startswith("http"):
                importlib.import_module("sqlalchemy")  # mlflow-skinny comes without
        except ImportError:
            raise SpecError(
                "logger 'mlflow' needs MLflow; install it with pip install 'seqzoo[mlflow]', "
                "or leave it out of train.loggers"
            ) from None
        self._client: Any = None
        self._run = ""
        self._has: dict[str, int] = {}
        self._status: str | None = None

    def started(self, spec: RunSpec, facts: Facts) -> None:
        """Resumes the MLflow run that mlflow.json names, or starts one with the settings.

        Raises:
            RunError: the server does not answer, or knows no such run.
        """
        uri, pointer = self._uri(), facts.directory / POINTER
        before = _pointed(pointer)
        if self.spec.uri is None and before:
            uri = before["uri"]
        _reach(uri)
        self._client = self._mlflow.MlflowClient(tracking_uri=uri)
        if before and before["uri"] == uri:
            self._go_on(before["run"], pointer, facts)
        else:
            self._begin(spec, facts)
            write_whole(pointer, json.dumps({"uri": uri, "run": self._run}) + "\n")
        self._status = "KILLED"  # unless `finished` is told

    def _begin(self, spec: RunSpec, facts: Facts) -> None:
        experiment = self._client.get_experiment_by_name(self.spec.experiment)
        if experiment is None:
            number = self._client.create_experiment(self.spec.experiment)
        else:
            number = experiment.experiment_id
        tags = {"seqzoo.run_id": facts.run_id, "seqzoo.metric": facts.metric.name}
        name = _cut(f"{spec.name or facts.run_id} seed {spec.seed}", LONGEST_NAME)
        self._run = self._client.create_run(number, tags=tags, run_name=name).info.run_id
        facts_too = {"parameters": facts.parameters, "state_size": facts.state_size}
        params = [
            self._mlflow.entities.Param(_allowed(path), _cut(str(value), LONGEST_VALUE))
            for path, value in {**dict(_leaves(spec.resolved())), **facts_too}.items()
        ]
        for first in range(0, len(params), LARGEST_BATCH):
            self._client.log_batch(self._run, params=params[first : first + LARGEST_BATCH])

    def _go_on(self, run: str, pointer: Path, facts: Facts) -> None:
        try:
            self._client.update_run(run, status="RUNNING")
        except self._mlflow.exceptions.MlflowException as failure:
            raise RunError(
                f"{pointer} names an MLflow run that cannot be continued: {failure}; delete the "
                "file to start a new one"
            ) from None
        self._run = run
        for kind, name in (("train", "loss"), ("evaluation", facts.metric.name)):
            history = self._client.get_metric_history(run, _allowed(f"{kind}/{name}"))
            self._has[kind] = max((point.step for point in history), default=0)

    def logged(self, row: dict[str, Any]) -> None:
        """Sends the row's numbers, in one request."""
        if row["step"] <= self._has.get(row["kind"], 0):
            return
        now = int(time.time() * 1000)
        points = [
            self._mlflow.entities.Metric(_allowed(name), value, now, row["step"])
            for name, value in named_numbers(row).items()
        ]
        self._client.log_batch(self._run, metrics=points)

    def evaluated(self, row: dict[str, Any]) -> None:
        """Sends the row's numbers, in one request."""
        self.logged(row)

    def finished(self, record: Record) -> None:
        """Marks the MLflow run as finished, or as failed if the run diverged."""
        self._status = "FINISHED" if record.status == "done" else "FAILED"

    def close(self) -> None:
        """Ends the MLflow run; one that was stopped is `KILLED` until it resumes."""
        if self._status is not None:
            self._client.set_terminated(self._run, status=self._status)

    def _uri(self) -> str:
        """The tracking URI; a file by its absolute path, so that it is found from any folder."""
        uri = self.spec.uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
        kind, found, file = uri.partition("sqlite:///")
        return sqlite_url(Path(unquote(file))) if found and not kind and file else uri


def _pointed(pointer: Path) -> dict[str, str] | None:
    """The URI and the run that a run's directory names.

    Raises:
        RunError: the file is damaged.
    """
    if not pointer.exists():
        return None
    try:
        found = json.loads(read_regular(pointer))
        return {"uri": str(found["uri"]), "run": str(found["run"])}
    except (OSError, ValueError, KeyError, TypeError):
        raise RunError(f"{pointer} cannot be read; delete it to start a new MLflow run") from None


def _reach(uri: str) -> None:
    """Check that a server answers.

    Raises:
        RunError: it does not.
    """
    if not uri.startswith(("http://", "https://")):
        return
    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=PATIENCE_S).close()
    except urllib.error.HTTPError as answer:
        answer.close()  # it answers, if with a refusal: MLflow has credentials of its own to give
    except (OSError, ValueError) as failure:
        raise RunError(
            f"logger 'mlflow': no server answers at {uri} ({getattr(failure, 'reason', failure)}); "
            "start it with `mlflow server`, fix `uri` or MLFLOW_TRACKING_URI, or leave mlflow out "
            "of train.loggers"
        ) from None


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The settings of a resolved spec, each by its dotted path."""
    if isinstance(value, Mapping):
        items: Any = value.items()
    elif isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        items = enumerate(value)
    else:
        yield path, value
        return
    for key, inner in items:
        yield from _leaves(inner, f"{path}.{key}" if path else str(key))


def _allowed(name: str) -> str:
    """A name in the characters that MLflow accepts; `hr@10` becomes `hr_at_10`."""
    return _cut(re.sub(r"[^\w\-. /]", "_", name.replace("@", "_at_")), LONGEST_NAME)


def _cut(text: str, most: int) -> str:
    """A text cut to the length that MLflow accepts; spec.yaml has it in full."""
    return text if len(text) <= most else f"{text[: most - 3]}..."
