import csv
import io
import json
import shutil

import pytest

from seqzoo import RunSpec, load_registry, load_spec
from seqzoo.cli import main
from seqzoo.train import train

RUN = """
name: tiny
model: {width: 16, layers: 1, mixer: attention}
task: {type: parity, length: 8}
train: {steps: 2, batch_size: 4, evaluate: {every: 2, sequences: 4}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    (folder / "run.yaml").write_text(RUN, encoding="utf-8")
    spec = load_spec(folder / "run.yaml", load_registry())
    assert isinstance(spec, RunSpec)
    train(spec, folder / "out")
    return str(folder / "out")


def test_every_format_is_printed(run, capsys):
    def printed(*arguments):
        assert main(["report", run, *arguments]) == 0
        return capsys.readouterr().out

    assert "tiny: 1 of 1 run done" in printed()
    assert "accuracy" in printed("--format", "table")
    assert "| run | accuracy |" in printed("--format", "markdown")
    (row,) = csv.DictReader(io.StringIO(printed("--format", "csv")))
    page = json.loads(printed("--format", "json"))
    assert page["cells"][0]["mean"] == float(row["mean"])
    assert json.loads(printed("--json")) == page
    assert "loss" in printed("--metric", "loss")
    assert r"\begin{tabular}" in printed("--format", "latex")


def test_a_report_is_written_to_a_file(run, tmp_path, capsys):
    path = tmp_path / "table.txt"
    assert main(["report", run, "--output", str(path)]) == 0
    assert capsys.readouterr().out == ""
    text = path.read_text(encoding="utf-8")
    assert text.startswith("tiny: 1 of 1 run done")
    assert "\x1b" not in text
    assert main(["report", run, "--output", str(tmp_path / "no" / "where.csv")]) == 1
    assert "where.csv" in capsys.readouterr().err


def test_wrong_input_is_told_plainly(run, tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "neither a grid (plan.json) nor a run" in capsys.readouterr().err
    assert main(["report", run, "--metric", "acuracy"]) == 2
    assert "did you mean 'accuracy'?" in capsys.readouterr().err
    assert main(["report", run, "--format", "spreadsheet"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert main(["report", run, "--rows", "depth"]) == 2
    assert "no axis here is called 'depth'" in capsys.readouterr().err
    assert main(["report", run, "--compare", run]) == 2
    assert "cannot be compared with itself" in capsys.readouterr().err


def test_directories_are_compared(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "again")
    again = str(tmp_path / "again")
    assert main(["report", run, "--compare", again, "--format", "csv"]) == 0
    first, second = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (first["directory"], second["directory"]) == ("out", "again")
    assert (first["difference"], second["difference"]) == ("", "0.0")
    assert main(["report", run, "--compare", again, "--columns", "directory,variant"]) == 0
    assert "directory=again" in capsys.readouterr().out


def test_parquet_is_written_to_a_file(run, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "cells.parquet"
    assert main(["report", run, "--format", "parquet", "--output", str(path)]) == 0
    assert parquet.read_table(path).num_rows == 1


def test_figures_are_drawn_into_a_folder(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "again")
    folder = tmp_path / "figures"
    again = str(tmp_path / "again")
    assert main(["report", run, "--compare", again, "--figures", str(folder)]) == 0
    names = ("bars", "curves", "pareto")
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{form}" for name in names for form in ("svg", "png")
    }
    assert f"figures in {folder}: {', '.join(names)}" in capsys.readouterr().err
