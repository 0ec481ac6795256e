from seqzoo.thousands import thousands


def test_counts_are_at_most_five_characters():
    assert [thousands(v) for v in (0, 999, 1000, 12_345, 999_960, 3_400_000, 123_456)] == [
        *("0", "999", "1.0k", "12.3k", "1.0M", "3.4M", "123k")
    ]
