import json
import os

import pytest

from seqzoo.errors import RunError
from seqzoo.probe import Finding, Findings, Plot, read_findings
from seqzoo.probe.findings import keep_findings, write_findings

PLOT = Plot("t", ("error",), "layer", "token", "error", "x")


def test_what_is_written_is_read(tmp_path) -> None:
    rows = [{"layer": 0, "t": 1, "error": 0.5}, {"layer": 0, "t": 2, "error": None}]
    findings = Findings("last", 9, 4, 2, [Finding("a", "A", "of a", rows, PLOT, "a note")])
    write_findings(findings, tmp_path)
    assert read_findings(tmp_path) == findings


def test_numbers_that_json_has_not_are_null(tmp_path) -> None:
    rows = [{"layer": 0, "t": 1, "error": float("nan")}, {"layer": 0, "t": 2, "error": 1e400}]
    write_findings(Findings("last", 9, 4, 2, [Finding("a", "A", "of a", rows, PLOT)]), tmp_path)
    found = read_findings(tmp_path)
    assert found is not None
    assert [row["error"] for row in found.found[0].rows] == [None, None]


def test_no_file_is_no_finding(tmp_path) -> None:
    assert read_findings(tmp_path) is None


@pytest.mark.parametrize("text", ["{", "[]", "{}", json.dumps({"version": 9, "found": []})])
def test_a_damaged_file_says_what_to_do(tmp_path, text: str) -> None:
    (tmp_path / "probes.json").write_text(text)
    with pytest.raises(RunError, match=r"probes\.json cannot be read .*; run seqzoo probe again"):
        read_findings(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "probes.json")
    with pytest.raises(RunError, match="it is a pipe, not a regular file"):
        read_findings(tmp_path)


def test_a_row_without_what_is_drawn_is_damage(tmp_path) -> None:
    rows = [{"layer": 0, "t": 1, "error": 0.5}, {"layer": 0, "t": 2}]
    write_findings(Findings("last", 9, 4, 2, [Finding("a", "A", "of a", rows, PLOT)]), tmp_path)
    with pytest.raises(RunError, match=r"row 1 of a has no 'error'\); run seqzoo probe again"):
        read_findings(tmp_path)


def found(*probes: str, note: str = "", step: int = 9) -> Findings:
    findings = [Finding(name, name.upper(), "", [], PLOT, note) for name in probes]
    return Findings("last", step, 4, 2, findings)


def test_one_probe_leaves_what_others_found(tmp_path) -> None:
    assert keep_findings(found("a", "c"), tmp_path) == []
    assert keep_findings(found("b", "c", note="new"), tmp_path) == []
    kept = read_findings(tmp_path)
    assert kept is not None
    assert [each.probe for each in kept.found] == ["a", "b", "c"]
    assert [each.note for each in kept.found] == ["", "new", "new"]


def test_findings_on_other_weights_are_dropped_by_name(tmp_path) -> None:
    keep_findings(found("a", "b"), tmp_path)
    assert keep_findings(found("b", step=20), tmp_path) == ["a"]
    assert read_findings(tmp_path) == found("b", step=20)


def test_a_damaged_file_is_replaced(tmp_path) -> None:
    (tmp_path / "probes.json").write_text("{")
    assert keep_findings(found("a"), tmp_path) == []
    assert read_findings(tmp_path) == found("a")
