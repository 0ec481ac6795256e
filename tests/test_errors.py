from seqzoo.errors import counted


def test_one_thing_is_singular_and_all_else_plural():
    assert [counted(number, "run") for number in (0, 1, 2, 1200)] == [
        *("0 runs", "1 run", "2 runs", "1,200 runs")
    ]
    assert counted(2, "search", "searches") == "2 searches"
