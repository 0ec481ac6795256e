"""from_transformers tells modules by their class, copies weights and refuses what it knows not.

Without transformers: a module of the same class name and attributes stands in.
"""

import subprocess
import sys

import pytest
import torch
from torch import nn

from seqzoo.errors import SpecError
from seqzoo_gla import from_transformers
from seqzoo_gla.from_transformers.table import CONVERTERS

from .parity import REGISTRY, filled


class Lfm2ShortConv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_kernel_size, self.bias = 3, False
        self.in_proj = nn.Linear(16, 48, bias=False)
        self.conv = nn.Conv1d(16, 16, 3, groups=16, padding=2, bias=False)
        self.out_proj = nn.Linear(16, 16, bias=False)


def test_unknown_modules_are_refused_with_the_list() -> None:
    with pytest.raises(SpecError, match="knows no module 'Linear'; known: ") as refusal:
        from_transformers(nn.Linear(2, 2), REGISTRY)
    for name in CONVERTERS:
        assert name in str(refusal.value)


def test_weights_are_copies_in_the_modules_dtype_and_mode() -> None:
    module = filled(Lfm2ShortConv()).to(torch.bfloat16).eval()
    mixer = from_transformers(module, REGISTRY)
    assert not mixer.training
    assert torch.equal(mixer.get_parameter("project_in.weight"), module.in_proj.weight)
    with torch.no_grad():
        mixer.get_parameter("project_in.weight").zero_()
    assert module.in_proj.weight.any()
    assert {each.dtype for each in mixer.parameters()} == {torch.bfloat16}
    assert from_transformers(module.train(), REGISTRY).training


def test_transformers_is_not_imported() -> None:
    code = "import seqzoo_gla, sys; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
