"""Hostile names come out of every format as the text they are, judged by that format's reader."""

from __future__ import annotations

import csv
import doctest
import html.parser
import io
import json
import re
import shlex
import sqlite3
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from matplotlib.figure import Figure
from rich.console import Console

from seqzoo import escape
from seqzoo.errors import Problem, SpecError
from seqzoo.report.figures.style import figure_style

HOSTILE = [
    *("[no mlp]", "no mlp [/2]", ":100:", "[bold]x[/bold]", "[x](url)", "![x](url)", "[^1]"),
    *("=SUM(A1:A9)", "+1", "-mlp", "@cmd", "_hidden", "$x^2$", "a_b*c*", "`code`", "<b>&amp;</b>"),
    *("a|b", "100% & #1 {x} ~y~ \\z", "</script><script>alert(1)</script>", "* star", "# head"),
    *("1. one", "--flag", "''", "naïve 模型", "👩‍💻", 'say "hi"', "https://example.org"),
    *("two\nlines", "tab\there", "\x1b[31mred\x1b[0m", "\x1b]8;;url\x07link", "\x9b31m", "nul\x00"),
    *("right\u202eto left", "zero\u200bwidth", "byte \udcff", "line\u2028end", "tag\U000e0041"),
]
relaxed = settings(  # a busy machine fails no test
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
NAMES = st.text(
    st.characters(codec="utf-8") | st.sampled_from("[]()|*_`~<>&#\\:@!=+-\n\t\x1b\u202e$%"),
    min_size=1,
)


def test_the_examples_of_its_docstrings() -> None:
    assert doctest.testmod(escape).failed == 0


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\r\nb", "a\\r\\nb"),
        ("\x9b1m", "\\x9b1m"),
        ("a\u202eb", "a\\u202eb"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
        ("naïve 模型 👩‍💻", "naïve 模型 👩‍💻"),
    ],
)
def test_every_sign_is_visible_and_scripts_stay(text: str, seen: str) -> None:
    assert escape.visible(text) == seen


def test_lines_keep_their_ends_and_tabs_alone() -> None:
    assert escape.visible_lines("a\n\tb\x1b\r") == "a\n\tb\\x1b\\r"


@relaxed
@given(NAMES)
def test_a_visible_text_is_one_printable_line(name: str) -> None:
    seen = escape.visible(name)
    assert len(seen.splitlines()) == 1
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", seen)
    assert escape.visible(seen) == seen


@pytest.mark.parametrize("name", HOSTILE)
def test_rich_prints_the_text_itself(name: str) -> None:
    page = io.StringIO()
    console = Console(file=page, width=200, force_terminal=True, color_system=None)
    console.print(escape.rich_text(name))
    assert page.getvalue() == escape.visible(name) + "\n"


