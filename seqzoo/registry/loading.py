"""Fill a registry: built-in modules, then each installed plugin on its own, then plugin files."""

from __future__ import annotations

import importlib
import importlib.metadata
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from seqzoo.errors import PluginError, did_you_mean
from seqzoo.registry import builtin, hookspecs
from seqzoo.registry.faults import fault_of, place_of
from seqzoo.registry.plugin_files import added, file_origin, load_file, named_files, parts_of
from seqzoo.registry.presets import read_presets
from seqzoo.registry.registry import BUILTIN, BrokenPlugin, Origin, Registry
from seqzoo.spec import Part, Preset

__all__ = ["GROUP", "load_plugin", "load_registry", "plugin_versions"]

GROUP = "seqzoo"
HOOKS = ("register_parts", "register_presets")


def load_registry(
    entry_points: Iterable[importlib.metadata.EntryPoint] | None = None,
) -> Registry:
    """A registry of the built-in parts and those of every plugin.

    A plugin that cannot be imported, misspells a hook or takes a name that is already taken is set
    aside in `Registry.broken`.

    Args:
        entry_points: the plugins; None means all installed ones in group `seqzoo`, the files that
            `--plugin` names, and what `seqzoo.registry.add` was given.

    Raises:
        PluginError: a file that `--plugin` names cannot be loaded.
    """
    registry = Registry()
    core = importlib.metadata.version("seqzoo")
    for module in builtin.MODULES:
        load_plugin(registry, importlib.import_module(module), Origin(BUILTIN, "seqzoo", core))
    installed = importlib.metadata.entry_points(group=GROUP)
    for entry_point in sorted(
        installed if entry_points is None else entry_points, key=lambda point: point.name
    ):
        origin = _origin(entry_point)
        try:
            load_plugin(registry, entry_point.load(), origin)
        except (Exception, SystemExit) as failure:  # a plugin may fail in any way, but alone
            registry.set_aside(BrokenPlugin(origin, fault_of(failure), traceback.format_exc()))
    if entry_points is None:
        for path in named_files():
            _load_file(registry, path)
        for entry in added():
            registry.add(entry.target, entry.origin)
    return registry


def plugin_versions() -> dict[str, str]:
    """Distribution -> version, for everything that `load_registry()` loads besides the
    built-ins."""
    installed = [
        _origin(point) for point in importlib.metadata.entry_points(group=GROUP) if point.dist
    ]
    origins = [*installed, *map(file_origin, named_files()), *(each.origin for each in added())]
    return {origin.distribution: origin.version for origin in origins}


def load_plugin(registry: Registry, plugin: ModuleType | Any, origin: Origin) -> None:
    """Run one plugin's hooks on the registry.

    Raises:
        PluginError: a misspelt hook, a name that is taken, something that is not a part.
        Exception: whatever the plugin's own code raises.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name=origin.plugin)
    marked = {caller.name: caller.has_spec() for caller in manager.get_hookcallers(plugin) or []}
    for name, is_known in marked.items():
        if not is_known:
            place = place_of(getattr(plugin, name))
            raise PluginError(f"{place}there is no hook '{name}'; {did_you_mean(name, HOOKS)}")
    for name in HOOKS:
        if name not in marked and callable(getattr(plugin, name, None)):
            raise PluginError(
                f"{place_of(getattr(plugin, name))}{name} is not marked as a hook; put "
                "@seqzoo.hookimpl above it"
            )

    def register_part(part: type[Part]) -> None:
        registry.add(part, origin)

    def register_preset(preset: Preset | Path) -> None:
        for each in [preset] if isinstance(preset, Preset) else read_presets(preset):
            registry.add(each, origin)

    manager.hook.register_parts(register=register_part)
    manager.hook.register_presets(register=register_preset)


def _origin(entry_point: importlib.metadata.EntryPoint) -> Origin:
    distribution = entry_point.dist
    return Origin(
        plugin=entry_point.name,
        distribution=distribution.name if distribution else entry_point.value,
        version=distribution.version if distribution else "0",
    )


def _load_file(registry: Registry, path: Path) -> None:
    """Run a file's hooks, or register the parts it defines if it has none.

    Raises:
        PluginError: the user asked for this file, so its failure is no other plugin's matter.
    """
    module, origin = load_file(path), file_origin(path)
    try:
        if any(hasattr(module, name) for name in HOOKS):
            load_plugin(registry, module, origin)
            return
        parts = parts_of(module)
        if not parts:
            raise PluginError("it defines no part: no class below Mixer, Anchor, ... has a name")
        for part in parts:
            registry.add(part, origin)
    except (Exception, SystemExit) as failure:
        fault = str(failure) if isinstance(failure, PluginError) else fault_of(failure)
        raise PluginError(f"--plugin {path}: {fault}") from failure
