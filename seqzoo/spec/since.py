"""Fields added to a part later, which leave existing runs and their ids unchanged.

    eps: float = since("0.2", 1e-6)
    norm: PartSpec = since("0.2", slot("norm", "none"))
    depth: int = since("0.2", Field(default=1, ge=1))

While such a field has its default, a resolved spec leaves it out: in spec.yaml, in records and in
the run id. So a run that does not use the field keeps its id, and a finished run stays finished.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

__all__ = ["is_default", "since", "younger"]

_VERSION = re.compile(r"\d+(\.\d+)*")


@dataclass(frozen=True)
class Since:
    """The mark that `since` leaves in a field's metadata."""

    version: str


def since(version: str, default: Any) -> Any:
    """A field that was added to a part later.

    Args:
        version: the first version of the part's distribution with this field, such as "0.2".
        default: the value that keeps the part's earlier behaviour; or a `Field(...)` or `slot(...)`
            with such a default. A slot's default names a part, not a preset.

    Raises:
        TypeError: the version is no version, or the field has no default.
    """
    if not _VERSION.fullmatch(version):
        raise TypeError(f"since({version!r}, ...): write a version such as since('0.2', ...)")
    field = copy.copy(default) if isinstance(default, FieldInfo) else Field(default=default)
    if field.is_required():
        raise TypeError(f"since({version!r}, ...): a field added later needs a default")
    field.metadata = [*field.metadata, Since(version)]
    return field


def younger(model: type[BaseModel]) -> dict[str, str]:
    """Fields with `since` and their versions."""
    return {
        name: mark.version
        for name, field in model.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, Since)
    }


def is_default(value: Any, default: Any) -> bool:
    """Whether a validated value is what a default written as in YAML means."""
    if isinstance(value, BaseModel) and isinstance(default, str | Mapping):
        written = {"type": default} if isinstance(default, str) else default
        part = getattr(value, "part", None)
        if part is not None and written.get("type", part.name) != part.name:
            return False
        return all(
            is_default(
                getattr(value, name),
                written[name]
                if name in written
                else field.get_default(call_default_factory=True, validated_data={}),
            )
            for name, field in type(value).model_fields.items()
        )
    if isinstance(value, tuple) and isinstance(default, list | tuple):
        return len(value) == len(default) and all(map(is_default, value, default))
    return value == default
