"""A pytest plugin that skips the tests that passed in an earlier call.

    pytest -p passed_tests --passed FILE TESTS

Each test that passes is added to FILE at once, so that a stopped run resumes. A change of the code
does not empty the file; remove it to run all tests again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: Any) -> None:
    """--passed."""
    parser.addoption("--passed", type=Path, metavar="FILE", help="leave out the tests named there")


def pytest_collection_modifyitems(config: Any, items: list[pytest.Item]) -> None:
    """Leaves out what FILE names."""
    passed = _passed(config)
    left_out = [item for item in items if item.nodeid in passed]
    if left_out:
        items[:] = [item for item in items if item.nodeid not in passed]
        config.hook.pytest_deselected(items=left_out)


def pytest_configure(config: Any) -> None:
    """The process that reports writes FILE; those that xdist starts only run."""
    path = config.getoption("--passed")
    if path is not None and not hasattr(config, "workerinput"):
        path.parent.mkdir(parents=True, exist_ok=True)
        config.pluginmanager.register(_Writer(path))


def pytest_sessionfinish(session: Any, exitstatus: int) -> None:
    """A session in which all had passed before is a success."""
    none_left = exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
    if none_left and _passed(session.config):
        session.exitstatus = pytest.ExitCode.OK


class _Writer:
    """Appends each test that passed to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test counts once its call has passed, or once it has skipped itself."""
        if (report.when == "call" and report.passed) or report.skipped:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(report.nodeid + "\n")


def _passed(config: Any) -> frozenset[str]:
    path = config.getoption("--passed")
    if path is None or not path.is_file():
        return frozenset()
    return frozenset(path.read_text(encoding="utf-8").splitlines())
