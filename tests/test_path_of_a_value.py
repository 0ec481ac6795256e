"""The path that CONTRIBUTING.md gives for a value is the one that it takes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import FrameType

import seqzoo
from seqzoo.train import train

ROOT = Path(__file__).parents[1]
SPEC = """
name: path
model: {width: 16, layers: 1, mixer: {type: recurrent, scan: chunked}}
task: {type: parity, length: 8}
train: {steps: 1, batch_size: 2}
seed: 0
"""


def test_every_file_of_the_path_runs_and_there_are_fewer_than_twenty(tmp_path: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    path = re.findall(r"^(seqzoo/\S+\.py)  ", text, re.MULTILINE)
    assert 10 < len(path) < 20
    file = tmp_path / "run.yaml"
    file.write_text(SPEC)
    ran: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            ran.add(frame.f_code.co_filename)

    registry = seqzoo.load_registry([])
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        spec = seqzoo.load_spec(file, registry)
        assert isinstance(spec, seqzoo.RunSpec)
        train(spec, tmp_path / "run")
    finally:
        sys.setprofile(before)
    assert {each for each in path if str(ROOT / each) not in ran} == set()
