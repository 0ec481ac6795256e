"""The element-wise scan says which backend computes, and why."""

import torch

from seqzoo.scan import elementwise_scan
from seqzoo.scan.used import watching


def test_the_backend_and_its_reasons() -> None:
    inputs = torch.randn(1, 5, 2)
    with watching() as used:
        elementwise_scan(-inputs.abs(), inputs)
        elementwise_scan(-inputs.abs(), inputs, backend="reference")
    chosen, asked = used
    assert (chosen.operation, chosen.backend) == ("elementwise scan", "chunked")
    assert chosen.reasons[0].startswith("triton: not used, ")
    assert chosen.reasons[1] == "chunked: used, it comes next"
    assert asked.reasons == ("reference: used, it was asked for by name",)


def test_double_precision_is_a_reason() -> None:
    inputs = torch.randn(1, 5, 2, dtype=torch.float64)
    with watching() as used:
        elementwise_scan(-inputs.abs(), inputs)
    (only,) = used
    assert "triton: not used, it computes in float32, and an argument is float64" in only.reasons
