"""What a family requires of its parts, read from its base class: methods, attributes, defaults."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from seqzoo.spec import Part

__all__ = ["Contract", "Member", "contracts_of"]

HOMES = [
    *("model", "operators", "scan", "scan.part", "tasks", "train"),
    *("train.loggers", "grid", "grid.tune", "probe"),
]
SAID_ELSEWHERE = frozenset({"name", "family", "Spec", "summary"})  # of every part
HIDDEN = re.compile(r" at 0x[0-9a-f]+")


@dataclass(frozen=True)
class Member:
    """A method or attribute of a base class.

    Attributes:
        name: with its parameters, if it is a method.
        required: whether a part must have it.
        default: of an attribute, in Python; "" where there is none, and for methods.
        doc: the first sentence about it.
    """

    name: str
    required: bool
    default: str
    doc: str


@dataclass(frozen=True)
class Contract:
    """A base class that parts of a family derive from.

    Attributes:
        name: as it is imported, `seqzoo.operators.Forget`.
        made: how a part is made from its spec, `(spec, dims)`.
        doc: its docstring without the list of attributes.
        members: required ones first.
    """

    name: str
    made: str
    doc: str
    members: tuple[Member, ...]


def contracts_of(part: type[Part]) -> list[Contract]:
    """The base classes of a part that others may derive from too, the family's first."""
    bases = [
        base
        for base in reversed(part.__mro__)
        if issubclass(base, Part) and base.family and "name" not in vars(base)
    ]
    public = [base for base in bases if not base.__name__.startswith("_")]
    return [_contract(base) for base in public]


def _contract(base: type[Part]) -> Contract:
    members = sorted(_members(base), key=lambda member: not member.required)
    doc = inspect.cleandoc(base.__doc__ or "").partition("\nAttributes:\n")[0].strip()
    return Contract(
        _imported_as(base),
        _made(base),
        doc,
        tuple(members),
    )


def _made(base: type[Part]) -> str:
    """Parameters of the constructor; where no class has one, what every part is made from."""
    if base.__init__ is object.__init__:
        return "(spec)"
    return _parameters(vars(base).get("__init__") or base.__init__)


def _members(base: type[Part]) -> Iterator[Member]:
    """Public names of the class and its bases, as far as they belong to the family."""
    above = [
        each
        for each in base.__mro__
        if each not in Part.__mro__ and each.__module__.partition(".")[0] not in ("torch", "abc")
    ]
    docs = {name: doc for each in reversed(above) for name, doc in _attribute_docs(each).items()}
    told: set[str] = set()
    for each in above:
        for name, value in (*vars(each).items(), *_annotated(each)):
            if name.startswith("_") or name in told or name in SAID_ELSEWHERE:
                continue
            told.add(name)
            yield _member(name, value, docs.get(name, ""))


def _member(name: str, value: Any, doc: str) -> Member:
    function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
    required = bool(getattr(function, "__isabstractmethod__", False))
    if inspect.isfunction(function):
        first = inspect.cleandoc(function.__doc__ or "").partition("\n\n")[0]
        return Member(f"{name}{_parameters(function)}", required, "", _sentence(first))
    if isinstance(value, property):
        return Member(name, required, "", _sentence(inspect.cleandoc(value.__doc__ or "")))
    if value is _NO_DEFAULT:
        return Member(name, True, "", doc)
    return Member(name, False, HIDDEN.sub("", repr(value)), doc)


_NO_DEFAULT: Any = object()


def _annotated(base: type) -> Iterator[tuple[str, Any]]:
    """Attributes that the class declares and documents without a value: parts must set them."""
    docs = _attribute_docs(base)
    for name in vars(base).get("__annotations__", {}):
        if name not in vars(base) and name in docs:
            yield name, _NO_DEFAULT


def _attribute_docs(base: type) -> dict[str, str]:
    section = inspect.cleandoc(base.__doc__ or "").partition("\nAttributes:\n")[2]
    section = section.partition("\n\n")[0]
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: _sentence(text) for name, text in found}


def _sentence(text: str) -> str:
    flat = " ".join(text.split())
    return re.split(r"(?<=[.;]) ", flat, maxsplit=1)[0].rstrip(";")


def _parameters(function: Any) -> str:
    try:
        names = [
            f"*{each.name}" if each.kind is each.VAR_POSITIONAL else each.name
            for each in inspect.signature(function).parameters.values()
            if each.name not in ("self", "cls")
        ]
    except (TypeError, ValueError):
        return "()"
    return f"({', '.join(names)})"


def _imported_as(base: type) -> str:
    """The shortest public module that has the class."""
    for home in HOMES:
        module = import_module(f"seqzoo.{home}")
        if getattr(module, base.__name__, None) is base:
            return f"seqzoo.{home}.{base.__name__}"
    return f"{base.__module__}.{base.__name__}"
