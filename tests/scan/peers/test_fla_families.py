"""Our scans against fla's plain functions of the families that the benchmark does not measure.

Each call states in our terms what the family computes: which keys are read, erased and written.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from seqzoo.scan import Erase, ScanResult, Transition, Writes, elementwise_scan, scan

from .comparison import B, D, H, Inputs, T, compare, draw, flipped, one
from .naive import imported


def test_retention() -> None:
    """A fixed decay a head, 1 - 2^-(5 + h)."""
    naive = imported("fla.ops.retention.naive", "naive_retention")

    def ours(x: Inputs) -> ScanResult:
        decay = (1 - 2.0 ** (-5 - torch.arange(H, dtype=torch.float32))).log()
        transition = Transition(decay.expand(B, T, H))
        outputs, _ = scan(x["q"], transition, Writes(one(x["k"]), one(x["v"])), scale=D**-0.5)
        return ScanResult(outputs, outputs.new_empty(0))

    def theirs(x: Inputs) -> ScanResult:
        swapped = (x[key].transpose(1, 2) for key in "qkv")
        outputs = naive(*swapped).transpose(1, 2)
        return ScanResult(outputs, outputs.new_empty(0))

    compare(ours, theirs, draw("q k v"))


def test_gated_deltanet_2() -> None:
    """(I - k (b * k)^T) D(a): reads along b * k, takes away along k; writes w * v."""
    naive = imported("fla.ops.gdn2.naive", "naive_recurrent_gdn2")

    def ours(x: Inputs) -> ScanResult:
        read = x["erase"] * x["k"]
        erase = Erase(read, torch.ones(B, T, H), along_key=True)
        writes = Writes(one(x["k"]), one(x["write"] * x["v"]))
        return scan(x["q"], Transition(x["g"], erase), writes, x["state"], scale=D**-0.5)

    def theirs(x: Inputs) -> ScanResult:
        outputs, state = naive(
            x["q"],
            x["k"],
            x["v"],
            x["g"],
            x["erase"],
            x["write"],
            initial_state=flipped(x["state"]),
            output_final_state=True,
        )
        return ScanResult(outputs, flipped(state))

    compare(ours, theirs, draw("q k v g erase write state"))


def test_identity_plus_low_rank() -> None:
    """(I + b a^T): an erase with two keys of its own and no decay."""
    naive = imported("fla.ops.generalized_delta_rule.iplr.naive", "iplr_recurrence")

    def ours(x: Inputs) -> ScanResult:
        erase = Erase(x["a"], write=-x["erase"] * x["a"])
        writes = Writes(one(x["k"]), one(x["v"]))
        return scan(x["q"], Transition(None, erase), writes, x["state"], scale=D**-0.5)

    def theirs(x: Inputs) -> ScanResult:
        away = -x["erase"] * x["a"]
        swapped = (each.transpose(1, 2) for each in (x["q"], x["k"], x["v"], x["a"], away))
        outputs, state = naive(*swapped, flipped(x["state"]), True)
        return ScanResult(outputs.transpose(1, 2), flipped(state))

    compare(ours, theirs, draw("q k v a erase state"))


def test_rwkv6() -> None:
    """o_t reads S_{t-1} and the token's own write times a bonus: a scan read one token earlier."""
    naive = imported("fla.ops.rwkv6.recurrent_naive", "naive_recurrent_rwkv6")

    def ours(x: Inputs) -> ScanResult:
        queries = F.pad(x["q"][:, 1:], (0, 0, 0, 0, 0, 1))
        writes = Writes(one(x["k"]), one(x["v"]))
        reads, final = scan(queries, Transition(x["g"]), writes, x["state"])
        first = torch.einsum("bhk,bhvk->bhv", x["q"][:, 0], x["state"])
        reads = torch.cat([first.unsqueeze(1), reads[:, :-1]], 1)
        own = (x["q"] * x["bonus"] * x["k"]).sum(-1, keepdim=True) * x["v"]
        return ScanResult(D**-0.5 * (reads + own), final)

    def theirs(x: Inputs) -> ScanResult:
        swapped = (x[key].transpose(1, 2) for key in ("q", "k", "v", "g"))
        state = flipped(x["state"])
        outputs, final = naive(*swapped, x["bonus"], initial_state=state, output_final_state=True)
        return ScanResult(outputs.transpose(1, 2), flipped(final))

    compare(ours, theirs, draw("q k v g bonus state"))


def test_gated_slot_attention() -> None:
    """Two scans with a softmax between: keys into slots, then slots into values."""
    naive = imported("fla.ops.gsa.naive", "naive_recurrent_gsa")

    def ours(x: Inputs) -> ScanResult:
        slots, decay = x["slots"], Transition(x["slot_gate"])
        # slots are the keys of the values: S (K x slots) holds keys, read transposed
        into = Writes(one(slots), one(x["k"]))
        scores, _ = scan(D**-0.5 * x["q"], decay, into, transposed_read=True)
        outputs, _ = scan(scores.softmax(-1), decay, Writes(one(slots), one(x["v"])))
        return ScanResult(outputs, outputs.new_empty(0))

    def theirs(x: Inputs) -> ScanResult:
        outputs, _ = naive(x["q"], x["k"], x["v"], x["slots"], x["slot_gate"])
        return ScanResult(outputs, outputs.new_empty(0))

    compare(ours, theirs, draw("q k v slots slot_gate"))


def test_hgrn() -> None:
    """The element-wise scan."""
    naive = imported("fla.ops.hgrn.naive", "naive_recurrent_hgrn")

    def flat(x: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        return x["v"].flatten(2), x["g"].flatten(2), x["state"][..., 0].flatten(1)

    def ours(x: Inputs) -> ScanResult:
        inputs, decay, state = flat(x)
        return elementwise_scan(decay, inputs, state)

    def theirs(x: Inputs) -> ScanResult:
        inputs, decay, state = flat(x)
        return ScanResult(*naive(inputs, decay, state, output_final_state=True))

    compare(ours, theirs, draw("v g state"))
