"""Layers with several states, or with one that is not the shared recurrence's, against fla's."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.operators import Dims, Features, Place, Stream
from seqzoo.scan import Erase, ScanResult, Transition, Writes, elementwise_scan, scan
from seqzoo_gla.decaying.conjugate_gradients import conjugate_gradients, corrected
from seqzoo_gla.decaying.fenwick_memory import FenwickMemory
from seqzoo_ttt.loss import LnReconstruction

from .comparison import B, D, H, Inputs, T, compare, draw, flipped, one
from .naive import imported

REGISTRY = seqzoo.load_registry()
DIMS = Dims(Place(H * D), H, D, D)


@pytest.mark.parametrize("decay", ["gate", "g"], ids=["gated_delta_rule", "kda"])
def test_preconditioned_delta_rules(decay: str) -> None:
    """Keys scaled by how often their channels were written; the erase reads them unscaled."""
    name = "precond_gated_delta_rule" if decay == "gate" else "precond_kda"
    naive = imported(f"fla.ops.{name}.naive", f"naive_recurrent_{name}")

    def unit(x: Inputs, name: str) -> Tensor:
        """Only one of their functions norms keys and queries itself."""
        return F.normalize(x[name], dim=-1)

    def ours(x: Inputs) -> ScanResult:
        k, squares = unit(x, "k"), x["rate"].unsqueeze(-1) * unit(x, "k").square()
        curvature, _ = elementwise_scan(x["other_gate"].unsqueeze(-1), squares, x["diagonal"])
        level = (curvature + 1e-6).log() - x["of_head"].unsqueeze(-1)
        kappa = torch.exp(-math.log(1.5) * level / (1 + level.abs())) * k
        erase = Erase(k, x["beta"], along_key=True)
        writes = Writes(one(kappa), one(x["v"]), one(x["beta"]))
        return scan(unit(x, "q"), Transition(x[decay], erase), writes, x["state"], scale=D**-0.5)

    def theirs(x: Inputs) -> ScanResult:
        outputs, state, _ = naive(
            q=unit(x, "q"),
            k=unit(x, "k"),
            v=x["v"],
            g=x[decay],
            beta=x["beta"],
            g_atk=x["other_gate"],
            beta_atk=x["rate"],
            initial_state=flipped(x["state"]),
            initial_A_state=x["diagonal"],
            log_atk_scale=x["of_head"],
            output_final_state=True,
        )
        return ScanResult(outputs, flipped(state))

    compare(ours, theirs, draw(f"q k v {decay} other_gate beta rate of_head diagonal state"))


def test_mesa_net() -> None:
    """(H_t + Lambda)^-1 q_t by conjugate gradients over scans; theirs by torch's solve."""
    naive = imported("fla.ops.mesa_net.naive", "naive_mesa_net_exact")

    def gram(x: Inputs) -> Tensor:
        return x["a"].transpose(1, 2).mT @ x["a"].transpose(1, 2) / T

    def ridge(x: Inputs) -> Tensor:
        return 1 + x["bonus"].sigmoid()

    def ours(x: Inputs) -> ScanResult:
        keys, strengths = one(x["k"]), one(x["beta"])
        decay, of_keys = Transition(x["gate"]), Writes(keys, keys, strengths)

        def product(z: Tensor) -> Tensor:
            with torch.no_grad():
                return scan(z, decay, of_keys, gram(x)).outputs + ridge(x) * z

        with torch.no_grad():
            z = conjugate_gradients(product, x["q"], 30)
        residual = x["q"] - scan(z, decay, of_keys, gram(x)).outputs - ridge(x) * z
        z = corrected(z, residual, product, 30)
        return scan(z, decay, Writes(keys, one(x["v"]), strengths), x["state"])

    def theirs(x: Inputs) -> ScanResult:
        outputs, _, state = naive(
            x["q"],
            x["k"],
            x["v"],
            x["gate"],
            ridge(x),
            x["beta"],
            h_kk_init=gram(x),
            h_kv_init=flipped(x["state"]),
        )
        return ScanResult(outputs, flipped(state))

    compare(ours, theirs, draw("q k v a gate beta bonus state"))


@pytest.mark.parametrize("chunk", [16, 64])
def test_log_linear_attention(chunk: int) -> None:
    naive = imported("fla.ops.log_linear_attn.naive", "naive_log_linear_attn")
    levels = 1 + round(math.log2(T))

    def gains(x: Inputs) -> Tensor:
        return F.softplus(x["v"])[..., :levels]

    def ours(x: Inputs) -> ScanResult:
        writes = Writes(one(x["k"]), one(x["v"]))
        memory = FenwickMemory(levels, chunk)
        reads = memory(x["q"], x["gate"], writes, gains(x), Stream.over(x["q"]))
        return ScanResult(reads, reads.new_empty(0))

    def theirs(x: Inputs) -> ScanResult:
        found = naive(x["q"], x["k"], x["v"], x["gate"], gains(x))
        return ScanResult(found, found.new_empty(0))

    compare(ours, theirs, draw("q k v gate"))


def tokens_of(x: Inputs, **numbers: Tensor) -> dict[str, Tensor]:
    return {"queries": x["q"], "keys": x["k"], "values": x["v"], **numbers}


def run(rule: Any, state: dict[str, Any], tokens: dict[str, Tensor], size: int) -> Any:
    """Reads (B, T, H, V) of blocks of so many tokens, and the weights after them."""
    reads = []
    for start in range(0, T, size):
        part = {name: x[:, start : start + size] for name, x in tokens.items()}
        state, read = rule.block(state, part)
        reads.append(read)
    return torch.cat(reads, 1), state["weights"]["only"]


