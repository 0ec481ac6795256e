"""The page in headless Chromium, opened from disk; skipped, saying so, where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from seqzoo.grid.tune.tuned import Tried
from seqzoo.report import make_report
from seqzoo.report.html import to_html

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSER = os.environ.get("SEQZOO_CHROMIUM") or shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no chromium on the PATH and no SEQZOO_CHROMIUM: apt install chromium"
)
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, zoo, tmp_path) -> Iterator[Page]:
    """The report of `zoo`; whatever goes wrong on it fails the test."""
    file = tmp_path / "report.html"
    file.write_text(to_html(make_report(zoo.path)), encoding="utf-8")
    page = browser.new_page(color_scheme="dark")
    page.set_default_timeout(20_000)
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url))
    page.goto(file.as_uri())
    yield page
    page.close()
    assert set(wrong) == {file.as_uri()}, "no other request, no error, no message"


def column(page: Page, place: int) -> list[str]:
    cells = page.locator(f"#run-table tbody tr:visible td:nth-child({place})")
    return [text.strip() for text in cells.all_inner_texts()]


def test_runs_are_sorted_by_a_click_and_by_the_keyboard(page, nasty):
    heading = page.get_by_role("region", name="All runs").get_by_role("button", name="accuracy")
    heading.click()
    assert column(page, 5) == ["0.700", "0.800", "0.900", "0.950", "", ""]
    heading.focus()
    page.keyboard.press("Enter")
    assert column(page, 5) == ["0.950", "0.900", "0.800", "0.700", "", ""]
    assert page.locator("#run-table th[aria-sort=descending]").inner_text().strip() == "accuracy"
    page.locator("#run-table thead button", has_text="variant").click()
    assert column(page, 2)[:2] == [nasty, nasty]


def test_summary_tables_are_sorted_too(page):
    region = page.get_by_role("region", name="Summary").first
    region.get_by_role("button", name="vs base").click()
    rows = region.locator("tbody tr td:first-child").all_inner_texts()
    assert rows[0] == "thin", "numbers first, then what has none"


def test_marks_before_a_number_and_words_after_it_are_understood(page):
    region = page.get_by_role("region", name="Summary").first
    texts = ["~ 3.9k-6.2k", "5.8k", "1 failed, 1 missing"]
    region.locator(".sortable tbody").evaluate(
        "(body, texts) => [...body.rows].forEach((row, i) => "
        "{ row.cells[row.cells.length - 1].textContent = texts[i]; })",
        texts,
    )
    for expected in (texts, [texts[1], texts[0], texts[2]]):
        region.get_by_role("button", name="tok/s").click()
        assert region.locator(".sortable tbody td:last-child").all_inner_texts() == expected


def test_runs_are_found_by_words_and_chosen_by_values(page, nasty):
    page.get_by_label("Find").fill("thin 0.95")
    assert column(page, 1) == ["run3"]
    assert page.locator("#count").inner_text() == "1 of 6 runs"
    page.get_by_label("Find").fill("")
    page.get_by_label("state").select_option("failed")
    assert column(page, 1) == ["run4"]
    page.get_by_label("state").select_option("all")
    page.get_by_label("variant").select_option(nasty)
    assert column(page, 1) == ["run4", "run5"]


def test_of_very_many_runs_the_first_are_shown_until_all_are_asked_for(
    page, monkeypatch, zoo, tmp_path
):
    monkeypatch.setattr("seqzoo.report.html.page.MOST_ROWS", 2)
    (tmp_path / "report.html").write_text(to_html(make_report(zoo.path)), encoding="utf-8")
    page.reload()
    count, more = page.locator("#count"), page.get_by_role("button", name="Show all")
    assert column(page, 1) == ["run0", "run1"]
    assert count.inner_text() == "6 of 6 runs, the first 2 shown"
    page.get_by_role("region", name="All runs").get_by_role("button", name="accuracy").click()
    assert column(page, 5) == ["0.700", "0.800"], "sorted among all runs"
    page.get_by_role("button", name="run1").click()
    page.get_by_role("button", name="Next").click()
    assert page.get_by_role("dialog").get_by_role("heading").first.inner_text() == "full, seed 0"
    page.keyboard.press("Escape")
    page.get_by_label("state").select_option("failed")
    assert (column(page, 1), more.is_visible()) == (["run4"], False)
    page.get_by_label("state").select_option("all")
    more.click()
    assert len(column(page, 1)) == 6
    assert (count.inner_text(), more.is_visible()) == ("6 of 6 runs", False)


def test_a_run_is_opened_read_and_closed_with_the_keyboard(page):
    button = page.get_by_role("button", name="run2")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("heading").first.inner_text() == "thin, seed 0"
    assert "model.mixer.depth\t3\t2" in dialog.locator("table").inner_text()
    assert dialog.locator("mark").all_inner_texts() == ["    depth: 2"]
    assert "steps: 100" in dialog.locator("pre").inner_text()
    chart = dialog.get_by_role("img")
    assert chart.get_attribute("aria-label") == "accuracy over 100 steps, at last 0.7"
    assert dialog.locator("circle").count() == 2
    ticks = dialog.locator("svg.chart text").all_text_contents()
    assert ticks[:6] == ["0.4", "0.6", "0.8", "0", "50", "100"], "round numbers"
    dialog.get_by_label("Metric").select_option("loss")
    assert chart.get_attribute("aria-label") == "loss over 100 steps, at last 0.3"
    dialog.get_by_role("button", name="Next").click()
    assert dialog.get_by_role("heading").first.inner_text() == "thin, seed 1"
    page.keyboard.press("Escape")
    sync_api.expect(dialog).not_to_be_visible()
    sync_api.expect(page.get_by_role("button", name="run3", exact=True)).to_be_focused()


def test_a_trial_is_opened_with_its_curves_and_next_goes_through_the_trials(page, zoo, tmp_path):
    for place in (0, 1):
        tried = Tried(study="full", number=place, values={"train.optimizer.lr": 0.1 * (place + 1)})
        zoo.rows.append(
            zoo.rows[place].model_copy(update={"run_id": f"try{place}", "tried": tried})
        )
        zoo.record(f"try{place}", 0.6)
        zoo.curve(f"try{place}", {50: 0.5, 100: 0.6})
    (zoo.path / "plan.json").unlink()
    zoo.freeze(base="full")
    (tmp_path / "report.html").write_text(to_html(make_report(zoo.path)), encoding="utf-8")
    page.reload()
    page.get_by_label("state").select_option("failed")
    page.get_by_role("button", name="try0").click()
    dialog = page.get_by_role("dialog")
    chart = dialog.get_by_role("img")
    assert chart.get_attribute("aria-label") == "accuracy over 100 steps, at last 0.6"
    dialog.get_by_role("button", name="Next").click()
    title = dialog.get_by_role("heading").first
    assert title.inner_text() == "full, seed 1, trial 1", "whatever the table of runs hides"
    assert dialog.get_by_role("button", name="Next").is_disabled()
    page.keyboard.press("Escape")
    sync_api.expect(page.get_by_role("button", name="try1", exact=True)).to_be_focused()


def test_next_passes_over_what_the_filter_hides_and_failures_tell_their_error(page, nasty):
    page.get_by_label("Find").fill(nasty)
    page.get_by_role("button", name="run4").click()
    dialog = page.get_by_role("dialog")
    assert dialog.locator(".bad").inner_text() == f"ValueError('{nasty}')"
    assert dialog.get_by_role("button", name="Previous").is_disabled()
    dialog.get_by_role("button", name="Next").click()
    assert dialog.get_by_role("button", name="Next").is_disabled()
    assert "no evaluation was logged" in dialog.inner_text()
    dialog.get_by_role("button", name="Close").click()
    page.get_by_text("traceback").wait_for(state="hidden")
    page.locator("details summary").click()
    assert page.get_by_text("traceback").is_visible()
    assert page.title() == "test: report", "no name of a variant has run as a script"


def test_light_and_dark_follow_the_system_and_then_the_button(page):
    def paper() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    def ink_of_figures() -> str:
        return page.evaluate("getComputedStyle(document.querySelector('figure svg text')).fill")

    assert (paper(), ink_of_figures()) == ("rgb(20, 23, 28)", "rgb(231, 234, 238)")
    page.get_by_role("button", name="Switch between light and dark").click()
    assert (paper(), ink_of_figures()) == ("rgb(255, 255, 255)", "rgb(22, 25, 29)")


def test_a_name_is_not_folded_inside_a_word_where_the_table_can_scroll(browser, grid, tmp_path):
    for variant in ("full", "gated_deltanet_2"):
        for length in (16, 32, 64, 128):
            grid.cell(variant, {0: 0.5, 1: 0.6}, {"task.length": length})
    grid.freeze(base="full")
    file = tmp_path / "page.html"
    file.write_text(to_html(make_report(grid.path)), encoding="utf-8")
    page = browser.new_page(viewport={"width": 500, "height": 800})
    page.goto(file.as_uri())
    name = page.locator(".tables td:first-child", has_text="gated_deltanet_2").first
    lines = "el => { const r = document.createRange(); r.selectNodeContents(el);"
    assert name.evaluate(lines + " return r.getClientRects().length; }") == 1
    page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_a_phone_and_a_desktop(browser, grid, tmp_path, width):
    for task in ("xor", "parity", "a task with a name that is long and has no end"):
        for variant in ("full", "a-variant-with-a-name-that-is-long"):
            grid.cell(variant, {0: 0.5, 1: 0.6}, {"task.type": task})
    grid.freeze(base="full")
    file = tmp_path / "page.html"
    file.write_text(to_html(make_report(grid.path, statistics=True)), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width, "nothing overflows"
    wide = page.locator("figure.wide svg").first.bounding_box()
    assert wide is not None
    room = page.locator("main").bounding_box()
    assert room is not None
    if width == 1280:
        assert wide["width"] == pytest.approx(room["width"], abs=2)
    else:
        assert wide["width"] > room["width"], "figures scroll in their own frame"
    page.close()
