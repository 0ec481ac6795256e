"""A document: the data of a YAML text, with the position of each value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from seqzoo.errors import Problem, SpecError, did_you_mean
from seqzoo.files import NotRegularError, open_regular
from seqzoo.spec.delta import placed, split_path
from seqzoo.spec.explain import in_order, located_problems
from seqzoo.spec.marks import Location, Mark, Marks
from seqzoo.spec.reading import Trap, comment_in, read_yaml
from seqzoo.spec.slot import Catalog, Memo

__all__ = ["Document", "parse_document", "parse_setting", "read_document"]

Model = TypeVar("Model", bound=BaseModel)
LARGEST = 256 * 1024  # bytes of a file: what it takes to read grows with them, and a trap is seen


@dataclass(frozen=True)
class Document:
    """Plain data with provenance; deltas make new documents and leave the old one unchanged.

    Attributes:
        data: mappings, lists, text, numbers, booleans and None.
        marks: where each value is written; deltas keep their own place.
        name: the file, or the text's name in messages.
        traps: problems of the text itself; `validate` raises them.
    """

    data: Any
    marks: Marks
    name: str
    traps: tuple[Trap, ...] = field(default=())

    @classmethod
    def of(cls, data: Any, name: str = "") -> Document:
        """A document of values made in Python, with no lines to point at."""
        return cls(data, Marks({(): Mark(name)}), name)

    def value(self, location: Location) -> Any:
        """The value at a location that is there."""
        value = self.data
        for step in location:
            value = value[step]
        return value

    def check(
        self, model: type[Model], catalog: Catalog | None = None, memo: Memo = None
    ) -> tuple[Model | None, list[tuple[Location, Problem]]]:
        """The data as a frozen model (None if invalid), and all problems, traps included.

        Args:
            model: the class of the model.
            catalog: where names of parts are looked up.
            memo: an empty dict to share between documents of one catalog that differ by deltas.
        """
        problems = [(trap.location or (), trap.problem) for trap in self.traps]
        try:
            context = cast("Any", {"catalog": catalog, "memo": memo})
            result = model.model_validate(self.data, context=context)
        except ValidationError as failure:
            for location, problem in located_problems(failure, self):
                if not any(trap.voids(location) for trap in self.traps):
                    problems.append((location, problem))
            return None, problems
        return result, problems

    def validate(self, model: type[Model], catalog: Catalog | None = None) -> Model:
        """The data as a frozen model.

        Raises:
            SpecError: with every trap and every problem of validation, in order of place.
        """
        result, problems = self.check(model, catalog)
        if problems or result is None:
            raise SpecError(in_order(problem for _, problem in problems))
        return result

    def with_value(self, location: Location, source: Document, prefix: Location = ()) -> Document:
        """This document with `source`'s value at `prefix` set at `location`.

        A name on the way (`mixer: prism`) becomes the mapping it is short for.

        Raises:
            SpecError: the way leads through a number or past the end of a list.
        """
        try:
            data, created = placed(self.data, location, source.value(prefix))
        except ValueError as failure:
            where = str(source.marks.key(prefix))
            raise SpecError([Problem(where, ".".join(map(str, location)), str(failure))]) from None
        marks = self.marks.overlaid(created, location, source.marks, prefix)
        traps = self.traps
        if source.traps or traps:
            kept = (trap for trap in traps if not trap.is_within(location))
            moved = (
                trap.moved(prefix, location)
                for trap in source.traps
                if trap.is_within(prefix) or (trap.location is None and not prefix)
            )
            traps = (*kept, *moved)
        return Document(data, marks, self.name, traps)

    def with_delta(self, path: str, value: Document | Any) -> Document:
        """This document with a value at a dotted path (`model.mixer.depth`, `model.layers.0`).

        Raises:
            SpecError: not a path, or it leads through a number or past the end of a list.
        """
        source = value if isinstance(value, Document) else Document.of(value)
        try:
            location = split_path(path)
        except ValueError as failure:
            raise SpecError([Problem(source.name, path, str(failure))]) from None
        return self.with_value(location, source)

    def with_settings(self, settings: Iterable[str]) -> Document:
        """This document with `path=value` settings of a command line, each value YAML.

        A setting that cannot be read or placed is a trap of the new document.
        """
        document = self
        for setting in settings:
            try:
                path, value = parse_setting(setting)
                document = document.with_delta(path, value)
            except SpecError as failure:
                document = document.with_problems(failure.problems)
        return document

    def with_problems(self, problems: Iterable[Problem]) -> Document:
        """This document with problems that `validate` raises beside its own."""
        traps = tuple(Trap(None, problem) for problem in problems)
        return replace(self, traps=(*self.traps, *traps))


def parse_setting(setting: str) -> tuple[str, Document]:
    """Path and value of `path=value`; messages about the value point at the setting.

    Raises:
        SpecError: no '=', or a value that is not YAML.
    """
    path, equals, text = setting.partition("=")
    name = f"--set {setting}"
    if not equals or not path.strip():
        raise SpecError([Problem(name, "", "no path=value", "write --set train.steps=100")])
    if not text.strip():
        hint = f"write {path}=null for nothing, {path}='\"\"' for empty text"
        raise SpecError([Problem(name, path, "no value after '='", hint)])
    path = path.strip()
    if _LOST.match(text):  # YAML takes the sign, and the rest, if any, for the whole
        raise SpecError(
            [Problem(name, path, f"'{text.strip()[0]}' is a sign of YAML", _quoted(path))]
        )
    comment = comment_in(text)
    if comment == text.strip() or (comment and text.lstrip()[0] not in "\"'[{"):
        return path, Document.of(text.strip(), name)  # a text with a # in it, as a shell gives it
    if comment:
        hint = f"put a text that has a # in quotes: {path}='\"...\"'"
        raise SpecError([Problem(name, path, f"'{comment}' would be a comment", hint)])
    try:
        data, marks, traps = read_yaml(text, name, lines=False)
    except SpecError as failure:
        raise SpecError([replace(each, path=path) for each in failure.problems]) from None
    traps = tuple(
        replace(trap, problem=replace(trap.problem, path=_joined(path, trap.problem.path)))
        for trap in traps
    )
    return path, Document(data, marks, name, traps)


_LOST = re.compile(r"\s*(&|[|>][-+0-9]*\s*$)")  # an anchor, or a block of text without a line


def _quoted(path: str) -> str:
    return f"put text that begins with it in quotes: {path}='\"...\"'"


def _joined(*paths: str) -> str:
    return ".".join(filter(None, paths))


def parse_document(text: str, name: str) -> Document:
    """The document of a YAML text; `name` is what messages call it.

    Raises:
        SpecError: it cannot be parsed at all. Lesser traps wait for `validate`.
    """
    data, marks, traps = read_yaml(text.removeprefix("\ufeff"), name)
    return Document(data, marks, name, traps)


def read_document(path: Path | str) -> Document:
    """The document of a YAML file.

    Raises:
        SpecError: no such file, not a text file in UTF-8, or it cannot be parsed at all.
    """
    path = Path(path)
    name = str(path)
    try:
        content = _content(path)
    except FileNotFoundError:
        raise SpecError([Problem(name, "", "there is no such file", _nearby(path))]) from None
    except IsADirectoryError:
        raise SpecError([Problem(name, "", "a folder, not a file", _nearby(path / "x"))]) from None
    except NotRegularError as failure:
        what = f"{failure.kind}, not a file"
        raise SpecError([Problem(name, "", what, "save the text to a file")]) from None
    except OSError as failure:
        raise SpecError([Problem(name, "", f"cannot be read: {failure.strerror}")]) from None
    if len(content) > LARGEST:
        what = f"larger than {LARGEST // 1024} KiB, the most that is read of a spec"
        hint = "a run or grid is a few kB; is this another file?"
        raise SpecError([Problem(name, "", what, hint)])
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as failure:
        line = content.count(b"\n", 0, failure.start) + 1
        column = failure.start - content.rfind(b"\n", 0, failure.start)
        what = f"byte 0x{content[failure.start]:02x} is not UTF-8 text"
        where = f"{name}:{line}:{column}"
        raise SpecError([Problem(where, "", what, "save the file as UTF-8")]) from None
    return parse_document(text, name)


def _content(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read(LARGEST + 1)


def _nearby(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"nor is there a folder {folder}"
    files = sorted(entry.name for entry in folder.glob("*.y*ml"))
    if not files:
        return f"no YAML file is in {folder}"
    return did_you_mean(path.name, files)
