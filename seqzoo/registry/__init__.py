"""The registry of parts, and where each comes from."""

from seqzoo.registry.hookspecs import hookimpl as hookimpl
from seqzoo.registry.loading import load_plugin as load_plugin
from seqzoo.registry.loading import load_registry as load_registry
from seqzoo.registry.loading import plugin_versions as plugin_versions
from seqzoo.registry.plugin_files import add as add
from seqzoo.registry.registry import BrokenPlugin as BrokenPlugin
from seqzoo.registry.registry import Entry as Entry
from seqzoo.registry.registry import Origin as Origin
from seqzoo.registry.registry import Registry as Registry

__all__ = [
    "BrokenPlugin",
    "Entry",
    "Origin",
    "Registry",
    "add",
    "hookimpl",
    "load_plugin",
    "load_registry",
    "plugin_versions",
]
