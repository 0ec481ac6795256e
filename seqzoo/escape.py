"""Print user text literally: one function per target format.

Names of variants, keys, paths and messages may contain anything: `[no mlp]`, `:100:`, `=SUM(A1)`,
`[x](url)`, newlines, escape codes. Everything that prints such text passes it through the function
of its format; nothing else in seqzoo escapes text.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup
    from rich.text import Text

__all__ = [
    "csv_field",
    "figure_label",
    "html",
    "html_lines",
    "json_text",
    "latex",
    "markdown",
    "rich_text",
    "shell",
    "sqlite_url",
    "visible",
    "visible_lines",
]

# Controls (C0, C1), line and paragraph separators, marks that turn the direction of text, marks
# that nobody sees, and halves of surrogate pairs (bytes of a path that are not UTF-8). The joiners
# U+200C and U+200D stay: scripts and emoji need them.
_HIDDEN = (
    "\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
)
_NOT_VISIBLE = re.compile(f"[{_HIDDEN}]")
_NOT_VISIBLE_IN_LINES = re.compile(f"(?![\n\t])[{_HIDDEN}]")


def visible(text: str) -> str:
    r"""One line of visible characters, for terminals; the basis of the other functions.

    >>> visible("no\nmlp \x1b[31m")
    'no\\nmlp \\x1b[31m'
    """
    return _NOT_VISIBLE.sub(_code, text)


def visible_lines(text: str) -> str:
    """The same for multi-line text such as a traceback: newlines and tabs are kept."""
    return _NOT_VISIBLE_IN_LINES.sub(_code, text)


def _code(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def rich_text(text: str, style: str = "") -> Text:
    """Text that rich prints verbatim: no markup, emoji codes or control codes."""
    from rich.text import Text

    return Text(visible(text), style=style)


def json_text(value: Any, indent: int | None = 2) -> str:
    """JSON with any script's letters unescaped, and invisible characters as \\u escapes."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _NOT_VISIBLE_IN_LINES.sub(lambda found: json.dumps(found[0])[1:-1], text)


_LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    "±": r"$\pm$",
    "\u00d7": r"$\times$",
    "\u2212": "$-$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "∞": r"$\infty$",
    "→": r"$\to$",
}
_LATEX_LIGATURES = re.compile(r"(?<=-)(?=-)|(?<=')(?=')")


def latex(text: str) -> str:
    r"""Escape text for LaTeX paragraphs, captions and table cells.

    A leading `[` or `*` is braced: after `\\` LaTeX would read it as an argument.

    >>> latex("[50%]"), latex("a_b--c")
    ('{[}50\\%]', 'a\\_b-{}-c')
    """
    text = _LATEX_LIGATURES.sub("\0", visible(text))
    start = text.lstrip(" ")
    head = f"{{{start[0]}}}" if start[:1] in ("[", "*") and start else ""
    escaped = "".join(_LATEX.get(sign, sign) for sign in (start[1:] if head else text))
    return head + escaped.replace("\0", "{}")


_MARKDOWN_SIGNS = re.compile(r"[\\|*_<>`~$&]")
_MARKDOWN_BRACKETS = re.compile(r"\[[-+.,\de ]+\](?![\[(:])|[\[\]]")  # [low, high] is no link
_MARKDOWN_START = re.compile(r"^(#{1,6}|[-+=])(?=\s|$|=|-)|^(\d+)([.)])(?=\s|$)|^(#)")
_MARKDOWN_CODES = re.compile(  # :100: is a picture on many pages, and @name calls a person
    r"(?<=:)(?=(?:[A-Za-z_][\w+-]*|100|1234|[+-]1):)|(?<=(?<!\w)@)(?=\w)"
)


def markdown(text: str) -> str:
    r"""Escape text for a Markdown paragraph, list item or table cell, on one line.

    An empty comment breaks up emoji codes such as `:100:` and mentions such as `@name`.

    >>> print(markdown("[x](url) a_b"), markdown("[-0.1, +0.2]"))
    \[x\](url) a\_b [-0.1, +0.2]
    """
    text = _MARKDOWN_CODES.sub("\0", visible(text))
    text = _MARKDOWN_SIGNS.sub(r"\\\g<0>", text)
    text = _MARKDOWN_BRACKETS.sub(
        lambda found: found[0] if len(found[0]) > 1 else f"\\{found[0]}", text
    )
    text = _MARKDOWN_START.sub(_markdown_start, text)
    return text.replace("\0", "<!-- -->")


def _markdown_start(found: re.Match[str]) -> str:
    number, dot = found[2], found[3]
    return f"{number}\\{dot}" if number else f"\\{found[0]}"


_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def csv_field(value: Any) -> Any:
    """A field of CSV; an apostrophe is put before text that a spreadsheet would run as a formula.

    Other types are returned unchanged; the csv module quotes commas and quotes.

    >>> csv_field("=1+1"), csv_field(-0.5)
    ("'=1+1", -0.5)
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if _FORMULA.match(text) else text


def html(text: object) -> Markup:
    """Escape text for HTML content and quoted attributes; `Markup` is returned unchanged."""
    from markupsafe import Markup, escape

    return text if isinstance(text, Markup) else escape(visible(str(text)))


def html_lines(text: str) -> Markup:
    """The same for a `<pre>`: newlines and tabs are kept."""
    from markupsafe import escape

    return escape(visible_lines(text))


def figure_label(text: str) -> str:
    """A label for matplotlib, in PNG, SVG and legends.

    Legends skip labels that start with `_`, so a hair space is put before it. Dollar signs are
    literal because `figure_style` disables math text.
    """
    text = visible(text)
    return f"\u200a{text}" if text.startswith("_") else text


def sqlite_url(path: Path) -> str:
    """The SQLAlchemy URL of an SQLite file, with `?`, `#` and `%` in its path escaped.

    >>> sqlite_url(Path("/runs/a?b/study.sqlite"))
    'sqlite:////runs/a%3Fb/study.sqlite'
    """
    text = str(path.absolute())
    for sign in "%?#":
        text = text.replace(sign, f"%{ord(sign):02X}")
    return f"sqlite:///{text}"


def shell(*words: str | Path) -> str:
    """A command line that can be pasted into a shell.

    >>> shell("seqzoo", "report", "my runs")
    "seqzoo report 'my runs'"
    """
    return shlex.join(visible(str(word)) for word in words)
