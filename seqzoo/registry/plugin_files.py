"""Plugins without a distribution: a plain Python file, or classes of the running session.

seqzoo train run.yaml --plugin my_layer.py

seqzoo.registry.add(MyMixer)
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from seqzoo.errors import PluginError
from seqzoo.registry.faults import fault_of
from seqzoo.registry.registry import Entry, Origin, Registry
from seqzoo.spec import Part, Preset

__all__ = ["VARIABLE", "add", "added", "file_origin", "load_file", "named_files", "parts_of"]

VARIABLE = "SEQZOO_PLUGINS"  # paths of files as in PATH; processes that a command starts inherit it
SESSION = Origin("session", "session", "0")

Target = TypeVar("Target", type[Part], Preset)

_added: dict[tuple[str, str], Entry] = {}


def add(target: Target) -> Target:
    """Add a part class or a preset to every registry that this process loads from now on.

    Adding a name again replaces the earlier one, as when a notebook's cell is rerun. Worker
    processes of a grid do not see it: put the class into a file and pass that as `--plugin`.

    Returns:
        The class or preset, so that `add` can stand above a class as a decorator.

    Raises:
        PluginError: not a complete part.
    """
    registry = Registry()
    registry.add(target, SESSION)
    (entry,) = registry
    _added[entry.family, entry.name] = entry
    return target


def added() -> Iterator[Entry]:
    """The parts and presets passed to `add`."""
    yield from _added.values()


def named_files() -> tuple[Path, ...]:
    """The files that `--plugin` or the environment variable SEQZOO_PLUGINS names."""
    names = os.environ.get(VARIABLE, "").split(os.pathsep)
    return tuple(dict.fromkeys(Path(name).resolve() for name in names if name))


def file_origin(path: Path) -> Origin:
    """The file's name, with a hash of its content as the version."""
    try:
        content = path.read_bytes() if path.is_file() else None
    except OSError as failure:
        raise PluginError(f"--plugin {path}: cannot be read: {failure.strerror}") from None
    if content is None:
        kind = "is no file" if path.exists() else "there is no such file"
        raise PluginError(f"--plugin {path}: {kind}; give the path of a Python file")
    return Origin(path.stem, path.name, f"sha256:{hashlib.sha256(content).hexdigest()[:12]}")


def load_file(path: Path) -> ModuleType:
    """The module of a plugin's file, loaded once while its content stays the same.

    Raises:
        PluginError: it cannot be read, or fails when it runs: with the file and the line.
    """
    origin = file_origin(path)
    name = f"seqzoo_plugin_file_{origin.plugin}_{origin.version[-12:]}"
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise PluginError(f"--plugin {path}: not a Python file; its name ends in .py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses and pickles look for it there
    try:
        specification.loader.exec_module(module)
    except (Exception, SystemExit) as failure:
        del sys.modules[name]
        raise PluginError(f"--plugin {path} cannot be loaded: {fault_of(failure)}") from failure
    return module


def parts_of(module: ModuleType) -> list[type[Part]]:
    """The parts that a module itself defines, in order."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Part)
        and value.__module__ == module.__name__
        and "name" in vars(value)
    ]
