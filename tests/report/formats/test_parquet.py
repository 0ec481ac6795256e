import io
import sys

import pytest

from seqzoo.errors import RunError
from seqzoo.report import make_report, to_parquet


def test_parquet_has_a_row_a_cell_with_types(ablation):
    table = read(ablation)
    assert table.num_rows == 6
    types = {field.name: str(field.type) for field in table.schema}
    assert types["variant"] == types["task.type"] == "string"
    assert (types["mean"], types["n"], types["parameters"]) == ("double", "int64", "int64")
    thin = table.to_pylist()[1]
    assert (thin["variant"], thin["n"], thin["reached_at"]) == ("thin", 2, 80)
    assert (thin["difference"], thin["difference_low"]) == (40, 40)
    assert types["tokens_per_s_max"] == "double"
    assert table.to_pylist()[5]["mean"] is None


def test_axes_of_mixed_types_are_json_and_empty_columns_keep_their_type(grid):
    for value in (1, "auto", {"type": "x"}, [1, 2]):
        grid.run("", 0, {"model.size": value, "model.rate": 0.5 if value == 1 else 2})
    grid.freeze()
    table = read(grid)
    rows = table.to_pylist()
    assert [row["model.size"] for row in rows] == ["1", '"auto"', '{"type": "x"}', "[1, 2]"]
    assert [row["model.rate"] for row in rows] == [0.5, 2.0, 2.0, 2.0]
    assert str(table.schema.field("mean").type) == "double"


def test_without_pyarrow_the_install_line_is_told(ablation, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RunError, match=r"pip install 'seqzoo\[parquet\]'"):
        to_parquet(make_report(ablation.path))


def read(grid):
    parquet = pytest.importorskip("pyarrow.parquet")
    return parquet.read_table(io.BytesIO(to_parquet(make_report(grid.path))))
