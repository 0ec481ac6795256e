from __future__ import annotations

import pytest

from seqzoo.scan.triton import configs
from seqzoo.scan.triton.architecture import architecture_is
from seqzoo.scan.triton.configs import Config, HeadSize, config_for, read_table
from seqzoo.scan.triton.tuning.tuned_table import TunedTable

KERNEL = "elementwise_carry_kernel"
FOUND = Config(8, 3, {"BLOCK_D": 64, "BLOCK_C": 16})


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "kernels.json"
    monkeypatch.setenv("SEQZOO_KERNEL_TABLE", str(path))
    configs.clear()
    yield path
    configs.clear()


def test_a_row_serves_up_to_its_size_and_larger_ones_keep_theirs(path, device):
    with architecture_is("sm_90"):
        sizes = [HeadSize(size, bits) for bits in (16, 32) for size in (4, 17, 200, 999)]
        before = {size: config_for(KERNEL, size, device) for size in sizes}
        TunedTable(path).keep(KERNEL, "sm_90", HeadSize(128, 32), FOUND)
        after = {size: config_for(KERNEL, size, device) for size in sizes}
        assert after == {**before, HeadSize(17, 32): FOUND}
        first = before[HeadSize(4, 32)]
        TunedTable(path).keep(KERNEL, "sm_90", HeadSize(128, 16), first)
        TunedTable(path).keep(KERNEL, "sm_90", HeadSize(128, 32), first)
        after = {size: config_for(KERNEL, size, device) for size in sizes}
        assert after == {**before, HeadSize(17, 32): first, HeadSize(17, 16): first}
    assert list(read_table(path)) == [KERNEL]
    assert list(read_table(path)[KERNEL]) == ["sm_90"]
    assert [file.name for file in path.parent.iterdir()] == ["kernels.json"]


def test_what_is_done_is_known_to_the_next_process(path):
    table = TunedTable(path)
    size = HeadSize(64, 16)
    assert not table.is_done(KERNEL, "sm_90", size)
    table.finish(KERNEL, "sm_90", size)
    assert TunedTable(path).is_done(KERNEL, "sm_90", size)
    assert not TunedTable(path).is_done(KERNEL, "sm_90", HeadSize(6, 16))
    assert not TunedTable(path).is_done(KERNEL, "sm_90", HeadSize(64, 32))
    assert not path.exists()


def test_a_file_that_is_no_table_is_left_alone(path):
    path.parent.mkdir()
    path.write_text("{")
    configs.clear()
    with pytest.raises(ValueError, match="not a table of kernel configurations"):
        TunedTable(path)
    assert path.read_text() == "{"
