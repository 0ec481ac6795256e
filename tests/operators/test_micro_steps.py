"""A decay happens once a token, before the first of its micro-steps."""

import pytest
import torch

from seqzoo.operators.forgets.micro_steps import before_first_step


@pytest.mark.parametrize("shape", [(2, 3, 2), (2, 3, 2, 4)], ids=["heads", "channels"])
def test_all_but_the_first_step_of_a_token_keep_everything(shape: tuple[int, ...]) -> None:
    log_decay = -torch.rand(shape)
    assert before_first_step(log_decay, 1) is log_decay
    found = before_first_step(log_decay, 3)
    assert found.shape == (2, 9, *shape[2:])
    assert torch.equal(found[:, ::3], log_decay)
    assert not found[:, 1::3].any()
    assert not found[:, 2::3].any()
