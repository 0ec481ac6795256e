"""What a run is made of, where that cannot be made."""

from typing import Any

import pytest
import torch

from seqzoo.errors import SpecError
from seqzoo.model import build_model
from seqzoo.train.assembly import Assembly
from seqzoo.train.distributed import Processes

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("settings", "size", "says"),
    [
        (
            {"batch_size": 9},
            2,
            "train.batch_size: 9 sequences, the whole batch, cannot be cut evenly among 2 "
            "processes; choose a multiple of 2, or another number of processes",
        ),
        (
            {"batch_size": 12, "accumulate": 3},
            8,
            "train.batch_size: 12 sequences, the whole batch, cannot be cut evenly among 8 "
            "processes x accumulate 3; choose a multiple of 24, or another number of processes",
        ),
        ({"batch_size": 2}, 4, "cannot be cut evenly among 4 processes; choose a multiple of 4"),
    ],
)
def test_a_batch_that_processes_cannot_share_is_refused_before_anything_is_made(
    make_spec: Any, settings: dict[str, Any], size: int, says: str
) -> None:
    def build(*_: object) -> Any:
        raise AssertionError("the model was made")

    with pytest.raises(SpecError) as caught:
        Assembly(make_spec(settings), build, CPU, Processes(0, size, "ddp"))
    assert says in str(caught.value)


def test_a_batch_that_can_be_cut_is_taken(make_spec: Any) -> None:
    spec = make_spec({"batch_size": 12, "accumulate": 3})
    made = Assembly(spec, lambda run, size: build_model(run, vocab_size=size), CPU, Processes(0, 1))
    assert made.step.accumulate == 3
