"""An environment is made once, and installed into where something changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import environment
import pytest
from environment import main, make_environment


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []

    def create(folder: Path, *, clear: bool, system_site_packages: bool, **_) -> None:
        made.append("create")
        if clear and folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        choice = str(system_site_packages).lower()
        (folder / "pyvenv.cfg").write_text(
            f"include-system-site-packages = {choice}\n"
            f"version = {environment.platform.python_version()}\n"
        )
        environment._site_packages(folder).mkdir(parents=True)

    def run(command: list[str], **_) -> None:
        made.append(" ".join(command[command.index("--disable-pip-version-check") + 1 :]))
        if "broken" in command:
            raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(environment.venv, "create", create)
    monkeypatch.setattr(environment.subprocess, "run", run)
    return made


def test_once(tmp_path: Path, calls: list[str]) -> None:
    folder = tmp_path / "made"
    assert make_environment(folder, [["a", "b"], ["-e", "."]], system=False)
    assert calls == ["create", "a b", "-e ."]
    assert not make_environment(folder, [["a", "b"], ["-e", "."]], system=False)
    assert make_environment(folder, [["a", "c"]], system=False)
    assert calls[3:] == ["a c"]
    assert make_environment(folder, [["a", "c"]], system=True)
    assert calls[4:] == ["create", "a c"]


def test_a_failed_installation_is_tried_again(tmp_path: Path, calls: list[str], capsys) -> None:
    words = [str(tmp_path / "made"), "--", "broken"]
    assert main(words) == main(words) == 1
    assert calls == ["create", "broken", "broken"]
    assert "pip install ended with exit status 1" in capsys.readouterr().err


def test_the_command_line(tmp_path: Path, calls: list[str], capsys) -> None:
    folder = str(tmp_path / "made")
    assert main([folder, "--system-site-packages", "--", "a", "--then", "-e", "."]) == 0
    assert calls == ["create", "a", "-e ."]
    assert "= true" in (tmp_path / "made" / "pyvenv.cfg").read_text()
    assert main([folder]) == 2
    assert "--then" in capsys.readouterr().err


def test_a_python_without_ensurepip(tmp_path: Path) -> None:
    """A process of its own, whose pip installs into the environment: nothing, from nowhere."""
    script = (
        "import importlib.util, pathlib, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'ensurepip' else find(name)\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from environment import make_environment\n"
        "words = ['--no-index', '--no-deps', '-r', sys.argv[3]]\n"
        "make_environment(pathlib.Path(sys.argv[2]), [words], system=False)\n"
    )
    (tmp_path / "empty.txt").write_text("")
    benchmarks, folder = Path(environment.__file__).parent, tmp_path / "made"
    command = [sys.executable, "-c", script, str(benchmarks), str(folder), tmp_path / "empty.txt"]
    subprocess.run(command, check=True)
    assert (folder / environment.MARK).is_file()
    assert not list(folder.rglob("site-packages/pip"))


def test_packages_of_the_virtual_environment_that_makes_it_are_seen(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment.sys, "prefix", "/its/own")
    monkeypatch.setattr(environment.site, "getsitepackages", lambda: ["/its/own/packages"])
    make_environment(tmp_path / "made", [], system=True)
    (path,) = (tmp_path / "made").rglob("*.pth")
    assert path.read_text() == "/its/own/packages\n"
    make_environment(tmp_path / "other", [], system=False)
    assert not list((tmp_path / "other").rglob("*.pth"))
