import json
from html.parser import HTMLParser

from seqzoo.report import make_report
from seqzoo.report.html import to_html
from seqzoo.report.html.page import embedded
from seqzoo.train.record import write_record


class Page(HTMLParser):
    """Elements and their text; what a browser would make of the page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.data, self.current, self.text = [], "", None, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.current = dict(attrs).get("id")

    def handle_endtag(self, tag):
        self.current = None

    def handle_data(self, data):
        if self.current == "data":
            self.data += data
        self.text.append(data.strip())


def test_the_page_is_whole_and_asks_for_nothing_else(zoo, nasty):
    text = to_html(make_report(zoo.path))
    page = Page(text)
    assert [tag for tag, _ in page.tags].count("script") == 2
    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "iframe")
        assert not {"src", "srcset", "action"} & set(attributes), tag
        assert not any(
            str(v).startswith(("http", "//")) for k, v in attributes.items() if k == "href"
        )
    assert "default-src 'none'" in text
    assert {"Ablation.", "Learning curves.", "Quality against cost."} <= set(page.text)
    assert {"4 of 6", "full", "thin", nasty} <= set(page.text)


def test_the_data_hold_every_run_with_its_difference_to_the_base(zoo, nasty):
    data = json.loads(Page(to_html(make_report(zoo.path))).data)
    assert [run["label"] for run in data["runs"]][:3] == [
        *("full, seed 0", "full, seed 1", "thin, seed 0")
    ]
    full, other, thin, *_, failed, missing = data["runs"]
    assert (full["base"], full["changes"], full["error"]) == (0, [], None)
    assert (thin["base"], thin["changes"]) == (0, [["model.mixer.depth", "3", "2"]])
    assert other["base"] == 1
    assert full["curves"] == {
        "accuracy": [[50, 100], [0.45, 0.9]],
        "loss": [[50, 100], [0.55, 0.1]],
    }
    assert dict(full["facts"])["steps"] == "100 of 100"
    assert failed["error"] == f"ValueError('{nasty}')"
    assert (missing["curves"], missing["facts"]) == ({}, [["run", "run5"], ["state", "missing"]])
    spec = {name: data["sections"][place] for name, place in thin["spec"].items()}
    assert spec["model"] == {"width": 16, "mixer": {"type": "a", "depth": 2}}
    assert len(data["sections"]) == 1 + 3 + 1 + 2, "what runs share is there once"


def test_embedded_json_cannot_end_its_element():
    text = embedded({"a": "</script><!-- & \u2028"})
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == {"a": "</script><!-- & \u2028"}


def test_infinite_numbers_of_a_spec_are_words(tmp_path, make_record):
    (tmp_path / "spec.yaml").write_text("train: {rates: [.inf, 1.0], clip: .nan}", encoding="utf-8")
    write_record(tmp_path / "record.json", make_record("alone", 0.5))
    data = json.loads(Page(to_html(make_report(tmp_path))).data)
    assert data["sections"] == [{"rates": ["inf", 1.0], "clip": "nan"}]


def test_a_grid_without_records_and_a_run_alone_have_pages(grid, make_grid):
    grid.run("a")
    grid.freeze()
    assert "no run has a record yet" in to_html(make_report(grid.path))
    alone = make_grid("alone")
    alone.cell("", {0: 0.5})
    alone.freeze()
    data = json.loads(Page(to_html(make_report(alone.path))).data)
    assert data["runs"][0]["base"] is None


def test_runs_that_fail_alike_are_one_failure_with_one_traceback(grid):
    for seed in range(3):
        grid.run("a", seed)
    grid.freeze()
    for place in range(3):
        grid.fail(f"run{place}", "RuntimeError('no memory')")
    text = to_html(make_report(grid.path))
    assert text.count("<details>") == 1
    assert "<strong>a, seed 0 and 2 others</strong> RuntimeError" in text
    assert "Alike: a, seed 1; a, seed 2" in text
