"""The Optuna sampler: a tree-structured Parzen estimator over the results so far.

The study is kept in `optuna.sqlite` in the grid's directory, for Optuna's own tools. It is derived
from the grid's plan and records: if deleted, it is written again.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqzoo.errors import RunError, SpecError
from seqzoo.escape import sqlite_url
from seqzoo.grid.tune.samplers import Sampler, Study, Trial
from seqzoo.grid.tune.space import Range

__all__ = ["OptunaSampler"]

STUDY_FILE = "optuna.sqlite"
STARTUP = 10  # trials at random at most, before the estimator has anything to go by


class OptunaSampler(Sampler):
    """Optuna's TPE, updated with every finished trial; needs the extra `optuna`."""

    name = "optuna"

    def __init__(self, spec: Sampler.Spec) -> None:
        super().__init__(spec)
        try:
            self._optuna = importlib.import_module("optuna")
        except ImportError:
            raise SpecError(
                "sampler 'optuna' needs Optuna; install it with pip install 'seqzoo[optuna]'"
            ) from None
        self._optuna.logging.set_verbosity(self._optuna.logging.WARNING)

    def propose(self, study: Study, directory: Path) -> Mapping[str, Any]:
        """Optuna's next proposal; one that never became a trial is proposed again.

        Raises:
            RunError: the study's file cannot be read or written.
        """
        number = len(study.trials)
        with self._opened(directory / STUDY_FILE) as storage:
            kept = self._optuna.create_study(
                storage=storage,
                study_name=study.name,
                direction="maximize" if study.higher_is_better else "minimize",
                sampler=self._estimator(study, number),
                load_if_exists=True,
            )
            known = kept.get_trials(deepcopy=False)
            if any(
                dict(theirs.params) != _encoded(study, ours)
                for theirs, ours in zip(known, study.trials, strict=False)
            ):
                raise RunError(
                    f"{directory / STUDY_FILE}: holds other trials of '{study.name}' than the "
                    "grid's plan; delete it, and it is written again"
                )
            for trial in study.trials:
                self._tell(kept, study, trial, known[trial.number : trial.number + 1])
            if len(known) > number:
                return _decoded(study, known[number].params)
            asked = kept.ask(self._distributions(study))
            return _decoded(study, asked.params)

    def _estimator(self, study: Study, number: int) -> Any:
        """A sampler whose random numbers depend only on the study and the trial's number."""
        digest = hashlib.sha256(f"{study.name} {number}".encode()).digest()
        return self._optuna.samplers.TPESampler(
            seed=int.from_bytes(digest[:4], "big"),
            n_startup_trials=min(STARTUP, max(1, self.spec.trials // 2)),
        )

    def _tell(self, kept: Any, study: Study, trial: Trial, known: list[Any]) -> None:
        states = self._optuna.trial.TrialState
        if not known:
            ended = {"done": states.COMPLETE, "failed": states.FAIL, "open": states.RUNNING}
            kept.add_trial(
                self._optuna.trial.create_trial(
                    state=ended[trial.state],
                    params=_encoded(study, trial),
                    distributions=self._distributions(study),
                    value=trial.metric,
                )
            )
        elif not known[0].state.is_finished() and trial.state != "open":
            state = states.COMPLETE if trial.state == "done" else states.FAIL
            kept.tell(trial.number, trial.metric, state=state)

    def _distributions(self, study: Study) -> dict[str, Any]:
        kinds = self._optuna.distributions
        return {
            path: (
                (kinds.IntDistribution if each.is_whole else kinds.FloatDistribution)(
                    each.low, each.high, log=each.log
                )
                if isinstance(each, Range)
                else kinds.CategoricalDistribution([_key(value) for value in each])
            )
            for path, each in study.space.items()
        }

    @contextmanager
    def _opened(self, path: Path) -> Iterator[Any]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of features that Optuna calls experimental
                storage = self._optuna.storages.RDBStorage(sqlite_url(path))
                try:
                    yield storage
                finally:
                    storage.engine.dispose()
        except (
            self._optuna.exceptions.StorageInternalError,
            importlib.import_module("sqlalchemy.exc").SQLAlchemyError,
        ) as failure:
            what = str(failure).partition("\n")[0]
            raise RunError(
                f"{path}: {what}; free some room, or delete the file: it is written again"
            ) from None


def _key(value: Any) -> Any:
    """A choice as Optuna stores it: plain values as they are, others as JSON."""
    return value if isinstance(value, str | int | float | None) else json.dumps(value)


def _encoded(study: Study, trial: Trial) -> dict[str, Any]:
    return {
        path: value if isinstance(study.space[path], Range) else _key(value)
        for path, value in trial.values.items()
    }


def _decoded(study: Study, params: Mapping[str, Any]) -> dict[str, Any]:
    values = {}
    for path, each in study.space.items():
        given = params[path]
        if not isinstance(each, Range):
            given = next(value for value in each if _key(value) == given)
        values[path] = given
    return values
