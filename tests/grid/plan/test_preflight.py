"""A grid whose loggers want a library that is not here is refused before anything runs."""

from __future__ import annotations

import sys

import pytest

import seqzoo
from seqzoo.cli import main
from seqzoo.errors import SpecError
from seqzoo.grid.plan.expansion import expand
from seqzoo.grid.plan.preflight import refuse_missing_loggers
from seqzoo.registry import Origin
from seqzoo.spec.document import parse_document
from seqzoo.spec.grid import GridSpec
from seqzoo.train import Logger

GRID = """
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: parity, length: 8}
  train: {steps: 4, batch_size: 4}
variants: {plain: {}, watched: {model.mlp: null, train.loggers: [jsonl, LOGGER]}}
seeds: 2
"""


@pytest.mark.parametrize(
    ("logger", "module", "extra"),
    [("tensorboard", "torch.utils.tensorboard", "tensorboard"), ("mlflow", "mlflow", "mlflow")],
)
@pytest.mark.parametrize("dry", [True, False])
def test_a_missing_extra_is_told_before_any_run_starts(
    logger, module, extra, dry, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, module, None)
    file, out = tmp_path / "grid.yaml", tmp_path / "out"
    file.write_text(GRID.replace("LOGGER", logger), encoding="utf-8")
    assert main(["grid", str(file), "--out", str(out), *(["--dry-run"] if dry else [])]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert f"watched, seed 0: logger '{logger}' needs" in told
    assert f"pip install 'seqzoo[{extra}]', or leave it out of train.loggers; no run was" in told
    assert not out.exists()


def test_a_logger_is_made_once_for_all_runs_that_name_it():
    class Counted(Logger):
        """Counts how often it is made."""

        name = "counted"
        made = 0

        def __init__(self, spec, console=None):
            super().__init__(spec, console)
            Counted.made += 1

    registry = seqzoo.load_registry([])
    registry.add(Counted, Origin("third", "third-party", "1"))
    document = parse_document(GRID.replace("LOGGER", "counted"), "grid.yaml")
    runs = expand(document.validate(GridSpec, registry).written_in(document), registry)
    refuse_missing_loggers(runs)
    assert (len(runs), Counted.made) == (4, 1)


def test_whatever_else_a_logger_says_against_it_is_told_with_the_run():
    class Sulky(Logger):
        """Refuses to work."""

        name = "sulky"

        def __init__(self, spec, console=None):
            raise SpecError("logger 'sulky' will not; leave it out")

    registry = seqzoo.load_registry([])
    registry.add(Sulky, Origin("third", "third-party", "1"))
    document = parse_document(GRID.replace("LOGGER", "sulky"), "grid.yaml")
    runs = expand(document.validate(GridSpec, registry).written_in(document), registry)
    with pytest.raises(SpecError, match=r"watched, seed 0: .* will not; leave it out; no run was"):
        refuse_missing_loggers(runs)
