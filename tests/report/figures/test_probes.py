import pytest

from seqzoo.grid.plan.plan import run_directory
from seqzoo.probe import Finding, Findings, Plot
from seqzoo.probe.findings import write_findings
from seqzoo.report import make_report
from seqzoo.report.figures.probes import Probed, draw_probed_runs, draw_probes
from seqzoo.report.html import to_html

STEPS = Plot("step", ("energy",), "layer", "steps done", "energy")
ERRORS = Plot("token", ("of_A", "of_B"), "layer", "token", "error", log="xy")


def found(height: float, step: int = 100, length: int = 3) -> Findings:
    steps = [{"layer": 0, "step": step, "energy": height * step} for step in range(3)]
    errors = [
        {"layer": layer, "token": t, "of_A": height * (t - 1), "of_B": height * t}
        for layer in (0, 1)
        for t in (1, 2, 3)
    ]
    return Findings(
        "last",
        step,
        8,
        length,
        [
            Finding("energy", "Energy", "By step.", steps, STEPS),
            Finding("growth", "Growth", "By token.", errors, ERRORS, f"grows by {height:g}"),
            Finding("nothing", "Nothing", "", [], STEPS, "does not apply"),
        ],
    )


def points(line):
    return list(zip(line.get_xdata(), line.get_ydata(), strict=True))


@pytest.fixture
def probed(grid):
    """A report of runs that `seqzoo probe` has measured, but for the last of `thin`."""

    def make(variants: int, seeds: int):
        for number in range(variants):
            grid.cell(f"v{number}", dict.fromkeys(range(seeds), 0.5))
        grid.freeze(base="v0")
        for number, row in enumerate(grid.rows[:-1]):
            write_findings(found(1.0 + number), run_directory(grid.path, row.run_id))
        return make_report(grid.path)

    return make


def test_a_probe_is_a_figure_and_a_run_is_a_panel(probed):
    energy, growth = draw_probed_runs(probed(2, 2))
    titles = ["v0, seed 0", "v0, seed 1", "v1, seed 0"]
    for drawing in (energy, growth):
        assert [ax.get_title(loc="left") for ax in drawing.figure.axes] == titles
        assert len({(ax.get_xlim(), ax.get_ylim()) for ax in drawing.figure.axes}) == 1
    assert (energy.name, energy.title, energy.notes) == ("probe-energy", "Energy", ())
    assert growth.notes == tuple(f"{each}. grows by {n}" for n, each in enumerate(titles, 1))
    assert energy.figure.axes[0].get_ylim()[1] > 6  # the third run's last point
    third = energy.figure.axes[2].get_lines()[0]
    assert points(third) == [(0, 0), (1, 3), (2, 6)]


def test_whole_numbers_have_whole_ticks_and_logarithms_have_no_zero(probed):
    energy, growth = draw_probed_runs(probed(1, 2))
    (ax,) = energy.figure.axes
    assert all(tick == round(tick) for tick in ax.get_xticks())
    (ax,) = growth.figure.axes
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    tokens = {line.get_label(): [t for t, _ in points(line)] for line in ax.get_lines()}
    assert tokens["layer 0, of_A"] == [2, 3]  # the error at the first token is zero
    assert tokens["layer 1, of_B"] == [1, 2, 3]


def test_of_many_runs_the_first_seeds_are_drawn(probed):
    energy, _ = draw_probed_runs(probed(8, 2))
    seeds = [ax.get_title(loc="left").split()[-1] for ax in energy.figure.axes]
    assert (seeds.count("0"), seeds.count("1")) == (8, 4)
    assert energy.caption.endswith("12 of 15 probed runs, first seeds first.")


def test_notes_stand_under_their_figure(probed):
    page = to_html(probed(1, 2))
    figure = page[page.index('id="figure-probe-growth"') :]
    figure = figure[: figure.index("</figure>")]
    assert "<li>v0, seed 0. grows by 1</li>" in figure
    assert figure.index("</svg>") < figure.index("<li>")


def test_each_line_of_a_note_is_an_item():
    finding = Finding("growth", "Growth", "", found(1.0).found[1].rows, ERRORS, "slow\nfast")
    (alone,) = draw_probes([Probed("", [finding])])
    (named,) = draw_probes([Probed("v0", [finding])])
    assert alone.notes == ("slow", "fast")
    assert named.notes == ("v0. slow", "v0. fast")


def test_titles_tell_runs_apart_that_were_not_measured_alike(grid):
    grid.cell("full", {0: 0.5, 1: 0.6, 2: 0.7})
    grid.freeze(base="full")
    for row, findings in zip(
        grid.rows, (found(1.0), found(1.0, step=50), found(1.0, length=2)), strict=True
    ):
        write_findings(findings, run_directory(grid.path, row.run_id))
    energy, _ = draw_probed_runs(make_report(grid.path))
    assert [ax.get_title(loc="left") for ax in energy.figure.axes] == [
        "full, seed 0, 8 sequences of 3 tokens",
        "full, seed 1, at step 50, 8 sequences of 3 tokens",
        "full, seed 2, 8 sequences of 2 tokens",
    ]


def test_what_all_runs_share_stands_in_the_caption(probed):
    energy, _ = draw_probed_runs(probed(1, 3))
    assert energy.caption == "By step. 8 sequences of 3 tokens."


def test_runs_without_findings_have_no_figure(grid):
    grid.cell("full", {0: 0.5, 1: 0.6})
    grid.freeze(base="full")
    assert list(draw_probed_runs(make_report(grid.path))) == []
