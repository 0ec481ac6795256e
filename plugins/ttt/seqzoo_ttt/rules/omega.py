"""The rule `omega`: each token's step uses the losses of a window of tokens, not only its own."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from seqzoo.operators import Dims, Hint, Stream
from seqzoo.spec import PartSpec, since, slot
from seqzoo_ttt.loss import InnerLoss
from seqzoo_ttt.memories import Memory
from seqzoo_ttt.memories.maps import Weights, chosen, combined, maps_of, summed
from seqzoo_ttt.newton_schulz import orthogonalised
from seqzoo_ttt.rules.omega_block import omega_block
from seqzoo_ttt.rules.periodic import PeriodicRule

__all__ = ["OmegaRule"]

INITIAL_KEEP, INITIAL_MOMENTUM = 0.99, 0.9


class OmegaRule(PeriodicRule):
    """S_t = theta_t S_{t-1} + G_t, M_t = alpha_t M_{t-1} - eta_t NS(S_t), read f(M_t; phi(q_t)).

    G_t is the sum over i = t - c + 1 ... t of gamma_i grad loss(W; phi(k_i), v_i): the Omega rule
    of ATLAS, here from secondary descriptions of arXiv 2505.23735, of which there is no official
    code. They disagree about signs; this is descent. W are the weights before the mini-batch of t,
    so that with a mini_batch of 1 it is M_{t-1} as the paper has it. NS is Newton-Schulz of each
    matrix, phi(x) = [a_1 x, a_2 x^2, ..., a_p x^p] element by element with learned a_i, 1 / i! at
    first. With a linear memory, the loss `reconstruction`, c = 1, p = 1 and neither momentum nor NS
    it is a gated delta rule.

    alpha, theta, gamma and eta / largest_rate are each sigmoid(w u_t + b) for each head, alpha 0.99
    and theta 0.9 at first, as in a public reimplementation.
    """

    name = "omega"
    hints: ClassVar = {"numbers": Hint(decay=False), "coefficients": Hint(decay=False)}

    class Spec(PartSpec):
        """The memory, and how it is trained at test time.

        memory: the network whose weights are the state.
        loss: of a token, and how the memory is read.
        window: c, tokens whose losses count at each step.
        mini_batch: tokens whose gradients are taken at the same weights.
        degree: p of phi; a memory sees p times the features of a key.
        largest_rate: of eta; small, since a step is a sum over the window.
        momentum: whether there is theta; without it S_t = G_t.
        orthogonal: whether there is NS.
        compile: whether a mini-batch's computation goes through torch.compile.
        """

        memory: PartSpec[Memory] = slot("memory", "linear")
        loss: PartSpec[InnerLoss] = slot("inner_loss", "reconstruction")
        window: PositiveInt = 16
        mini_batch: PositiveInt = 16
        degree: PositiveInt = 1
        largest_rate: float = Field(default=0.01, gt=0.0)
        momentum: bool = True
        orthogonal: bool = False
        compile: bool = since("0.2", False)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.dims, self.window, self.largest_rate = dims, spec.window, spec.largest_rate
        self.period = self.block_size = spec.mini_batch
        self.momentum, self.orthogonal = spec.momentum, spec.orthogonal
        self.compiled = spec.compile
        self.features = spec.degree * dims.key_size
        seen = Dims(dims.place, dims.heads, self.features, dims.value_size)
        self.memory: Memory = spec.memory.build(seen)
        self.loss: InnerLoss = spec.loss.build(seen)
        inverses = [1 / math.factorial(power) for power in range(1, spec.degree + 1)]
        self.coefficients = nn.Parameter(torch.tensor(inverses))
        self.names = ("gates", "rates", "keep", *(["momentum"] if spec.momentum else []))
        self.numbers = nn.Linear(dims.width, len(self.names) * dims.heads)
        with torch.no_grad():
            biases = self.numbers.bias.view(len(self.names), dims.heads)
            biases[2] += math.log(INITIAL_KEEP / (1 - INITIAL_KEEP))
            biases[3:] += math.log(INITIAL_MOMENTUM / (1 - INITIAL_MOMENTUM))

    def inputs(self, u: Tensor, stream: Stream) -> dict[str, Tensor]:
        """gamma, eta, and what alpha and theta are the sigmoids of, (B, T, H) each."""
        parts = self.numbers(u).split(self.dims.heads, dim=-1)
        numbers = dict(zip(self.names, parts, strict=True))
        rates = self.largest_rate * numbers["rates"].sigmoid()
        return {**numbers, "gates": numbers["gates"].sigmoid(), "rates": rates}

    def start(self, sequences: int, like: Tensor) -> dict[str, Any]:
        """The initial weights, S = 0, a window of tokens with gamma = 0; float32 or wider."""
        dtype = torch.promote_types(like.dtype, torch.float32)
        weights = {
            name: {key: x.to(dtype).expand(sequences, *x.shape).clone() for key, x in layer.items()}
            for name, layer in self.memory.initial().items()
        }
        shape = (sequences, self.dims.heads, self.window - 1)
        seen = {
            "keys": like.new_zeros(*shape, self.features, dtype=dtype),
            "values": like.new_zeros(*shape, self.dims.value_size, dtype=dtype),
            "gates": like.new_zeros(*shape, dtype=dtype),
        }
        place = torch.zeros(sequences, dtype=torch.long, device=like.device)
        state = {"base": weights, "weights": weights, "seen": seen, "place": place}
        return {**state, "momentum": combined((0.0, weights))} if self.momentum else state

    def step(
        self, state: dict[str, Any], token: dict[str, Tensor]
    ) -> tuple[dict[str, Any], Tensor]:
        """One token as the equations stand: state, token of (B, H, ...) -> state, read."""
        q, seen, numbers = self._prepared(
            state, {name: x.unsqueeze(1) for name, x in token.items()}
        )
        base = state["base"]
        found = self.memory.gradients(base, self.loss, seen["keys"], seen["values"])
        speed = summed(base, found, seen["gates"])
        if self.momentum:
            theta = numbers["momentum"].sigmoid()
            speed = combined((theta, state["momentum"]), (1.0, speed))
        keep = numbers["keep"].sigmoid()
        change = self._step_of(speed)
        weights = combined((keep, state["weights"]), (-numbers["rates"], change))
        read = self.loss.read(self.memory(maps_of(weights), q), q).squeeze(2)
        ends = state["place"] == self.period - 1
        base = chosen(ends, weights, base)
        return self._after(state, base, weights, speed, seen, 1), read

    def block(
        self, state: dict[str, Any], tokens: dict[str, Tensor]
    ) -> tuple[dict[str, Any], Tensor]:
        """Up to a mini-batch of tokens, from its first on: all gradients at once."""
        q, seen, numbers = self._prepared(state, tokens)
        base, length = state["base"], q.shape[2]
        found = self.memory.gradients(base, self.loss, seen["keys"], seen["values"])
        orthogonal = self._step_of if self.orthogonal else None
        moved = omega_block(base, state.get("momentum"), found, seen["gates"], numbers, orthogonal)
        reads = self.loss.read(self.memory(moved.maps, q), q).transpose(1, 2)
        base = moved.weights if length == self.period else base
        return self._after(state, base, moved.weights, moved.momentum, seen, length), reads

    def _step_of(self, speed: Weights) -> Weights:
        """NS of each matrix."""
        if not self.orthogonal:
            return speed
        return {
            name: {key: orthogonalised(x) if key == "weight" else x for key, x in layer.items()}
            for name, layer in speed.items()
        }

    def _prepared(
        self, state: dict[str, Any], tokens: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """phi(q) (B, H, c, pK); what is seen, the window before and these tokens; numbers."""
        past = state["seen"]
        own = {name: x.to(past["keys"].dtype).transpose(1, 2) for name, x in tokens.items()}
        new = {
            "keys": self.powers(own.pop("keys")),
            "values": own.pop("values"),
            "gates": own.pop("gates"),
        }
        seen = {name: torch.cat([past[name], x], dim=2) for name, x in new.items()}
        return self.powers(own.pop("queries")), seen, own

    def powers(self, x: Tensor) -> Tensor:
        """phi: (..., K) -> (..., pK)."""
        coefficients = self.coefficients.to(x.dtype)
        return torch.cat([a * x ** (i + 1) for i, a in enumerate(coefficients)], dim=-1)

    def _after(
        self,
        state: dict[str, Any],
        base: Weights,
        weights: Weights,
        speed: Weights,
        seen: dict[str, Tensor],
        length: int,
    ) -> dict[str, Any]:
        """The state after these tokens."""
        kept = seen["keys"].shape[2] - self.window + 1
        after = {
            "base": base,
            "weights": weights,
            "seen": {name: x[:, :, kept:] for name, x in seen.items()},
            "place": (state["place"] + length) % self.period,
        }
        return {**after, "momentum": speed} if self.momentum else after