def test_momentum_delta_rule() -> None:
    """M' = -beta M is a momentum like any other: one rule of plugins/ttt, a step for each token."""
    naive = imported("fla.ops.momentum_delta_rule.naive", "recurrent_momentum_delta_rule_ref")

    def beta(x: Inputs) -> Tensor:
        return 0.5 + 0.02 * x["beta"]

    def log_mu(x: Inputs) -> Tensor:
        return x["other_gate"] - 0.1  # so that beta_t mu_t / beta_{t-1} stays below 1

    def ours(x: Inputs) -> ScanResult:
        spec = {
            "type": "ttt",
            "memory": {"type": "linear", "bias": False},
            "loss": "reconstruction",
            "optimizer": {"type": "momentum", "chunk": 1},
            "mini_batch": 1,
            "rotary": False,
        }
        rule = REGISTRY.spec("rule", spec).build(DIMS)
        before = torch.cat([beta(x)[:, :1], beta(x)[:, :-1]], 1)
        numbers = {
            "rates": beta(x) * x["rate"],
            "momentum": (log_mu(x).exp() * beta(x) / before).logit(),
            "forgetting": (1 - x["gate"].exp()).logit(),
        }
        state = rule.start(B, x["q"])
        weights = {"only": {"weight": flipped(x["state"])}}
        state["weights"] = state["optimizer"]["weights"] = weights
        reads, after = run(rule, state, tokens_of(x, **numbers), 1)
        return ScanResult(reads, flipped(after["weight"]))

    def theirs(x: Inputs) -> ScanResult:
        outputs, states = naive(
            q=x["q"],
            k=x["k"],
            v=x["v"],
            p=x["k"],
            log_alpha=x["gate"],
            log_mu=log_mu(x),
            beta=beta(x),
            eta=x["rate"],
            scale=1.0,
            initial_S=flipped(x["state"]),
            output_final_state=True,
        )
        return ScanResult(outputs, flipped(states[0]))

    compare(ours, theirs, draw("q k v gate other_gate beta rate state"))


class ReadOntoItself(LnReconstruction):
    """TTT's loss; the layer norm is added to the read, as in fla, and not to the query."""

    name = "read_onto_itself"

    def read(self, z: Tensor, queries: Tensor) -> Tensor:
        return super().read(z, z)


def test_test_time_training() -> None:
    """With one rate a head; fla's definition has a token's rate as a factor on what it reads."""
    naive = imported("fla.ops.ttt.naive", "chunk_ttt_linear_ref")

    def rates(x: Inputs) -> Tensor:
        return (x["of_head"].sigmoid() / D).expand(B, T, H)

    def ours(x: Inputs) -> ScanResult:
        spec = {"type": "ttt", "rotary": False, "mini_batch": 16}
        rule = REGISTRY.spec("rule", spec).build(DIMS)
        loss: Any = ReadOntoItself(LnReconstruction.Spec(), DIMS)
        del loss.scale, loss.shift, rule.optimizer.offsets
        loss.scale, loss.shift = x["bonus"].unsqueeze(1), x["shift"].unsqueeze(1)
        rule.loss = loss
        places = torch.arange(1, 17, dtype=torch.float32)
        rule.optimizer.offsets = 1 - 1 / places  # every token of a mini-batch reads all of them
        state = rule.start(B, x["q"])
        state["weights"] = {
            "only": {"weight": flipped(x["state"]), "bias": x["diagonal"]},
        }
        reads, after = run(rule, state, tokens_of(x, rates=rates(x)), 16)
        return ScanResult(reads, torch.cat([after["weight"], after["bias"].unsqueeze(2)], 2))

    def theirs(x: Inputs) -> ScanResult:
        outputs, state, bias = naive(
            q=x["q"].clone(),
            k=x["k"],
            v=x["v"],
            w=x["bonus"],
            b=x["shift"],
            eta=rates(x).unsqueeze(-1),
            scale=1.0,
            initial_state=flipped(x["state"]),
            initial_state_bias=x["diagonal"].unsqueeze(2),
            output_final_state=True,
        )
        return ScanResult(outputs, torch.cat([state, bias], 2))

    compare(ours, theirs, draw("q k v bonus shift of_head diagonal state"))


@pytest.mark.parametrize("lower", [None, -5.0])
def test_kdas_gate(lower: float | None) -> None:
    name = "naive_kda_gate" if lower is None else "naive_kda_lowerbound_gate"
    naive = imported("fla.ops.kda.gate", name)
    forget = REGISTRY.spec("forget", {"type": "kda_decay", "rank": None, "lower": lower}).build(
        DIMS
    )
    _gates_agree(forget, forget.project, naive, {} if lower is None else {"lower_bound": lower})


def test_gated_deltanets_gate() -> None:
    naive = imported("fla.ops.gated_delta_rule.gate", "naive_gdn_gate")
    forget = REGISTRY.spec("forget", "mamba_decay").build(DIMS)
    _gates_agree(forget, forget.project, naive, {})


def _gates_agree(forget: Any, project: Any, naive: Any, options: dict[str, Any]) -> None:
    """The log decay of a forget, whose matrix is `project`, of 10 tokens."""
    u = torch.randn(2, 10, DIMS.width, generator=torch.Generator().manual_seed(0))
    writes = Writes(u.new_zeros(2, 10, 1, H, D), u.new_zeros(2, 10, 1, H, D))
    found = forget.log_decay(Features(u, u, u.new_zeros(2, 10, H, D), writes), Stream.over(u))
    raw = F.linear(u, project.weight).view(found.shape)
    expected = naive(raw, forget.log_rate, project.bias, **options)
    torch.testing.assert_close(found, expected)
