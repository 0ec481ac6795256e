import itertools

import pytest

from seqzoo.tasks.groups import LARGEST_ORDER, multiplication_table, order_of


def compose(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """First b, then a."""
    return tuple(a[place] for place in b)


def is_even(element: tuple[int, ...]) -> bool:
    """By the cycles: one of length c is c - 1 swaps."""
    swaps, left = 0, set(range(len(element)))
    while left:
        place = left.pop()
        while (place := element[place]) in left:
            left.remove(place)
            swaps += 1
    return swaps % 2 == 0


@pytest.mark.parametrize("name", ["S2", "S3", "S4", "S5", "A3", "A4", "A5"])
def test_permutations_compose(name: str) -> None:
    elements = list(itertools.permutations(range(int(name[1]))))
    if name[0] == "A":
        elements = [element for element in elements if is_even(element)]
    number = {element: index for index, element in enumerate(elements)}
    assert order_of(name) == len(elements)
    assert multiplication_table(name).tolist() == [
        [number[compose(a, b)] for b in elements] for a in elements
    ]


def test_residues_add() -> None:
    table = multiplication_table("Z60")
    assert all(table[a, b] == (a + b) % 60 for a in range(60) for b in range(60))


def test_products_multiply_factor_by_factor() -> None:
    table, first = multiplication_table("A4_x_Z5"), multiplication_table("A4")
    for a, b in itertools.product(range(60), repeat=2):
        product = int(first[a // 5, b // 5]) * 5 + (a % 5 + b % 5) % 5
        assert int(table[a, b]) == product
    assert order_of("Z2_x_Z2_x_S3") == 24


@pytest.mark.parametrize("name", ["S4", "A5", "Z7", "A4_x_Z5", "S3_x_Z2"])
def test_every_table_is_a_group_with_identity_0(name: str) -> None:
    table = multiplication_table(name)
    order = len(table)
    numbers = list(range(order))
    assert table[0].tolist() == table[:, 0].tolist() == numbers
    assert all(sorted(row) == numbers for row in table.tolist())
    assert all(sorted(column) == numbers for column in table.T.tolist())
    assert (table[table] == table[:, table]).all()  # (a b) c = a (b c)


def test_a5_does_not_commute_and_z60_does() -> None:
    assert (multiplication_table("Z60") == multiplication_table("Z60").T).all()
    assert (multiplication_table("A5") != multiplication_table("A5").T).any()


@pytest.mark.parametrize("name", ["", "Q8", "s5", "S5 x Z2", "S05", "Z-3", "A5_x_", "Z5x"])
def test_unknown_names_say_what_is_known(name: str) -> None:
    with pytest.raises(ValueError, match="is not a known group; write S5, A5 or Z60"):
        order_of(name)


@pytest.mark.parametrize(
    ("name", "size"), [("Z1", "1"), ("A2", "1"), ("S7", "5,040"), ("S9999", "far more")]
)
def test_too_small_or_large_groups_are_refused_at_once(name: str, size: str) -> None:
    with pytest.raises(ValueError, match=f"has {size} elements; take one of 2 to 1,024"):
        multiplication_table(name)
    assert LARGEST_ORDER == 1024
