"""Plain data as YAML: a document that `seqzoo.spec.document` reads back, or one line for people."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import yaml

from seqzoo.spec.part import SpecModel

__all__ = ["as_yaml", "yaml_of"]

PLAIN = re.compile(r"[a-z][a-z0-9_./-]*")  # a word that is text as it stands, unless it is one of
WORDS = frozenset(("none", "nan", "inf", "infinity"))
CONSTANTS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"))


class _Dumper(yaml.SafeDumper):
    """Writes each text on one line, in quotes unless it is a plain word."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if PLAIN.fullmatch(text) and text not in WORDS else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def yaml_of(data: Any) -> str:
    """Mappings in their order, lists, text, numbers, booleans and nulls as a YAML document."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=sys.maxsize)


def as_yaml(value: Any) -> str:
    """A value as a user would write it on one line; a part by its name where that is enough."""
    if isinstance(value, SpecModel):
        value = value.model_dump(mode="json")
    if isinstance(value, dict):
        if set(value) == {"type"}:
            return str(value["type"])
        return "{" + ", ".join(f"{key}: {as_yaml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_yaml, value)) + "]"
    if isinstance(value, str):
        is_plain = PLAIN.fullmatch(value.lower()) and value.lower() not in CONSTANTS
        return value if is_plain else json.dumps(value)
    return json.dumps(value)
