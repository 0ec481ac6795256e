"""The page of a part or preset: its text, and every key with type, default and meaning."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from seqzoo.errors import SpecError, did_you_mean
from seqzoo.registry.registry import Entry, Registry
from seqzoo.spec import Part, PartSpec, Preset, SpecModel
from seqzoo.spec.fields import Field, fields_of
from seqzoo.spec.pattern import FAMILY as LAYERS
from seqzoo.spec.write import as_yaml

__all__ = ["Explained", "entries_named", "explain"]

GROUP = "repeat, mixer and mlp, laid over the preset's; null leaves the group out"


@dataclass(frozen=True)
class Explained:
    """A part or preset.

    Attributes:
        family, name, plugin, version: as `seqzoo parts` lists them.
        doc: the whole docstring, equation and source; a preset's sentence.
        file: where the class is defined; "" for a preset made in Python.
        keys: of the part; for a preset its options, then the keys of the part it is based on. A
            key's `since` is told once that version of the distribution is out.
        spec: what a preset stands for, as written; None for a part.
    """

    family: str
    name: str
    plugin: str
    version: str
    doc: str
    file: str
    keys: tuple[Field, ...]
    spec: dict[str, Any] | None = None


def entries_named(registry: Registry, name: str) -> list[Entry]:
    """The entries called `NAME`, or the one called `FAMILY/NAME`.

    Raises:
        SpecError: there is none.
    """
    family, slash, last = name.rpartition("/")
    found = [each for each in registry if each.name == last and family in ("", each.family)]
    if found:
        return found
    if slash and family not in registry.families():
        hint = did_you_mean(family, registry.families())
        raise SpecError(f"there is no family '{family}'; {hint}")
    known = registry.names(family) if slash else [each.name for each in registry]
    kind = family if slash else "part or preset"
    hint = did_you_mean(last, known)
    if not hint.startswith("did"):
        hint = f"`seqzoo parts{f' --family {family}' if slash else ''}` lists them"
    raise SpecError(f"no {kind} is named '{last}'; {hint}")


def explain(entry: Entry, registry: Registry) -> Explained:
    """A part's settings and its author's documentation."""
    target = entry.target
    page = partial(Explained, entry.family, entry.name, entry.origin.plugin, entry.origin.version)
    if isinstance(target, Preset) and target.family == LAYERS:
        keys = (
            Field(
                "repeat",
                "a whole number > 0",
                "1",
                "how many times the groups are repeated",
                "",
                "",
            ),
            *(
                Field(name, "a group of layers or null", as_yaml(group), GROUP, "", "")
                for name, group in target.spec.items()
            ),
        )
        return page(target.doc, file="", keys=keys, spec=dict(target.spec))
    if isinstance(target, Preset):
        spec = registry.spec(entry.family, entry.name)
        options = tuple(
            Field(
                name, f"short for {path}", as_yaml(_at(spec, path)), _words_at(spec, path), "", ""
            )
            for name, path in target.options.items()
        )
        keys = tuple(
            replace(_released(key, entry.origin.version), default=as_yaml(_at(spec, key.path)))
            for key in fields_of(type(spec))
        )
        written = dict(target.spec)
        return page(target.doc, file="", keys=(*options, *keys), spec=written)
    assert issubclass(target, Part)
    doc = inspect.cleandoc(target.__doc__ or "")
    keys = tuple(_released(key, entry.origin.version) for key in fields_of(target.Spec))
    return page(doc, file=_file(target), keys=keys)


def _released(key: Field, version: str) -> Field:
    """Without its `since` where the distribution's own version is still an earlier one."""
    return replace(key, since="") if _numbers(key.since) > _numbers(version) else key


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _at(spec: PartSpec, path: str) -> Any:
    value: Any = spec
    for step in path.split("."):
        value = getattr(value, step, None)
    return value


def _words_at(spec: SpecModel, path: str) -> str:
    """The meaning of the key at a path; "" if the spec lacks it."""
    step, _, rest = path.partition(".")
    inner = getattr(spec, step, None)
    if rest and isinstance(inner, SpecModel):
        return _words_at(inner, rest)
    return next((key.doc for key in fields_of(type(spec)) if key.path == path), "")


def _file(target: type[Part]) -> str:
    try:
        return str(Path(inspect.getfile(target)))
    except (OSError, TypeError):  # a class of a notebook
        return ""
