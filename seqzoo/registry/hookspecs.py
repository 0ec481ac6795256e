"""The hooks of a plugin, on one page.

A plugin is a module named by an entry point in group `seqzoo`, or a file given by `--plugin`. It
implements one or both of these hooks:

    from seqzoo import hookimpl

    @hookimpl
    def register_parts(register):
        register(MyAnchor)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pluggy

from seqzoo.spec import Part, Preset

__all__ = ["PROJECT", "hookimpl", "hookspec"]

PROJECT = "seqzoo"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """Register part classes of any family: mixers, anchors, forgets, scans, tasks, loggers, ..."""


@hookspec
def register_presets(register: Callable[[Preset | Path], None]) -> None:
    """Register presets: a `Preset`, the path of a preset's YAML file, or a folder of them."""
