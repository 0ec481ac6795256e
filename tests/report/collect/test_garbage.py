from __future__ import annotations

import gc

import pytest

from seqzoo.report.collect.garbage import collector_at_rest


def test_the_collector_rests_and_comes_back_after_errors_too() -> None:
    with pytest.raises(KeyError), collector_at_rest():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()


def test_a_collector_that_was_at_rest_is_left_so() -> None:
    gc.disable()
    try:
        with collector_at_rest():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
