from seqzoo.report import make_report, to_latex


def test_a_report_in_latex(ablation):
    head, xor, parity = to_latex(make_report(ablation.path)).split("\n\n")
    assert head.startswith("% test: 8 of 12 runs done (2 failed, 2 missing)")
    lines = [line.strip() for line in xor.splitlines()]
    assert lines[2].startswith(r"\caption{test, xor. mean $\pm$ sample standard deviation")
    assert r"[bootstrap 95 \% interval]" in lines[2]
    assert "% failed: thin, parity, seed 1: diverged at step 7" in head
    assert [*lines[:2], *lines[3:]] == [
        r"\begin{table}",
        r"\centering\small",
        r"\begin{tabular}{lrrrrr}",
        r"\toprule",
        r"variant & steps to 0.9 & accuracy & steps vs base & params & tok/s \\",
        r"\midrule",
        r"full & \textbf{50} & 0.960 $\pm$ 0.014 & base & 4.0k & 5.0k \\",
        r"thin & 80 (1 of 2 seeds) & 0.730 $\pm$ 0.255 & $\geq$ +40 [+40, +40] & 4.0k & 5.0k \\",
        r"plain & not within 100 steps & 0.510 $\pm$ 0.014 & $\geq$ +50 [+40, +60]"
        r" & 4.0k & 5.0k \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    assert parity.count(r"\begin{table}") == parity.count(r"\end{table}") == 1


def test_points_stand_over_their_columns(grid):
    for task in ("xor", "a_b"):
        grid.cell("full", {0: 0.5}, {"task.type": task})
        grid.cell("50%&more{}\\", {0: 0.4}, {"task.type": task})
    grid.freeze(base="full")
    text = to_latex(make_report(grid.path))
    assert r" & \multicolumn{2}{c}{xor} & \multicolumn{2}{c}{a\_b} &  & \\" in text, (
        "a cell each for variant, params and tok/s"
    )
    assert r"\cmidrule(lr){2-3} \cmidrule(lr){4-5}" in text
    assert r"50\%\&more\{\}\textbackslash{} & 0.400 & -0.100 & 0.400 & -0.100" in text
