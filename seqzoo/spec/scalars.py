"""The meaning of unquoted words: fewer surprises than YAML 1.1, and no silent ones.

`yes`, `on`, `1:30` and `2024-01-01` are text; `1e-3` is a number; a number that people read
differently (`010`, `1_000`, `0x1f`) and `None` are refused with what to write instead.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

__all__ = ["Unreadable", "plain_scalar"]

_CONSTANTS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_UNDERSCORES = re.compile(r"[-+]?[0-9]+(_[0-9]+)+(\.[0-9_]*)?([eE][-+]?[0-9]+)?")
_BASED = re.compile(r"[-+]?0([xX]_*[0-9a-fA-F][0-9a-fA-F_]*|[oO]_*[0-7][0-7_]*|[bB]_*[01][01_]*)")
_LEAST, _LARGEST = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class Unreadable(Exception):  # noqa: N818 - it is what the word is, not what the program did
    """An unquoted word that is refused.

    Attributes:
        what: the problem.
        hint: what to write instead.
    """

    what: str
    hint: str


def plain_scalar(text: str) -> str | int | float | bool | None:
    """The value of an unquoted word. A whole number with an exponent (`1e4`) is an int.

    Raises:
        Unreadable: a word that is refused.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text in ("None", "NONE"):
        raise Unreadable(f"{text} is not YAML's word for nothing", "write null")
    if _LEADING_ZERO.fullmatch(text):
        stripped = re.sub(r"^([-+]?)0+(?=[0-9])", r"\1", text)
        raise Unreadable(
            f"{text} has a leading zero", f"write {stripped}, or '{text}' in quotes for text"
        )
    if _BASED.fullmatch(text):
        raise Unreadable(
            f"{text} is not a decimal number",
            f"write {int(text.replace('_', ''), 0)}, or '{text}' in quotes for text",
        )
    if _UNDERSCORES.fullmatch(text):
        raise Unreadable(
            f"{text} has underscores",
            f"write {text.replace('_', '')}, or '{text}' in quotes for text",
        )
    if _WHOLE.fullmatch(text):
        if len(text) > 20 or not _LEAST <= int(text) <= _LARGEST:
            bound = f"the least is {_LEAST}" if text[0] == "-" else f"the largest is {_LARGEST}"
            raise Unreadable("this whole number does not fit in 64 bits", bound)
        return int(text)
    if _NUMBER.fullmatch(text):
        return _number(text)
    return text


def _number(text: str) -> int | float:
    number = float(text)
    if math.isinf(number):
        raise Unreadable(f"{text} is too large for a number", "the largest is about 1.8e308")
    if "e" in text.lower() and number.is_integer() and abs(number) <= 2**53:
        return int(number)
    return number
