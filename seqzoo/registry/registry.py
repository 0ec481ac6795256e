"""The registry: name -> part or preset, with the distribution it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from seqzoo.errors import PluginError, SpecError, did_you_mean
from seqzoo.spec import Part, PartSpec, Preset, SpecModel, resolve
from seqzoo.spec.document import Document
from seqzoo.spec.explain import problems_of
from seqzoo.spec.part import NAME_PATTERN

__all__ = ["BrokenPlugin", "Entry", "Origin", "Registry"]

Model = TypeVar("Model", bound=SpecModel)
BUILTIN = "builtin"  # the plugin's name of what seqzoo itself registers


@dataclass(frozen=True)
class Origin:
    """Where a part comes from: plugin (entry point), distribution and its version."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class Entry:
    """One registered name."""

    family: str
    name: str
    target: type[Part] | Preset
    origin: Origin

    @property
    def doc(self) -> str:
        """One sentence: the first line of the part's docstring, or the preset's `doc`."""
        return self.target.doc if isinstance(self.target, Preset) else self.target.summary()


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that was set aside, and why."""

    origin: Origin
    error: str
    traceback: str

    def __str__(self) -> str:
        return f"plugin '{self.origin.plugin}' ({self.origin}) could not be loaded: {self.error}"


class Registry:
    """Names of parts and presets by family. Implements `seqzoo.spec.Catalog`.

    Tests and libraries make their own; `seqzoo.load_registry()` makes the usual one.
    """

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}
        self._broken: list[BrokenPlugin] = []
        self._clashes: dict[tuple[str, str], str] = {}

    def add(self, target: type[Part] | Preset, origin: Origin) -> None:
        """Register one part class or preset.

        A name that two plugins claim belongs to neither: a spec that uses it is an error.

        Raises:
            PluginError: not a complete part; or the family has this name already.
        """
        if isinstance(target, type):
            if issubclass(target, Part) and target.family and not target.name:
                raise PluginError(
                    f"{target.__module__}.{target.__qualname__} has no name; give the class one, "
                    f'such as name = "my_{target.family}"'
                )
            if not (issubclass(target, Part) and target.name and target.family):
                raise PluginError(
                    f"{target.__module__}.{target.__qualname__} is not a part; subclass a family "
                    "such as seqzoo.operators.Anchor and give it a name"
                )
        elif not isinstance(target, Preset):
            raise PluginError(f"register takes a class or a Preset, not {target!r}")
        elif not NAME_PATTERN.fullmatch(target.name):
            raise PluginError(
                f"preset name '{target.name}' must be lower case words joined by '_' or '-'"
            )
        entry = Entry(target.family, target.name, target, origin)
        other = self._entries.get((entry.family, entry.name))
        if other is not None:
            clash = (
                f"two parts named {entry.family} '{entry.name}': one from {other.origin} "
                f"(plugin '{other.origin.plugin}'), one from {origin} (plugin '{origin.plugin}')"
            )
            if other.origin.plugin != BUILTIN:
                self._clashes[entry.family, entry.name] = clash
            raise PluginError(f"{clash}; uninstall one of the two, or have one part renamed")
        self._entries[entry.family, entry.name] = entry

    def set_aside(self, broken: BrokenPlugin) -> None:
        """Record a plugin that cannot be used, and drop what it registered before it failed."""
        self._broken.append(broken)
        self._entries = {
            key: entry for key, entry in self._entries.items() if entry.origin != broken.origin
        }

    @property
    def broken(self) -> tuple[BrokenPlugin, ...]:
        """Plugins that were set aside."""
        return tuple(self._broken)

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self._entries.values(), key=lambda entry: (entry.family, entry.name)))

    def families(self) -> tuple[str, ...]:
        """Families that have at least one name."""
        return tuple(sorted({family for family, _ in self._entries}))

    def names(self, family: str) -> tuple[str, ...]:
        """All names of a family, parts and presets."""
        return tuple(sorted(name for kind, name in self._entries if kind == family))

    def get(self, family: str, name: str) -> Entry | None:
        """The entry, or None."""
        return self._entries.get((family, name))

    def part(self, family: str, name: str) -> type[Part] | None:
        """The part class of this name, or None.

        Raises:
            PydanticCustomError: there is none, and a broken plugin may have had it; or two plugins
                have it.
        """
        if clash := self._clashes.get((family, name)):
            hint = "uninstall one of the two, or have one part renamed"
            raise PydanticCustomError("unknown_part", "{clash}", {"clash": clash, "hint": hint})
        entry = self.get(family, name)
        if entry is None and self._broken:
            raise PydanticCustomError(
                "unknown_part",
                "unknown {family} '{name}', and {broken}",
                {
                    "family": family,
                    "name": name,
                    "broken": "; ".join(map(str, self._broken)),
                    "hint": f"{did_you_mean(name, self.names(family))}; if it is that plugin's, "
                    "repair or uninstall the plugin",
                },
            )
        return entry.target if entry is not None and isinstance(entry.target, type) else None

    def preset(self, family: str, name: str) -> Preset | None:
        """The preset of this name, or None; None too where two plugins have it."""
        entry = None if (family, name) in self._clashes else self.get(family, name)
        return entry.target if entry is not None and isinstance(entry.target, Preset) else None

    def validate(self, model: type[Model], value: Any) -> Model:
        """A mapping made in Python as a document's spec, such as RunSpec or ModelSpec.

        Raises:
            SpecError: with every problem found.
        """
        try:
            return model.model_validate(value, context={"catalog": self})
        except ValidationError as failure:
            raise SpecError(problems_of(failure, Document.of(value))) from None

    def spec(self, family: str, value: Any) -> PartSpec:
        """The validated spec of a part from a name, a mapping with `type`, or a PartSpec.

        Raises:
            SpecError: with every problem found.
        """
        try:
            return resolve(family, value, self)
        except ValidationError as failure:
            raise SpecError(problems_of(failure, Document.of(value))) from None
        except PydanticCustomError as failure:
            hint = (failure.context or {}).get("hint", "")
            message = failure.message()
            raise SpecError(f"{message}; {hint}" if hint else message) from None
