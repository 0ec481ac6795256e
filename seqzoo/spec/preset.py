"""A preset: a named spec of one family, with short names for commonly changed settings.

In YAML a preset stands where a part's name stands: `mixer: prism`, or with changes,
`mixer: {type: prism, depth: 1, anchor: identity}`. A change is either one of the preset's options
(`depth`, which stands for `injection.depth`) or a key of the spec below it, not both for one
setting. A mapping is merged into the preset's mapping unless its `type` is another part; anything
else replaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

__all__ = ["Expansion", "Preset", "merged"]

Location = tuple[int | str, ...]


@dataclass(frozen=True)
class Preset:
    """A named spec.

    Attributes:
        name: how a spec asks for it.
        spec: the mapping it stands for; `type` names a part or another preset.
        family: the family of part it is.
        doc: one sentence for listings.
        options: short name -> dotted path in `spec`.
    """

    name: str
    spec: Mapping[str, Any]
    family: str = "mixer"
    doc: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


def merged(base: Any, change: Any) -> Any:
    """`change` laid over `base`: mappings of the same part are merged, all else replaced."""
    if not isinstance(change, Mapping):
        return change
    if isinstance(base, str) and "type" not in change:
        base = {"type": base}
    if not isinstance(base, Mapping):
        return dict(change)
    if "type" in change and change["type"] != base.get("type"):
        return dict(change)
    result = dict(base)
    for key, value in change.items():
        result[key] = merged(base[key], value) if key in base else value
    return result


def _nested(path: tuple[str, ...], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _holds(settings: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """Whether something is set at this path or below it."""
    value: Any = settings
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return False
        value = value[key]
    return True


@dataclass(frozen=True)
class Expansion:
    """A slot's mapping on its way from the written form to the settings of a part.

    Attributes:
        name: the part or preset it names now.
        layers: everything else, each layer to be laid over those before it: what was written is
            the last, the specs of presets are below it.
        through: the presets it came through, outermost first.
        options: short names of those presets -> where they lead.
        moved: path in the written layer -> the option it was written as.
        twice: location in the written mapping -> the option beside it that leads there too.
    """

    name: str
    layers: tuple[Mapping[str, Any], ...]
    through: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    moved: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    twice: Mapping[Location, str] = field(default_factory=dict)

    @classmethod
    def start(cls, value: Mapping[str, Any]) -> Expansion:
        """Start from what was written: a mapping with a `type`."""
        return cls(name=value["type"], layers=(_without_type(value),))

    @property
    def settings(self) -> dict[str, Any]:
        """The layers as one."""
        return reduce(merged, self.layers, {})

    def expand(self, preset: Preset) -> Expansion:
        """One step: the preset's spec, with the settings so far laid over it."""
        paths = {option: tuple(path.split(".")) for option, path in preset.options.items()}
        written = self.layers[-1]
        moved, twice = dict(self.moved), dict(self.twice)
        for key, path in paths.items():
            if key in written:
                option = moved.pop((key,), key)
                if _holds(written, path):
                    twice[self.written_at(path)] = option
                moved[path] = option
        return Expansion(
            name=preset.spec["type"],
            layers=(_without_type(preset.spec), *(_led(layer, paths) for layer in self.layers)),
            through=(*self.through, self.name),
            options={**paths, **self.options},
            moved=moved,
            twice=twice,
        )

    def written_at(self, location: Location) -> Location:
        """Where the value at this location of the settings is in the written mapping."""
        for path, option in self.moved.items():
            if location[: len(path)] == path:
                return (option, *location[len(path) :])
        return location


def _without_type(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key != "type"}


def _led(layer: Mapping[str, Any], paths: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """A layer with its options put where they lead."""
    settings: dict[str, Any] = {key: value for key, value in layer.items() if key not in paths}
    for key, path in paths.items():
        if key in layer:
            settings = merged(settings, _nested(path, layer[key]))
    return settings
