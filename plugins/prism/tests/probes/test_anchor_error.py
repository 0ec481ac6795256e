import pytest

from seqzoo_prism.probes import AnchorError


def rows(subject, mixer) -> list[dict]:
    return list(AnchorError.Spec().build().rows(subject(mixer)))


def test_before_the_first_token_the_state_reads_nothing(subject) -> None:
    first, *rest = rows(subject, "prism")
    assert (first["position"], first["error"], first["cosine"]) == (1, pytest.approx(1.0), 0.0)
    assert len(rest) == 9
    assert all(row["error"] > 0 and abs(row["cosine"]) <= 1 for row in rest)


@pytest.mark.parametrize(("anchor", "kernel"), [({"kernel_size": 7}, 7), ("identity", 1)])
def test_rows_name_the_kernel(subject, anchor, kernel: int) -> None:
    assert {row["kernel"] for row in rows(subject, {"type": "prism", "anchor": anchor})} == {kernel}


def test_a_layer_without_steps_has_no_rows(subject) -> None:
    assert rows(subject, "released-linear-attention") == []


def test_an_anchor_that_is_not_of_the_values_size_stands_in_for_nothing(subject) -> None:
    assert rows(subject, {"type": "prism-lm", "value_size": 5}) == []
    assert rows(subject, "prism-lm")
