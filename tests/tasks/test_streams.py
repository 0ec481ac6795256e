import torch

from seqzoo.tasks.streams import stream_of_test, stream_of_training


def draws(generator: torch.Generator) -> list[int]:
    return torch.randint(0, 2**31, (4,), generator=generator).tolist()


def test_a_stream_is_a_function_of_its_names() -> None:
    assert draws(stream_of_training("parity", 1, 2)) == draws(stream_of_training("parity", 1, 2))
    others = [("mqar", 1, 2), ("parity", 2, 1), ("parity", 1, 3), ("parity", 12, 0)]
    seen = [draws(stream_of_training(*names)) for names in others]
    assert draws(stream_of_training("parity", 1, 2)) not in seen
    assert len({tuple(row) for row in seen}) == len(seen)


def test_seeds_stay_what_they_were() -> None:
    # A change here would change the data of every run: of other processes, machines, versions.
    assert stream_of_training("parity", 1, 2).initial_seed() == 1488328663
    assert stream_of_test("mqar").initial_seed() == 2748096508


def test_no_training_stream_is_a_test_stream_in_the_bits_that_count() -> None:
    # The CPU generator looks at the low 32 bits only; the highest of them tells the splits apart.
    same = [torch.Generator().manual_seed(seed) for seed in (5, 5 + 2**32)]
    assert draws(same[0]) == draws(same[1])
    for step in range(200):
        assert stream_of_training("parity", 0, step).initial_seed() < 2**31
    assert 2**31 <= stream_of_test("parity").initial_seed() < 2**32
