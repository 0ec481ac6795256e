"""Turns, and what is made of their times."""

from seqzoo.bench import timing


def test_turns_alternate_and_percentiles_are_ordered() -> None:
    calls: list[str] = []
    functions = {name: lambda name=name: calls.append(name) for name in "ab"}
    times = timing.take_turns(functions, seconds=0.0, least=4, warm=1)
    assert "".join(calls) == "ab" + "abba" * 2
    assert times["a"].calls == 4
    assert timing.summarise([5.0, 1.0, 2.0, 3.0, 4.0, 100.0]) == (3.5, 2.0, 5.0, 6)
