"""Presets as YAML files: one file per preset, so a plugin's layers can be read without code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from seqzoo.errors import PluginError
from seqzoo.spec import Preset, SpecModel
from seqzoo.spec.document import read_document
from seqzoo.spec.pattern import FAMILY as LAYERS

__all__ = ["read_presets"]


class PresetFile(SpecModel):
    """The content of a preset's file; the preset's name is the file's stem."""

    family: str = "mixer"
    doc: str = Field(min_length=1)
    options: dict[str, str] = Field(default_factory=dict)
    spec: dict[str, Any]


def read_presets(path: Path) -> Iterator[Preset]:
    """The preset of a file, or the presets of a folder's `*.yaml` files in order of name.

    Raises:
        SpecError: the YAML is malformed, at file:line:col.
        PluginError: there is no such file, or no preset in the folder.
    """
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise PluginError(f"no preset at {path}")
    for file in files:
        page = read_document(file).validate(PresetFile)
        if page.family == LAYERS:
            _check_pattern(file, page.spec)
        elif not isinstance(page.spec.get("type"), str):
            raise PluginError(f"{file}: spec has no 'type', the part or preset it changes")
        yield Preset(
            name=file.stem,
            spec=page.spec,
            family=page.family,
            doc=page.doc,
            options=page.options,
        )


def _check_pattern(file: Path, groups: dict[str, Any]) -> None:
    """Refuse a preset of layers that holds anything but groups.

    Raises:
        PluginError: no group, one that is not a mapping, or one whose name has another meaning.
    """
    for name, group in groups.items():
        if name in ("preset", "repeat"):
            raise PluginError(f"{file}: a group cannot be called '{name}'; choose another name")
        if not isinstance(group, dict):
            raise PluginError(f"{file}: group '{name}' is not a mapping; write {{mixer: NAME}}")
    if not groups:
        raise PluginError(f"{file}: spec has no group; write NAME: {{mixer: ...}}")
