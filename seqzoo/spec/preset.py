"""A preset: a named spec of one family, with short names for commonly changed settings.

In YAML a preset stands where a part's name stands: `mixer: prism`, or with changes,
`mixer: {type: prism, depth: 1, anchor: identity}`. A change is either one of the preset's options
(`depth`, which stands for `injection.depth`) or a key of the spec below it. A mapping is merged
into the preset's mapping unless its `type` is another part; anything else replaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Expansion:
    """A slot's mapping on its way from the written form to the settings of a part.

    Attributes:
        name: the part or preset it names now.
        settings: everything else.
        through: the presets it came through, outermost first.
        options: short names of those presets -> where they lead.
        moved: path in `settings` -> the option it was written as.
    """

    name: str
    settings: dict[str, Any]
    through: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    moved: Mapping[tuple[str, ...], str] = field(default_factory=dict)

    @classmethod
    def start(cls, value: Mapping[str, Any]) -> Expansion:
        """Start from what was written: a mapping with a `type`."""
        settings = {key: entry for key, entry in value.items() if key != "type"}
        return cls(name=value["type"], settings=settings)

    def expand(self, preset: Preset) -> Expansion:
        """One step: the preset's spec, with the settings so far laid over it."""
        paths = {option: tuple(path.split(".")) for option, path in preset.options.items()}
        plain = {key: entry for key, entry in self.settings.items() if key not in paths}
        settings: dict[str, Any] = merged(
            {key: entry for key, entry in preset.spec.items() if key != "type"}, plain
        )
        moved = dict(self.moved)
        for key, path in paths.items():
            if key in self.settings:
                settings = merged(settings, _nested(path, self.settings[key]))
                moved[path] = moved.pop((key,), key)
        return Expansion(
            name=preset.spec["type"],
            settings=settings,
            through=(*self.through, self.name),
            options={**paths, **self.options},
            moved=moved,
        )

    def written_at(self, location: Location) -> Location:
        """Where the value at this location of the settings is in the written mapping."""
        for path, option in self.moved.items():
            if location[: len(path)] == path:
                return (option, *location[len(path) :])
        return location
