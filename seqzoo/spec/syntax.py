"""YAML syntax errors, in words that a newcomer can act on."""

from __future__ import annotations

import re

import yaml
from yaml.reader import ReaderError

from seqzoo.errors import Problem
from seqzoo.spec.marks import Mark

__all__ = ["syntax_problem"]

# (pattern of PyYAML's message, what is wrong, next step, whether the context's mark is the better)
_WORDS: tuple[tuple[str, str, str, bool], ...] = (
    (
        r"found character '\\t' that cannot start any token",
        "a tab stands where only spaces may",
        "indent with spaces",
        False,
    ),
    (
        r"found character '(.)' that cannot start any token",
        "text cannot start with '{0}'",
        "put it in quotes",
        False,
    ),
    (
        r"mapping values are not allowed here",
        "a ':' is not expected here",
        "put text that contains ': ' in quotes, or fix the indentation of this line or the one "
        "above",
        False,
    ),
    (
        r"expected <block end>, but found '<block sequence start>'|"
        r"(?:block )?sequence entries are not allowed here",
        "a '-' is not expected here",
        "fix the indentation: items of one list are in one column",
        False,
    ),
    (
        r"expected <block end>, but found '(?:<block mapping start>|\?)'",
        "this line's indentation matches none of the lines above",
        "keys of one mapping are in one column",
        False,
    ),
    (
        r"expected <block end>, but found",
        "this does not belong here",
        "one value a key: put text with brackets, commas or quotes in quotes as a whole",
        False,
    ),
    (
        r"expected ',' or '([\]}])', but got '<stream end>'",
        "the bracket opened here is not closed",
        "a '{0}' is missing",
        True,
    ),
    (
        r"expected ',' or '([\]}])', but got",
        "a ',' or '{0}' is missing before this, in the bracket opened at {opened}",
        "separate entries with commas and close the bracket",
        False,
    ),
    (
        r"expected the node content, but found '<stream end>'",
        "the text ends inside a bracket",
        "close it",
        False,
    ),
    (
        r"expected the node content, but found",
        "a value is missing before this",
        "write one, or null, or remove the extra comma or bracket",
        False,
    ),
    (
        r"while scanning a block scalar",
        "after '|' or '>' the text starts on the next line",
        "start it there, or put text with these characters in quotes",
        False,
    ),
    (
        r"mapping keys are not allowed here",
        "a '?' is not expected here",
        "put text that starts with '?' in quotes",
        False,
    ),
    (
        r"could not find expected ':'",
        "a key without ':'",
        "write 'key: value', with a space after the colon",
        True,
    ),
    (
        r"found unexpected end of stream|found unexpected document separator",
        "the quote opened here is not closed",
        "close it",
        True,
    ),
    (
        r"found unknown escape character '(.)'",
        "'\\{0}' means nothing in double quotes",
        "use single quotes, where a backslash is only a backslash",
        False,
    ),
    (
        r"found undefined alias '(.*)'",
        "the alias *{0} has no anchor &{0} above it",
        "put text that starts with '*' in quotes",
        False,
    ),
    (
        r"found duplicate anchor '(.*)'.*",
        "the anchor &{0} is set twice",
        "give each anchor its own name",
        False,
    ),
    (
        r"expected a single document in the stream|but found another document",
        "a second document starts here",
        "a file holds one run or one grid; remove the '---' or split the file",
        False,
    ),
    (
        r"found undefined tag handle|while (?:scanning|parsing) a tag",
        "tags are not read here",
        "put text that starts with '!' in quotes",
        False,
    ),
    (
        r"expected alphabetic or numeric character, but found|expected alphabetic",
        "an anchor or alias without a name",
        "put text that starts with '&' or '*' in quotes",
        False,
    ),
    (
        r"expected '<document start>'",
        "this is not part of the document above",
        "fix the indentation, or put the text in quotes",
        False,
    ),
)


def syntax_problem(failure: yaml.YAMLError, text: str, name: str, lines: bool) -> Problem:
    """The one problem of a text that cannot be parsed.

    Args:
        failure: PyYAML's error.
        text: the document.
        name: its file.
        lines: whether to give line and column.
    """
    if isinstance(failure, ReaderError):
        before = text[: failure.position]
        mark = Mark(name, before.count("\n") + 1, len(before) - before.rfind("\n"))
        what, hint = "a control character, which YAML does not allow", "remove it"
    else:
        what, hint, mark = _worded(failure, name)
    return Problem(where=str(mark) if lines else name, path="", what=what, hint=hint)


def _worded(failure: yaml.YAMLError, name: str) -> tuple[str, str, Mark]:
    if not isinstance(failure, yaml.MarkedYAMLError):
        return "not YAML", str(failure), Mark(name)
    message = f"{failure.problem or ''}"
    for pattern, what, hint, at_context in _WORDS:
        match = re.match(pattern, message) or re.match(pattern, failure.context or "")
        if match:
            place = failure.context_mark if at_context else failure.problem_mark
            place = place or failure.problem_mark
            groups = match.groups()
            opened = failure.context_mark
            where = f"{opened.line + 1}:{opened.column + 1}" if opened else "?"
            return what.format(*groups, opened=where), hint.format(*groups), _mark(place, name)
    place = failure.problem_mark or failure.context_mark
    return f"not YAML: {message}", failure.context or "", _mark(place, name)


def _mark(place: yaml.Mark | None, name: str) -> Mark:
    return Mark(name, place.line + 1, place.column + 1) if place else Mark(name)
