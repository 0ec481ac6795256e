"""Rows of figures, and what is left of a mixer that fails."""

from typing import Any

import pytest
import torch

import seqzoo
from seqzoo.bench import measure
from seqzoo.bench.measure import Extent, describe_run, measured_rows
from seqzoo.bench.subject import subjects_of
from seqzoo.bench.timing import Timing
from seqzoo.bench.work import Phase, Setting
from seqzoo.model.attention import AttentionMixer

SETTING = Setting(2, torch.device("cpu"), "float32")


def rows_of(mixers: list[str], extent: Extent) -> list[dict[str, Any]]:
    subjects = subjects_of(mixers, seqzoo.load_registry(), 16)
    said: list[str] = []
    rows = [row for rows in measured_rows(subjects, SETTING, extent, said.append) for row in rows]
    assert said[0] == "training, 8 tokens"
    return rows


def test_figures_follow_from_the_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mixer takes 12 ms, its scan 5, its projections 3."""

    def timed(functions: dict, *_: Any, **__: Any) -> dict[Any, Timing]:
        taken = {"whole": 12.0, "scan": 5.0, "projections": 3.0}
        return {key: Timing(taken[key[1]], 11.0, 13.0, 7) for key in functions}

    monkeypatch.setattr(measure, "take_turns", timed)
    extent = Extent((Phase.TRAINING, Phase.DECODE), (8,), 0.0, 1, with_memory=False)
    training, decode = rows_of(["prism"], extent)
    assert (training["ms"], training["ms_p20"], training["calls"]) == (12.0, 11.0, 7)
    assert training["tokens_per_s"] == pytest.approx(2 * 8 / 0.012, rel=1e-3)
    assert decode["tokens_per_s"] == pytest.approx(2 / 0.012, rel=1e-3)
    assert training["over_floor"] == 1.5
    assert training["scan_backends"][0]["backend"] == "chunked"
    assert "peak_bytes" not in training


def test_one_that_fails_leaves_its_reason_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("too long\nand more")

    monkeypatch.setattr(AttentionMixer, "mix", fail)
    extent = Extent((Phase.TRAINING,), (8, 16), 0.0, 1, with_memory=False)
    rows = rows_of(["attention", "prism"], extent)
    cases = [(row["length"], row["mixer"], row.get("skipped")) for row in rows]
    reason = "RuntimeError: too long"
    assert cases == [
        (length, *case) for length in (8, 16) for case in (("attention", reason), ("prism", None))
    ]


def test_the_machine_and_the_versions_are_named() -> None:
    facts = describe_run(SETTING)
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["device"]["threads"] == torch.get_num_threads()
    assert facts["device"]["name"]
    assert (facts["batch"], facts["precision"]) == (2, "float32")
