"""Pydantic's errors in plain words, with the place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from seqzoo.errors import Problem, did_you_mean
from seqzoo.spec.marks import Location
from seqzoo.spec.write import as_yaml

if TYPE_CHECKING:
    from seqzoo.spec.document import Document

__all__ = ["first_problem", "in_order", "located_problems", "problems_of"]

_WANTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "null",
}
_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "of at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "of at most"),
    "multiple_of": ("multiple_of", "that is a multiple of"),
}

_MISSING = ("missing", "missing_key")  # of a dataclass, of a spec
_NOTHING = ("none", "nil", "null")


def first_problem(failure: ValidationError) -> str:
    """The first fault of a file that seqzoo wrote: its key, and what pydantic says of it."""
    error = failure.errors(include_url=False)[0]
    place = ".".join(map(str, error["loc"]))
    what = error["msg"].removeprefix("Value error, ")
    return f"{place}: {what}" if place else what


def problems_of(failure: ValidationError, document: Document | None = None) -> list[Problem]:
    """Every problem of a failed validation, in order of place; without a document, no places."""
    return in_order(problem for _, problem in located_problems(failure, document))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems sorted by file, line and column, without duplicates."""

    def place(problem: Problem) -> tuple[str, int, int]:
        match = re.fullmatch(r"(.*):(\d+):(\d+)", problem.where)
        return (match[1], int(match[2]), int(match[3])) if match else (problem.where, 0, 0)

    return sorted(dict.fromkeys(problems), key=place)


def located_problems(
    failure: ValidationError, document: Document | None = None
) -> list[tuple[Location, Problem]]:
    """Every problem with its location in the document.

    The errors of a union's members on one value become one problem. A missing key is left out if
    an unknown key beside it looks like its misspelling.
    """
    data = None if document is None else document.data
    by_location: dict[Location, list[Any]] = {}
    in_union: set[Location] = set()
    for error in cast("list[Any]", failure.errors(include_url=False)):
        location, is_member = _location(error, data)
        by_location.setdefault(location, []).append(error)
        if is_member:
            in_union.add(location)
    found = []
    for location, errors in by_location.items():
        if errors[0]["type"] in _MISSING and _is_misspelt(location, by_location):
            continue
        if location in in_union and any(
            len(other) > len(location) and other[: len(location)] == location
            for other in by_location
        ):
            continue  # another member of the union takes such values, and says what is wrong
        what, hint = _in_words(errors, location)
        where = _where(errors[0], location, document)
        found.append((location, Problem(where, ".".join(map(str, location)), what, hint)))
    return found


def _is_misspelt(missing: Location, by_location: Mapping[Location, Sequence[Any]]) -> bool:
    """Whether an unknown key beside the missing one is close to it."""
    suggestion = f"did you mean '{missing[-1]}'?"
    return any(
        location[:-1] == missing[:-1]
        and error["type"] == "unknown_key"
        and error["ctx"]["hint"] == suggestion
        for location, errors in by_location.items()
        for error in errors
    )


def _location(error: Any, data: Any) -> tuple[Location, bool]:
    """The error's location, and whether it comes from one member of a union.

    Pydantic's locations hold names of a union's members; what is not in the data is one.
    """
    if data is None:
        return tuple(error["loc"]), False
    location: list[int | str] = []
    steps = error["loc"]
    is_member = False
    for index, step in enumerate(steps):
        last = index == len(steps) - 1
        in_mapping = isinstance(data, dict) and step in data
        in_list = isinstance(data, list | tuple) and isinstance(step, int) and step < len(data)
        if in_mapping or in_list:
            data = data[step]
        elif not (last and error["type"] in _MISSING):
            is_member = last
            continue
        location.append(step)
    return tuple(location), is_member


def _where(error: Any, location: Location, document: Document | None) -> str:
    if document is None:
        return ""
    if error["type"] in _MISSING:
        return str(document.marks.key(location[:-1]))
    if error["type"] in ("unknown_key", "set_twice"):
        return str(document.marks.key(location))
    return str(document.marks.value(location))


def _in_words(errors: Sequence[Any], location: Location) -> tuple[str, str]:
    error = errors[0]
    kind, context = error["type"], error.get("ctx", {})
    if kind in _MISSING:
        key, examples = location[-1], context.get("examples")
        hint = f"write for example {as_yaml({key: examples[0]})[1:-1]}" if examples else ""
        return f"the key '{key}' is missing", hint
    wanted = list(dict.fromkeys(filter(None, map(_wanted, errors))))
    if wanted:
        got = shown(error["input"])
        hint = _hint(wanted, errors) if location else "write lines of 'key: value'"
        return f"expected {' or '.join(wanted)}, got {got}", hint
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", error["msg"])), ""
    if kind == "set_twice":
        option = (*location[: -context["steps"]], context["option"])
        return error["msg"], f"leave it out, and set {'.'.join(map(str, option))}"
    hint = str(context.get("hint", ""))
    if kind == "unknown_part" and context.get("name", "").lower() in _NOTHING:
        hint += "; for nothing at all write null"
    elif kind == "unknown_key" and location:  # none where a preset within a preset wrote the key
        first, dot, rest = str(location[-1]).partition(".")
        if dot and first in context["known"]:
            hint = f"dotted paths are for grids; write {first}: {{{rest}: ...}}"
    return error["msg"], hint


def _wanted(error: Any) -> str | None:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "mapping_wanted":
        return error["msg"]
    if kind in _WANTED:
        return _WANTED[kind]
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        bound = context[key]
        noun = "a whole number" if isinstance(bound, int) else "a number"
        return f"{noun} {words} {bound:g}"
    if kind in ("literal_error", "enum"):
        return context["expected"]
    if kind in ("too_short", "too_long"):
        few = kind == "too_short"
        length = context["min_length" if few else "max_length"]
        noun = "a mapping" if isinstance(error["input"], Mapping) else "a list"
        return f"{noun} of at {'least' if few else 'most'} {length}"
    if kind == "string_too_short":
        return "text that is not empty"
    if kind == "string_pattern_mismatch":
        return f"text of the form {context['pattern']}"
    message = error["msg"]
    if message.startswith("Input should be "):
        return message.removeprefix("Input should be ")
    return None


def _hint(wanted: Sequence[str], errors: Sequence[Any]) -> str:
    error = errors[0]
    given = error["input"]
    if error["type"] == "literal_error" and isinstance(given, str):
        known = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        hint = did_you_mean(given, known)
        return hint if hint.startswith("did") else ""
    if wanted == ["a whole number"] and isinstance(given, float) and given.is_integer():
        return f"write {given:.0f}" if abs(given) < 2**63 else ""
    if not isinstance(given, str):
        quoted = wanted == ["text"] and isinstance(given, int | float)
        return "put it in quotes" if quoted else ""
    if given.lower() in _NOTHING:
        return "write null for nothing"
    if "true or false" in wanted and given.lower() in ("yes", "no", "on", "off", "true", "false"):
        return f"write {'true' if given.lower() in ('yes', 'on', 'true') else 'false'}"
    if re.fullmatch(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?", given):
        return "remove the quotes"
    return ""


def shown(value: Any) -> str:
    """A value as messages show it: short, with its kind."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"{str(value).lower()} (boolean)"
    if isinstance(value, int | float):
        return f"{value!r} ({type(value).__name__})"
    if isinstance(value, str):
        text = repr(value) if len(value) <= 40 else repr(value[:37] + "...")
        return f"{text} (text)"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    return repr(value)
