"""The commands by name, each imported on first use: `seqzoo --help` imports none."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

__all__ = ["COMMANDS", "CommandGroup", "settings"]

# A module of this folder, with a `command` or an `app`, and the first line of its help.
COMMANDS = {
    "parts": "List every part and preset that specs can name.",
    "check": "Validate run and grid files: every problem, at file:line:column.",
    "schema": "Print the JSON Schema of run or grid files, covering all installed parts.",
    "describe": "Print a model's parameters, state, FLOPs a token, and its recurrence in words.",
    "train": "Train one run; the same command again resumes it from its last checkpoint.",
    "generate": "Continue prompts with a trained run. A single prompt streams; of several, the "
    "first does.",
    "grid": "Do all runs of a grid and print the table; the same command again resumes.",
    "report": "Report on a grid or a run: means over seeds, differences from the base, costs, "
    "figures.",
    "runs": "List the runs of a directory, or show how two runs differ.",
    "probe": "Measure a trained run: rank, spectrum, growth of errors, and what plugins add.",
    "bench": "Measure mixers by length: time, peak memory, tokens a second, in training, prefill, "
    "decode.",
    "kernels": "Compile every kernel ahead of time: registers, spills, shared memory, matrix "
    "instructions.",
    "doctor": "Check the installation, and each kernel against the reference on this machine's "
    "GPU.",
    "tasks": "List the tasks, or show an example of one.",
    "plugin": "Start a plugin, or run the conformance kit over an installed one.",
}

Value = TypeVar("Value")


def settings() -> dict[str, Any]:
    """The settings shared by all typer applications of the command line."""
    return {
        "add_completion": False,
        "pretty_exceptions_enable": False,
        "rich_markup_mode": "markdown",  # paragraphs flow to the terminal's width
        "context_settings": {"help_option_names": ["-h", "--help"]},
    }


def _add_plugin_files(files: Sequence[Path] | None) -> None:
    """Add the files to every registry loaded from now on, in child processes too."""
    if files:
        from seqzoo.errors import PluginError
        from seqzoo.registry.plugin_files import VARIABLE, file_origin

        for file in files:
            file_origin(file)
            if os.pathsep in str(file.resolve()):
                raise PluginError(
                    f"--plugin {file}: its full path, {file.resolve()}, has a '{os.pathsep}', "
                    f"which separates the paths in {VARIABLE}; move or rename it"
                )
        known = os.environ.get(VARIABLE)
        named = [*(known.split(os.pathsep) if known else ()), *map(str, map(Path.resolve, files))]
        os.environ[VARIABLE] = os.pathsep.join(named)


def _with_plugin_option(
    _files: Annotated[
        list[Path] | None,
        typer.Option(
            "--plugin",
            metavar="FILE.py",
            is_eager=True,
            callback=_add_plugin_files,
            help="Load parts from a Python file too; may be repeated.",
        ),
    ] = None,
) -> None:
    """Add the option `--plugin` to every command."""


def _command_of(function: Any, name: str) -> Any:
    single = typer.Typer(**settings())
    single.command(name)(function)
    return typer.main.get_command(single)


def _take_plugin_option(command: Any) -> None:
    inner = getattr(command, "commands", None)
    if inner is not None:
        for each in inner.values():
            _take_plugin_option(each)
        if not command.invoke_without_command:
            return
    (option,) = (
        each
        for each in _command_of(_with_plugin_option, "option").params
        if "--plugin" in each.opts
    )
    option.expose_value = False
    command.params.append(option)


class CommandGroup(TyperGroup):
    """A group whose commands are imported on first use."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._is_listing = False
        self._loaded: dict[str, Any] = {}
        for name, help_text in COMMANDS.items():

            def stand_in() -> None: ...

            stand_in.__doc__ = help_text
            self.commands[name] = _command_of(stand_in, name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """List the commands with the first lines of their help."""
        self._is_listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._is_listing = False

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command with its full first line."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the command."""
        if self._is_listing or cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        if cmd_name not in self._loaded:
            module = importlib.import_module(f"seqzoo.cli.{cmd_name}")
            is_group = hasattr(module, "app")
            command = (
                typer.main.get_command(module.app)
                if is_group
                else _command_of(module.command, cmd_name)
            )
            command.name = cmd_name
            _take_plugin_option(command)
            self._loaded[cmd_name] = command
        return self._loaded[cmd_name]
