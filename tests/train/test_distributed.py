from pathlib import Path
from typing import Any

import pytest

from seqzoo.errors import SpecError
from seqzoo.train import train
from seqzoo.train.distributed import ALONE, Processes


@pytest.mark.parametrize(("count", "size"), [(8, 2), (7, 3), (1, 4), (0, 2)])
def test_rows_are_cut_in_order_and_evenly(count: int, size: int) -> None:
    parts = [list(range(count)[Processes(rank, size).rows(count)]) for rank in range(size)]
    assert [row for part in parts for row in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_one_process_has_nobody_to_ask() -> None:
    assert ALONE.together(lambda: 3) == ALONE.on_writer(lambda: 3) == 3
    assert ALONE.gather("a") == ["a"]
    assert ALONE.writer
    with pytest.raises(ZeroDivisionError):
        ALONE.together(lambda: 1 // 0)


@pytest.mark.parametrize(
    ("settings", "size", "says"),
    [
        (
            {"parallel": "fsdp2"},
            None,
            r"train\.parallel: fsdp2 needs the processes of torchrun",
        ),
        ({"parallel": "ddp"}, None, r"train\.parallel: ddp needs the processes of torchrun: torch"),
        ({"parallel": "none"}, 2, r"train\.parallel: none is one process, and torchrun started 2"),
        ({"device": "cuda:1"}, 2, r"train\.device: cuda:1 is one device, and torchrun started 2"),
    ],
)
def test_what_cannot_be_shared_is_refused(
    make_spec: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    size: int | None,
    says: str,
) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    if size is not None:
        monkeypatch.setenv("RANK", "0")
        monkeypatch.setenv("WORLD_SIZE", str(size))
    with pytest.raises(SpecError, match=says):
        train(make_spec(settings), tmp_path / "out")
    assert not (tmp_path / "out").exists()
