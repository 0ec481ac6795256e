"""Plain data as YAML that `seqzoo.spec.document` reads back to the same data."""

from __future__ import annotations

import re
import sys
from typing import Any

import yaml

__all__ = ["yaml_of"]

PLAIN = re.compile(r"[a-z][a-z0-9_./-]*")  # a word that is text as it stands, unless it is one of
WORDS = frozenset(("none", "nan", "inf", "infinity"))


class _Dumper(yaml.SafeDumper):
    """Writes each text on one line, in quotes unless it is a plain word."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if PLAIN.fullmatch(text) and text not in WORDS else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def yaml_of(data: Any) -> str:
    """Mappings in their order, lists, text, numbers, booleans and nulls as a YAML document."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=sys.maxsize)
