from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seqzoo.spec.scalars import Unreadable, plain_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("1e3", 1000),
        ("1e-3", 0.001),
        ("-1.5E+2", -150),
        ("2.0", 2.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.inf", -math.inf),
        # text, whatever YAML 1.1 made of it
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("none", "none"),
        ("nan", "nan"),
        ("1:30", "1:30"),
        ("2026-11-22", "2026-11-22"),
        ("1.2.3", "1.2.3"),
        ("e3", "e3"),
        ("0xyz", "0xyz"),
        ("=", "="),
    ],
)
def test_value(text: str, value: object) -> None:
    read = plain_scalar(text)
    assert read == value
    assert type(read) is type(value)


def test_a_whole_number_with_an_exponent_fits_whole_and_other_numbers() -> None:
    assert isinstance(plain_scalar("1e4"), int)
    assert isinstance(plain_scalar("1.5e3"), int)
    assert isinstance(plain_scalar("1e40"), float)
    assert isinstance(plain_scalar("1.0"), float)


def test_not_a_number_is_a_number_that_specs_refuse() -> None:
    read = plain_scalar(".NaN")
    assert isinstance(read, float)
    assert math.isnan(read)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("None", "write null"),
        ("NONE", "write null"),
        ("010", "write 10, or '010' in quotes for text"),
        ("-007.5", "write -7.5, or '-007.5' in quotes for text"),
        ("00", "write 0, or '00' in quotes for text"),
        ("0x1F", "write 31, or '0x1F' in quotes for text"),
        ("0o17", "write 15, or '0o17' in quotes for text"),
        ("0b11", "write 3, or '0b11' in quotes for text"),
        ("1_000", "write 1000, or '1_000' in quotes for text"),
        ("9223372036854775808", "the largest is 9223372036854775807"),
        ("9" * 5000, "the largest is 9223372036854775807"),
        ("-9223372036854775809", "the least is -9223372036854775808"),
        ("-" + "9" * 5000, "the least is -9223372036854775808"),
        ("1e999", "the largest is about 1.8e308"),
    ],
)
def test_trap(text: str, hint: str) -> None:
    with pytest.raises(Unreadable) as trap:
        plain_scalar(text)
    assert trap.value.hint == hint


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_back(number: float) -> None:
    assert plain_scalar(repr(number)) == number


@given(st.integers(-(2**63), 2**63 - 1))
@example(-(2**63))
def test_every_64_bit_whole_number_is_read_back(number: int) -> None:
    assert plain_scalar(str(number)) == number


@given(st.text() | st.text(alphabet="0123456789_.eExXoObB+-:"))
@example("0O_")
@example("-0x__")
def test_any_word_is_a_value_or_a_trap(text: str) -> None:
    with contextlib.suppress(Unreadable):
        assert isinstance(plain_scalar(text), str | int | float | bool | None)
