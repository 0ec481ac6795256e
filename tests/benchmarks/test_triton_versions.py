"""What `make test-triton` does for each version of Triton."""

from __future__ import annotations

import triton_versions
from stages import Outcome


def test_each_version_has_its_own_environment_and_line(monkeypatch, capsys) -> None:
    seen = []

    def run(stages, folder):
        seen.extend(stages)
        return [Outcome(stage, "failed" if "3.6" in stage.group else "done") for stage in stages]

    monkeypatch.setattr(triton_versions, "run_stages", run)
    assert triton_versions.main(["3.6.0", "3.9.0", "--target", "sm_80"]) == 1
    last = capsys.readouterr().out.splitlines()[-2:]
    assert [line.partition(":")[0] for line in last] == ["triton 3.6.0", "triton 3.9.0"]
    words = {(stage.group, stage.name): stage.command for stage in seen}
    assert "triton==3.9.0" in words["triton 3.9.0", "install"]
    assert "numpy<2.4" in words["triton 3.6.0", "install"]
    assert "numpy<2.4" not in words["triton 3.9.0", "install"]
    assert words["triton 3.9.0", "compile"][-1] == "sm_80"
    folders = {group: words[group, "interpreter"][0] for group, _ in words}
    assert len(set(folders.values())) == 2
