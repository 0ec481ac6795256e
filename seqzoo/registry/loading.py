"""Fill a registry: the built-in modules, then every installed entry point, one at a time."""

from __future__ import annotations

import importlib
import importlib.metadata
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from seqzoo.errors import PluginError, did_you_mean
from seqzoo.registry import builtin, hookspecs
from seqzoo.registry.presets import read_presets
from seqzoo.registry.registry import BrokenPlugin, NameClashError, Origin, Registry
from seqzoo.spec import Part, Preset

__all__ = ["GROUP", "load_plugin", "load_registry"]

GROUP = "seqzoo"
HOOKS = ("register_parts", "register_scans", "register_tasks", "register_presets")


class MisspeltHookError(PluginError):
    """A plugin implements a hook that does not exist."""


def load_registry(
    entry_points: Iterable[importlib.metadata.EntryPoint] | None = None,
) -> Registry:
    """A registry of the built-in parts and those of every installed plugin.

    Args:
        entry_points: the plugins; None means all installed ones in group `seqzoo`.

    Raises:
        PluginError: two distributions register one name, or a hook's name is misspelt. A plugin
            that is broken otherwise is set aside in `Registry.broken`.
    """
    registry = Registry()
    core = importlib.metadata.version("seqzoo")
    for module in builtin.MODULES:
        load_plugin(registry, importlib.import_module(module), Origin("builtin", "seqzoo", core))
    if entry_points is None:
        entry_points = importlib.metadata.entry_points(group=GROUP)
    for entry_point in sorted(entry_points, key=lambda point: point.name):
        distribution = entry_point.dist
        origin = Origin(
            plugin=entry_point.name,
            distribution=distribution.name if distribution else entry_point.value,
            version=distribution.version if distribution else "0",
        )
        try:
            load_plugin(registry, entry_point.load(), origin)
        except (NameClashError, MisspeltHookError):
            raise
        except (Exception, SystemExit) as failure:  # a plugin may fail in any way, but alone
            error = " ".join(f"{type(failure).__name__}: {failure}".split())
            registry.set_aside(BrokenPlugin(origin, error, traceback.format_exc()))
    return registry


def load_plugin(registry: Registry, plugin: ModuleType | Any, origin: Origin) -> None:
    """Run one plugin's hooks on the registry.

    Raises:
        PluginError: a misspelt hook, a name that is taken, a part that is none.
        Exception: whatever the plugin's own code raises.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name=origin.plugin)
    for caller in manager.get_hookcallers(plugin) or []:
        if not caller.has_spec():
            raise MisspeltHookError(
                f"plugin '{origin.plugin}' ({origin}) implements a hook '{caller.name}' that does "
                f"not exist; {did_you_mean(caller.name, HOOKS)} (all hooks: "
                "seqzoo/registry/hookspecs.py)"
            )
    _refuse_unmarked(plugin, manager, origin)
    hook = manager.hook
    hook.register_parts(register=_accept(registry, origin, "register_parts"))
    hook.register_scans(register=_accept(registry, origin, "register_scans", family="scan"))
    hook.register_tasks(register=_accept(registry, origin, "register_tasks", family="task"))

    def register_preset(preset: Preset | Path) -> None:
        for each in [preset] if isinstance(preset, Preset) else read_presets(preset):
            registry.add(each, origin)

    hook.register_presets(register=register_preset)


def _refuse_unmarked(plugin: Any, manager: pluggy.PluginManager, origin: Origin) -> None:
    """A function with a hook's name and no mark does nothing, silently: say so instead."""
    marked = {caller.name for caller in manager.get_hookcallers(plugin) or []}
    for name in HOOKS:
        if name not in marked and callable(getattr(plugin, name, None)):
            raise PluginError(
                f"{origin}: {name} is not marked as a hook; put @seqzoo.hookimpl above it"
            )


def _accept(
    registry: Registry, origin: Origin, hook: str, family: str | None = None
) -> Callable[[type[Part]], None]:
    def register(part: type[Part]) -> None:
        if family is not None and getattr(part, "family", None) != family:
            raise PluginError(
                f"{origin}: {hook} takes parts of family '{family}', not {part!r}; "
                "use register_parts for other families"
            )
        registry.add(part, origin)

    return register
