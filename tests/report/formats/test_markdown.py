from seqzoo.report import make_report, to_markdown


def test_a_report_in_markdown(ablation):
    blocks = to_markdown(make_report(ablation.path)).split("\n\n")
    assert blocks[0].startswith("**test: 8 of 12 runs done (2 failed, 2 missing), 2 seeds, from ")
    assert blocks[1] == "**xor**"
    assert blocks[2].splitlines() == [
        "| variant | steps to 0.9 | accuracy | steps vs base | params | tok/s |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| full | **50** \\* | 0.960 ± 0.014 | base | 4.0k | 5.0k |",
        "| thin | 80 (1 of 2 seeds) | 0.730 ± 0.255 | ≥ +40 [+40, +40] | 4.0k | 5.0k |",
        "| plain | not within 100 steps | 0.510 ± 0.014 | ≥ +50 [+40, +60] | 4.0k | 5.0k |",
    ]
    assert blocks[-2].endswith("Run on a processor, 1 thread a run, torch 2.13, seqzoo 0.1.")
    assert blocks[-1].startswith("- failed: full, parity, seed 1: ValueError('no') (")


def test_signs_that_mean_something_in_markdown_are_taken_literally(grid):
    grid.cell("a_b|c*", {0: 0.5})
    grid.freeze()
    assert "| a\\_b\\|c\\* | 0.500 |" in to_markdown(make_report(grid.path))
