import copy

import pytest
import torch
from torch import Tensor

from seqzoo.model import build_model
from seqzoo.train.objective import Objective


@pytest.mark.parametrize("mixer", ["attention", "prism"])
def test_recomputed_blocks_give_the_same_gradients_and_keep_less(mixer: str) -> None:
    torch.manual_seed(0)
    spec = {"width": 16, "layers": 2, "mixer": mixer, "dropout": 0.3}
    plain = Objective(build_model(spec, vocab_size=7))
    again = Objective(copy.deepcopy(plain.model), recompute=True)
    tokens, targets = torch.randint(0, 7, (2, 4, 12)).unbind()
    positions = torch.arange(0, 48, 3)
    kept: list[int] = []
    for objective in (plain, again):
        torch.manual_seed(1)
        sizes: list[int] = []

        def pack(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss, _ = objective(tokens, targets.flatten()[positions], positions)
        kept.append(sum(sizes))
        loss.backward()
    for mine, theirs in zip(plain.parameters(), again.parameters(), strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert torch.equal(mine.grad, theirs.grad)
    assert kept[1] < kept[0] / 3