def rendered(source: str) -> tuple[str, set[str]]:
    """The text of a Markdown source, and the kinds of its inline elements."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source)
    inline = [child for token in tokens for child in token.children or []]
    text = "".join(child.content for child in inline if child.type in ("text", "text_special"))
    kinds = {child.type for child in inline} - {"text", "text_special"}
    blocks = {token.type for token in tokens} - {"paragraph_open", "inline", "paragraph_close"}
    comments = {child.content for child in inline if child.type == "html_inline"} <= {"<!-- -->"}
    return text, (kinds - {"html_inline"} if comments else kinds) | blocks


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_renders_the_text_itself(name: str) -> None:
    assert rendered(escape.markdown(name)) == (escape.visible(name), set())


@relaxed
@given(NAMES)
def test_markdown_renders_any_text_itself(name: str) -> None:
    text, others = rendered(f"x{escape.markdown(name)}x")
    assert (text, others) == (f"x{escape.visible(name)}x", set())


@pytest.mark.parametrize("name", HOSTILE)
def test_a_cell_of_a_markdown_table_stays_one_cell(name: str) -> None:
    cell = escape.markdown(name)
    tokens = MarkdownIt("commonmark").enable("table").parse(f"| a | b |\n|-|-|\n| {cell} | 1 |")
    assert [token.type for token in tokens].count("td_open") == 2
    assert [token.type for token in tokens].count("tr_open") == 2


def test_codes_of_markdown_pages_are_broken_and_intervals_left_readable() -> None:
    assert escape.markdown(":100: @me") == ":<!-- -->100: @<!-- -->me"
    assert escape.markdown("accuracy@64, f.yaml:4:32") == "accuracy@64, f.yaml:4:32"
    assert escape.markdown("+0.1 [-0.2, +0.4]") == "+0.1 [-0.2, +0.4]"
    assert escape.markdown("[1](url)") == "\\[1\\](url)"


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("[no mlp]", "{[}no mlp]"),
        (" [x", "{[}x"),
        ("*", "{*}"),
        ("a [b]", "a [b]"),
        ("50% & #1_{x}~^\\", r"50\% \& \#1\_\{x\}\textasciitilde{}\textasciicircum{}"),
        ("$x$ a--b ''", r"\$x\$ a-{}-b '{}'"),
        ("0.9 ± 0.1", r"0.9 $\pm$ 0.1"),
        ("a\nb\x1b", r"a\textbackslash{}nb\textbackslash{}x1b"),
        ("?`", r"?\textasciigrave{}"),
    ],
)
def test_latex(name: str, source: str) -> None:
    expected = source + r"\textbackslash{}" if name.endswith("\\") else source
    assert escape.latex(name) == expected


@relaxed
@given(NAMES)
def test_latex_has_balanced_braces_and_no_bare_special_sign(name: str) -> None:
    source = escape.latex(name)
    bare = re.sub(r"\\[&%$#_{}]", "", source)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"[&%#_~^]", bare)
    assert not source.startswith(("[", "*"))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_field_of_csv_is_a_formula_and_all_come_back(name: str) -> None:
    page = io.StringIO()
    csv.writer(page).writerow([escape.csv_field(name), escape.csv_field(-0.5)])
    ((field, number),) = csv.reader(io.StringIO(page.getvalue()))
    assert field.removeprefix("'") in (escape.visible(name), escape.visible(name)[1:])
    assert not field.lstrip().startswith(("=", "+", "-", "@"))
    assert number == "-0.5"


class Words(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.title: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.title = dict(attrs).get("title")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", HOSTILE)
def test_html_shows_the_text_itself(name: str) -> None:
    words = Words()
    words.feed(f'<p title="{escape.html(name)}">{escape.html(name)}</p>')
    words.close()
    assert (words.tags, words.text, words.title) == (["p"], *[escape.visible(name)] * 2)
    assert escape.html(escape.html(name)) == escape.html(name), "escaped once"


def test_html_lines_keep_their_ends() -> None:
    assert escape.html_lines("<a>\n\tb\x1b") == "&lt;a&gt;\n\tb\\x1b"


@pytest.mark.parametrize("form", ["svg", "png"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_figure_names_every_series_in_its_legend(name: str, form: str) -> None:
    figure = Figure(figsize=(3, 1))
    ax = figure.subplots()
    ax.plot([0, 1], label=escape.figure_label(name))
    (shown,) = [text.get_text() for text in ax.legend().get_texts()]
    assert shown.removeprefix("\u200a") == escape.visible(name)


@pytest.mark.parametrize("name", HOSTILE)
def test_an_svg_is_xml_that_holds_the_text(name: str) -> None:
    page = io.StringIO()
    with figure_style():
        figure = Figure(figsize=(3, 1))
        figure.text(0, 0, escape.figure_label(name))
        figure.savefig(page, format="svg")
    texts = [
        "".join(e.itertext()) for e in ET.fromstring(page.getvalue()).iter() if "text" in e.tag
    ]
    assert escape.visible(name) in [text.removeprefix("\u200a") for text in texts]


@relaxed
@given(st.dictionaries(NAMES, NAMES | st.floats(allow_nan=False)))
def test_json_says_the_same_and_is_printable(value: dict[str, str | float]) -> None:
    text = escape.json_text(value)
    assert json.loads(text) == value
    assert text == escape.visible_lines(text)


def test_json_escapes_what_a_terminal_would_obey() -> None:
    assert escape.json_text(["é\x9b\u202e\U000e0041\udcff"], None) == (
        '["é\\u009b\\u202e\\udb40\\udc41\\udcff"]'
    )


@pytest.mark.parametrize("name", ["a?b", "a#b", "50%", "a%3Fb", "two words", "naïve"])
def test_a_path_in_an_sqlite_url_names_that_very_file(name: str, tmp_path: Path) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    file = tmp_path / name / "study.sqlite"
    file.parent.mkdir()
    engine = sqlalchemy.create_engine(escape.sqlite_url(file))
    with engine.begin() as connection:
        connection.exec_driver_sql("create table t (x)")
    engine.dispose()
    with sqlite3.connect(file) as database:
        assert database.execute("select name from sqlite_master").fetchall() == [("t",)]
    database.close()


@pytest.mark.parametrize("name", ["a b", "data #1.txt", "$HOME", "it's", "[x]", "*"])
def test_a_command_can_be_pasted_into_a_shell(name: str) -> None:
    assert shlex.split(escape.shell("seqzoo", "grid", Path(name))) == ["seqzoo", "grid", name]


def test_a_key_cannot_forge_a_line_of_errors() -> None:
    problem = Problem("f.yaml:1:1", "a\nf.yaml:9:9 b", "unknown\x1b[2K key")
    error = SpecError([problem, Problem("f.yaml:2:1", "c", "wrong")])
    assert str(error) == ("f.yaml:1:1 a\\nf.yaml:9:9 b: unknown\\x1b[2K key\nf.yaml:2:1 c: wrong")
