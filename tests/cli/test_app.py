"""Exit codes and what is printed where; run in a process of its own where pipes matter."""

from __future__ import annotations

import errno
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqzoo.cli import main
from seqzoo.cli.commands import COMMANDS
from seqzoo.errors import PluginError, Problem, RunError, SpecError
from seqzoo.train.record import write_record


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> Callable[[], int]:
    """`seqzoo parts`, made to raise this."""

    def load() -> None:
        raise error

    monkeypatch.setattr("seqzoo.cli.parts.load_registry", load)
    return lambda: main(["parts"])


@pytest.mark.parametrize(
    ("error", "status", "printed"),
    [
        (SpecError("bad"), 2, "bad\n"),
        (SpecError([Problem("f:1:2", "a.b", "bad", "mend it")]), 2, "f:1:2 a.b: bad; mend it\n"),
        (SpecError([Problem("f", "", "x"), Problem("g", "", "y")]), 2, "f: x\ng: y\n2 problems\n"),
        (PluginError("two of a kind"), 2, "two of a kind\n"),
        (RunError("diverged"), 1, "diverged\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_are_printed_plainly_to_stderr(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    printed: str,
) -> None:
    assert failing(monkeypatch, error)() == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err == printed


def test_a_defect_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        failing(monkeypatch, ZeroDivisionError())()


@pytest.mark.parametrize(
    ("arguments", "status", "printed"),
    [
        (["--version"], 0, "seqzoo "),
        (["--help"], 0, "Sequence layers composed in YAML"),
        (["-h"], 0, "parts"),
        (["check", "--help"], 0, "Validate run and grid files"),
        ([], 2, "Usage: seqzoo"),
        (["chek"], 2, "No such command 'chek'. Did you mean"),
        (["check"], 2, "Missing argument"),
        (["check", "--jsn"], 2, "No such option: --jsn"),
        (["schema", "rum"], 2, "rum"),
    ],
)
def test_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, printed: str
) -> None:
    assert main(arguments) == status
    out, err = capsys.readouterr()
    assert printed in out + err


def test_every_command_says_what_it_does() -> None:
    for name, first_line in COMMANDS.items():
        module = importlib.import_module(f"seqzoo.cli.{name}")
        command = getattr(module, "command", None) or module.app.registered_callback.callback
        assert (command.__doc__ or "").strip().splitlines()[0] == first_line, name


def test_a_reader_that_leaves_is_no_error() -> None:
    run = [sys.executable, "-c", "from seqzoo.cli import main; raise SystemExit(main())"]
    with subprocess.Popen(
        [*run, "schema", "grid"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", [["parts"], ["parts", "prism", "--json"], ["schema", "grid"]])
def test_output_that_finds_no_room_is_told_in_a_line(command: list[str]) -> None:
    run = [sys.executable, "-c", "from seqzoo.cli import main; raise SystemExit(main())"]
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([*run, *command], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    told = done.stderr.decode().splitlines()
    assert told == [f"the output could not be written: {os.strerror(errno.ENOSPC)}"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_signs_that_an_output_cannot_hold_are_printed_as_codes(encoding: str) -> None:
    code = "import sys; from seqzoo.cli import main; sys.exit(main(['check', '± — 日.yaml']))"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 2
    told = ended.stderr.decode(encoding)
    assert "Traceback" not in told
    assert ("日" if encoding == "utf-8" else r"\u65e5") in told


def test_a_report_is_printed_whatever_the_encoding(tmp_path, make_record) -> None:
    write_record(tmp_path / "record.json", make_record("run0", 0.5))
    code = "import sys; from seqzoo.cli import main; sys.exit(main(sys.argv[1:]))"
    ended = subprocess.run(
        [sys.executable, "-c", code, "report", str(tmp_path), "--format", "markdown"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()


@pytest.mark.parametrize("words", [["--out", ""], ["--out="], ["--plugin", ""]])
def test_an_empty_path_is_not_the_current_folder(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(["train", "run.yaml", *words]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"{words[0].rstrip('=')} is empty, perhaps from an unset shell variable")
