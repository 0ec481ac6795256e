"""The application: its commands, and the message and exit status of each kind of error.

Exit 0: done. 1: a run failed, or the output could not be written. 2: the input is wrong. 130:
interrupted. An error that is not one of `seqzoo.errors` is a defect of the program and keeps its
traceback.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from seqzoo.cli.commands import CommandGroup, settings
from seqzoo.errors import DirectoryError, RunError, SeqzooError, SpecError

__all__ = ["app", "main"]

PATHS = ("--out", "--output", "--figures", "--figure", "--plugin", "--prompts")  # options
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # of a disk or device

app = typer.Typer(
    name="seqzoo",
    help="Sequence layers composed in YAML, ablated in grids.",
    cls=CommandGroup,
    no_args_is_help=True,
    **{**settings(), "rich_markup_mode": None},  # rich's help takes longer than all the rest
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"seqzoo {version('seqzoo')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Sequence layers composed in YAML, ablated in grids."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status. `arguments` None means the command line's."""
    _escape_what_streams_cannot_hold()
    status = 0
    named = os.environ.get("SEQZOO_PLUGINS")
    try:
        _refuse_empty_paths(sys.argv[1:] if arguments is None else arguments)
        app(args=None if arguments is None else list(arguments), prog_name="seqzoo")
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except SeqzooError as failure:
        status = print_error(failure)
    except KeyboardInterrupt:
        status = 130
    except OSError as failure:
        if failure.filename is not None or failure.errno not in FULL:
            raise
        status = _print_lost_output(failure)
    finally:  # what `--plugin` named was for this command
        os.environ.pop("SEQZOO_PLUGINS", None)
        os.environ.update({} if named is None else {"SEQZOO_PLUGINS": named})
    try:
        if sys.stdout is not None:  # it was closed before the command began, as by >&-
            sys.stdout.flush()
    except BrokenPipeError:  # the reader left, as `| head` does
        _send_output_nowhere()
    except OSError as failure:
        _send_output_nowhere()
        status = _print_lost_output(failure)
    return status


def _print_lost_output(failure: OSError) -> int:
    """Print to stderr that a full disk or device took no output; returns the exit status."""
    print(f"the output could not be written: {failure.strerror}", file=sys.stderr)
    return 1


def _send_output_nowhere() -> None:
    """What is still to be printed would fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _refuse_empty_paths(arguments: Sequence[str]) -> None:
    """Refuse an empty path, which the system reads as the current folder and nobody means to give.

    Raises:
        SpecError: an option that names a file or folder is given "".
    """
    for place, option in enumerate(arguments):
        name, equals, joined = option.partition("=")
        value = joined if equals else next(iter(arguments[place + 1 :]), None)
        if name in PATHS and value == "":
            raise SpecError(
                f"{name} is empty, perhaps from an unset shell variable; "
                f"name a path, such as {name} runs"
            )


def _escape_what_streams_cannot_hold() -> None:
    """Print a character that an output's encoding lacks as an escape code, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def print_error(failure: SeqzooError) -> int:
    """Print an error to stderr; returns its exit status."""
    print(failure, file=sys.stderr)
    if isinstance(failure, SpecError) and len(failure.problems) > 1:
        print(f"{len(failure.problems)} problems", file=sys.stderr)
    failed = isinstance(failure, RunError) and not isinstance(failure, DirectoryError)
    return 1 if failed else 2
