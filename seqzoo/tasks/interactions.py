"""Interaction files: one `user item` or `user item timestamp` per line, in order of time.

Fields are separated by tabs, commas or spaces, whichever the first line has; a first line of words
is a heading. Ids are whole numbers from 0. With timestamps each user's events are put in order of
time, ties in the order of the file; without timestamps the file's order counts as the order of
time. Timestamps are compared exactly, whole numbers and decimal fractions: nanoseconds, snowflake
ids and seconds with up to 18 digits after the point keep their order.

The file is read line by line, so memory grows with the number of events, not with the text.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_FLOOR, Context, Decimal, Inexact, InvalidOperation
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqzoo.errors import Problem, SpecError
from seqzoo.tasks.data_file import opened

__all__ = ["Events", "read_events"]

LONGEST_LINE = 1 << 12  # bytes; three numbers take far less
LONGEST_ID = 18  # digits that fit into 64 bits
WANTED = "'user item' or 'user item timestamp'"
LATEST = 1 << 63  # timestamps are below it
FRACTION_DIGITS = 18  # after the point, which fit into 64 bits
EXACT = Context(
    prec=2 * LONGEST_LINE, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[Inexact, InvalidOperation]
)
ASCII_SPACE = b" \t\r\n\v\f"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Events:
    """The events of a file, grouped by user and in order of time.

    Attributes:
        users: (n,) int64, ascending.
        items: (n,) int64.
        reordered: events whose timestamp was earlier than that of an event of the same user
            further up in the file.
        fingerprint: changes when the file's content does.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    reordered: int
    fingerprint: str


def read_events(path: Path) -> Events:
    """Read a file of interactions.

    Raises:
        SpecError: the file cannot be read or is empty, or a line is not an event; names the line.
    """
    digest = hashlib.blake2b(digest_size=8)
    users, items, times, fractions = array("q"), array("q"), array("q"), array("q")
    separator: bytes | None = None
    columns = 0
    for number, line in _lines(path):
        digest.update(line)
        text = (line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line).strip(ASCII_SPACE)
        if not text:
            continue
        if not columns:
            separator = next((mark for mark in (b"\t", b",") if mark in text), None)
        fields = [field.strip(ASCII_SPACE) for field in text.split(separator)]
        if not columns:
            columns = len(fields)
            if columns not in (2, 3):
                many = "1 column" if columns == 1 else f"{columns} columns"
                raise _wrong(path, number, f"{many}, expected {WANTED}")
            if not any(_is_number(field) for field in fields):
                continue  # a heading
        if len(fields) != columns:
            what = f"{len(fields)} of the {columns} columns that the lines before have"
            raise _wrong(path, number, what, "complete the line, or delete it")
        users.append(_id(path, number, "user", fields[0]))
        items.append(_id(path, number, "item", fields[1]))
        if columns == 3:
            time, fraction = _time(path, number, fields[2])
            times.append(time)
            fractions.append(fraction)
    if not users:
        raise SpecError(f"interaction file {path} has no events; expected one {WANTED} per line")
    return _in_order(users, items, times, fractions, digest.hexdigest())


def _in_order(
    users: array[int], items: array[int], times: array[int], fractions: array[int], seal: str
) -> Events:
    who = np.frombuffer(users, dtype=np.int64)
    by_user = np.argsort(who, kind="stable")
    order, reordered = by_user, 0
    if times:
        when = np.frombuffer(times, dtype=np.int64)
        part = np.frombuffer(fractions, dtype=np.int64)
        # Stable: events of one moment stay in the file's order.
        order = np.lexsort((part, when, who))
        same_user = who[by_user][1:] == who[by_user][:-1]
        now, then = by_user[1:], by_user[:-1]
        earlier = (when[now] < when[then]) | ((when[now] == when[then]) & (part[now] < part[then]))
        reordered = int((same_user & earlier).sum())
    what = np.frombuffer(items, dtype=np.int64)
    return Events(who[order], what[order], reordered, seal)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers from 1.

    Raises:
        SpecError: it cannot be read, or a line is too long to be an event.
    """
    file = opened(path, kind="interaction file", task="recommendation", content="file of events")
    with file as lines:
        number = 0
        while line := lines.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                what = f"a line of {LONGEST_LINE:,} bytes or more, which is not {WANTED}"
                raise _wrong(path, number, what)
            yield number, line


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _id(path: Path, number: int, kind: str, field: bytes) -> int:
    if field.isdigit() and len(field) <= LONGEST_ID:
        return int(field)
    shown = ascii(field[:40].decode(errors="replace"))
    if field.startswith(b"-") and field[1:].isdigit():
        what, hint = f"the {kind} {shown} is negative", "ids count from 0"
    elif field:
        what, hint = f"the {kind} {shown} is not an id", "ids are whole numbers of up to 18 digits"
    else:
        what, hint = f"the {kind} is missing", f"expected {WANTED}"
    raise _wrong(path, number, what, hint)


def _time(path: Path, number: int, field: bytes) -> tuple[int, int]:
    """A timestamp's whole number, and its fraction in units of 10^-18, exactly."""
    if field.isdigit() and len(field) <= LONGEST_ID:
        return int(field), 0
    try:
        exact = Decimal(field.decode("ascii"))
        if not exact.is_finite() or "_" in field.decode("ascii"):
            raise InvalidOperation
        if exact.adjusted() > LONGEST_ID or exact.copy_abs() >= LATEST:
            raise OverflowError
        whole = int(exact.to_integral_value(ROUND_FLOOR, EXACT))
        fraction = EXACT.scaleb(EXACT.subtract(exact, whole), FRACTION_DIGITS)
        return whole, int(EXACT.to_integral_exact(fraction))
    except Inexact:
        what = f"has more than {FRACTION_DIGITS} digits after the point"
        hint = "round all timestamps to the same number of digits"
    except (InvalidOperation, UnicodeDecodeError):
        what, hint = "is not a number", "give seconds, nanoseconds or days"
    except OverflowError:
        what, hint = "is not a time", "whole numbers below 2^63 and their fractions are"
    shown = ascii(field[:40].decode(errors="replace"))
    raise _wrong(path, number, f"the timestamp {shown} {what}", hint)


def _wrong(path: Path, number: int, what: str, hint: str = "") -> SpecError:
    return SpecError([Problem(f"{path}:{number}", "", what, hint)])
