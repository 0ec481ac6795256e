"""From YAML text to plain data with marks; all traps of YAML are reported at once.

PyYAML parses to a node graph; data are built from it by our own rules, so that duplicate keys,
merge keys and tags are not silently accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from seqzoo.errors import Problem, SpecError
from seqzoo.spec.marks import Location, Mark, Marks
from seqzoo.spec.scalars import Unreadable, plain_scalar
from seqzoo.spec.syntax import syntax_problem

__all__ = ["Trap", "comment_in", "read_yaml"]

DEEPEST = 64  # nested mappings and lists
MOST_REPEATED = 10_000  # values that aliases may repeat

_IMPLICIT = "implicit"


@dataclass(frozen=True)
class Trap:
    """A problem of the text itself.

    Attributes:
        location: the location of the unreadable value; None where it belongs to no value.
        problem: the problem to report.
    """

    location: Location | None
    problem: Problem

    def is_within(self, location: Location) -> bool:
        """Whether the unreadable value is at or inside the location."""
        return self.location is not None and self.location[: len(location)] == location

    def moved(self, prefix: Location, location: Location) -> Trap:
        """This trap after the value at `prefix` was put to `location`."""
        if self.location is None:
            return self
        return replace(self, location=location + self.location[len(prefix) :])

    def voids(self, location: Location) -> bool:
        """Whether validation could not see the value here, or a key of this mapping."""
        if self.location is None:
            return False
        return location[: len(self.location)] == self.location or location == self.location[:-1]


class _Loader(yaml.BaseLoader):
    """Parses only, without guessing the tags of nodes."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        return _IMPLICIT


def read_yaml(text: str, name: str, lines: bool = True) -> tuple[Any, Marks, tuple[Trap, ...]]:
    """Data, marks and traps of a text that holds one document.

    Args:
        text: the YAML.
        name: its name in messages.
        lines: whether messages give line and column.

    Raises:
        SpecError: it cannot be parsed, or is empty.
    """
    try:
        node = _Loader(text).get_single_node()
    except yaml.YAMLError as failure:
        raise SpecError([syntax_problem(failure, text, name, lines)]) from None
    except RecursionError:
        raise SpecError([Problem(name, "", *_TOO_DEEP)]) from None
    if node is None:
        hint = "write 'model:', 'task:' and 'train:' for a run, or 'base:' for a grid"
        raise SpecError([Problem(name, "", "there is nothing in it", hint if lines else "")])
    builder = _Builder(name, lines)
    data = builder.build(node, ())
    return data, Marks(builder.values, builder.keys), tuple(builder.traps)


def comment_in(text: str) -> str:
    """The comment at the end of a one-line text, "" if there is none or the text is no YAML."""
    if "#" not in text or "\n" in text.strip():
        return ""
    try:
        node = _Loader(text).get_single_node()
    except (yaml.YAMLError, RecursionError):
        return ""
    rest = text.strip() if node is None else text[node.end_mark.index :].strip()
    return rest if rest.startswith("#") else ""


_TOO_DEEP = (f"nested more than {DEEPEST} levels deep", "a run needs fewer than ten")


@dataclass
class _Builder:
    name: str
    lines: bool
    values: dict[Location, Mark] = field(default_factory=dict)
    keys: dict[Location, Mark] = field(default_factory=dict)
    traps: list[Trap] = field(default_factory=list)
    _open: set[int] = field(default_factory=set)
    _seen: set[int] = field(default_factory=set)
    _repeated: int = 0

    def build(self, node: yaml.Node, location: Location) -> Any:
        """The value of a node; None if it is a trap."""
        self.values[location] = self._mark(node)
        if id(node) in self._seen:
            self._repeated += 1
        self._seen.add(id(node))
        if id(node) in self._open:
            return self._trap(node, location, "an alias inside what it stands for", "write it out")
        if self._repeated > MOST_REPEATED:
            if self._repeated == MOST_REPEATED + 1:
                what = f"aliases repeat more than {MOST_REPEATED} values"
                self._trap(node, (), what, "write them out")
                self._repeated += 1
            return None
        if len(location) > DEEPEST:
            return self._trap(node, location[:1], *_TOO_DEEP)
        if node.tag not in (_IMPLICIT, "!"):
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            hint = "remove it: values are plain text, numbers, lists and mappings"
            return self._trap(node, location, f"the tag {tag} is not read", hint)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, location)
            if isinstance(node, yaml.SequenceNode):
                return [
                    self.build(item, (*location, index)) for index, item in enumerate(node.value)
                ]
            assert isinstance(node, yaml.ScalarNode)
            return self._scalar(node, location)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, location)
            if key is None:
                continue
            place = (*location, key)
            if key in mapping:
                first = self.keys[place]
                self._trap(
                    key_node,
                    None,
                    f"the key '{key}' is written twice"
                    + (f", first at line {first.line}" if first.line else ""),
                    "keep one of the two",
                    path=place,
                )
                continue
            self.keys[place] = self._mark(key_node)
            mapping[key] = None  # holds the place, should the value refer to its own mapping
            mapping[key] = self.build(value_node, place)
        return mapping

    def _key(self, node: yaml.Node, location: Location) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            kind = "mapping" if isinstance(node, yaml.MappingNode) else "list"
            hint = "a key is text; put what starts with a bracket in quotes"
            return self._trap(node, location, f"a {kind} cannot be a key", hint)
        if node.tag not in (_IMPLICIT, "!"):
            return self._trap(node, location, "a key with a tag", "write the key alone")
        if node.style is not None:
            return _whole_characters(node.value) or node.value.encode(errors="replace").decode()
        if node.value == "<<":
            hint = "write the keys out; a grid's 'base' shares a run between variants"
            return self._trap(node, location, "merge keys (<<) are not read", hint)
        try:
            key = plain_scalar(node.value)
        except Unreadable:
            key = None
        if not isinstance(key, str):
            hint = f'if it is a name, write "{node.value}" in quotes'
            return self._trap(node, location, f"the key {node.value or 'null'} is not text", hint)
        return key

    def _scalar(self, node: yaml.ScalarNode, location: Location) -> Any:
        if node.style is not None or node.tag == "!":
            text = _whole_characters(node.value)
            if text is None:
                what = "an escape that is half a character"
                return self._trap(node, location, what, "write the character itself")
            return text
        if node.end_mark.line != node.start_mark.line:
            what = f"the text continues over {node.end_mark.line - node.start_mark.line + 1} lines"
            hint = "fix the indentation below, or put it in quotes"
            return self._trap(node, location, what, hint)
        try:
            return plain_scalar(node.value)
        except Unreadable as trap:
            # A part whose type cannot be read cannot be checked at all.
            void = location[:-1] if location[-1:] == ("type",) else location
            return self._trap(node, void, trap.what, trap.hint, path=location)

    def _trap(
        self,
        node: yaml.Node,
        location: Location | None,
        what: str,
        hint: str,
        path: Location | None = None,
    ) -> None:
        dotted = ".".join(map(str, (location if path is None else path) or ()))
        self.traps.append(Trap(location, Problem(str(self._mark(node)), dotted, what, hint)))

    def _mark(self, node: yaml.Node) -> Mark:
        if not self.lines:
            return Mark(self.name)
        place = node.start_mark
        return Mark(self.name, place.line + 1, place.column + 1)


def _whole_characters(text: str) -> str | None:
    """The text with pairs of escapes (`\\ud83e\\udd9c`) joined; None if half a pair is left."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return None
