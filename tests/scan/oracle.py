"""An independent oracle for the scans, and random problems to put to it.

The oracle shares no code with seqzoo: it builds each A_t and B_t as a dense matrix and
multiplies, S_t = S_{t-1} A_t + B_t.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from hypothesis import strategies as st
from torch import Tensor

from seqzoo.scan import Erase, Transition, Writes

DECAYS = ("none", "zero", "weak", "strong", "mixed", "reset")
ERASES = ("none", "tied", "read", "general", "tied_general", "before_decay", "tied_before_decay")


@dataclass
class Case:
    """A scan problem as named leaf tensors, so that gradients can be asked for by name."""

    tensors: dict[str, Tensor]
    before_decay: bool = False
    cu_seqlens: Tensor | None = None
    scale: float = 1.0

    def arguments(self) -> tuple[Tensor, Transition, Writes, Tensor | None]:
        get = self.tensors.get
        erase = None
        if "strength" in self.tensors or "write" in self.tensors:
            erase = Erase(
                get("read"), get("strength"), get("write"), before_decay=self.before_decay
            )
        writes = Writes(self.tensors["keys"], self.tensors["values"], get("strengths"))
        return self.tensors["queries"], Transition(get("log_decay"), erase), writes, get("state")

    def options(self) -> dict:
        return {"cu_seqlens": self.cu_seqlens, "scale": self.scale}

    def to(self, dtype: torch.dtype) -> Case:
        """The same numbers rounded to a dtype, the state to float32 at least."""
        wide = torch.promote_types(dtype, torch.float32)
        tensors = {
            name: tensor.to(wide if name == "state" else dtype)
            for name, tensor in self.tensors.items()
        }
        return replace(self, tensors=tensors)

    def tokens(self, start: int, end: int, state: Tensor | None) -> Case:
        """The same problem on tokens start..end, from another state."""
        tensors = {k: v[:, start:end] for k, v in self.tensors.items() if k != "state"}
        if state is not None:
            tensors["state"] = state
        return replace(self, tensors=tensors)


def dense_loop(case: Case) -> tuple[Tensor, Tensor]:
    """outputs (B, T, H, V) and the final state, token by token with dense A_t and B_t."""
    tensors = case.tensors
    queries, values = tensors["queries"], tensors["values"]
    batch, time, heads, key_size = queries.shape
    value_size = values.shape[-1]
    bounds = [0, time] if case.cu_seqlens is None else case.cu_seqlens.tolist()
    states = tensors.get("state")
    if states is None:
        rows = batch if case.cu_seqlens is None else len(bounds) - 1
        states = torch.zeros(rows, heads, value_size, key_size, dtype=queries.dtype)
    outputs, finals = [], []
    for n in range(len(bounds) - 1):
        state = states if case.cu_seqlens is None else states[n : n + 1]
        for t in range(bounds[n], bounds[n + 1]):
            forget, injection = dense_forget(case, t), dense_injection(case, t)
            state = state @ forget + injection
            outputs.append(case.scale * torch.einsum("bhvk,bhk->bhv", state, queries[:, t]))
        finals.append(state)
    if not outputs:
        return torch.zeros(batch, 0, heads, value_size, dtype=queries.dtype), torch.cat(finals)
    return torch.stack(outputs, 1), torch.cat(finals)


def dense_forget(case: Case, t: int) -> Tensor:
    """A_t (B, H, K, K)."""
    tensors = case.tensors
    key_size = tensors["queries"].shape[-1]
    eye = torch.eye(key_size, dtype=tensors["queries"].dtype)
    decay = eye
    if "log_decay" in tensors:
        log_decay = tensors["log_decay"][:, t]
        if log_decay.ndim == 2:
            log_decay = log_decay[..., None].expand(*log_decay.shape, key_size)
        decay = torch.diag_embed(log_decay.exp())
    if "strength" not in tensors and "write" not in tensors:
        return decay.expand(*tensors["queries"].shape[0::2][:2], key_size, key_size)
    a = tensors["read"][:, t] if "read" in tensors else tensors["keys"][:, t, 0]
    b = tensors["write"][:, t] if "write" in tensors else -tensors["strength"][:, t, :, None] * a
    outer = a[..., :, None] * b[..., None, :]
    return decay + outer if case.before_decay else decay @ (eye + outer)


def dense_injection(case: Case, t: int) -> Tensor:
    """B_t (B, H, V, K)."""
    keys, values = case.tensors["keys"][:, t], case.tensors["values"][:, t]
    total = torch.zeros((), dtype=keys.dtype)
    for r in range(keys.shape[1]):
        strength = 1.0
        if "strengths" in case.tensors:
            strength = case.tensors["strengths"][:, t, r, :, None, None]
        total = total + strength * values[:, r, :, :, None] * keys[:, r, :, None, :]
    return total


def with_gradients(case: Case, function) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The results of function(case), and the gradients of every tensor, for fixed cotangents."""
    leaves = {k: v.detach().clone().requires_grad_() for k, v in case.tensors.items()}
    outputs, state = function(replace(case, tensors=leaves))
    generator = torch.Generator().manual_seed(7)
    loss = torch.zeros((), dtype=torch.float64)
    for result in (outputs, state):
        weights = torch.randn(result.shape, generator=generator, dtype=torch.float64)
        loss = loss + (result * weights).sum()
    if loss.requires_grad:  # not so with neither token nor state
        gradients = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
    else:
        gradients = [torch.zeros_like(leaf) for leaf in leaves.values()]
    results = {"outputs": outputs.detach(), "final_state": state.detach()}
    return results, dict(zip(leaves, gradients, strict=True))


def error_ratio(found: Tensor, expected: Tensor) -> float:
    """RMSE over RMS, in float64; NaN and infinity count as infinite errors."""
    if found.numel() == 0:
        return 0.0
    found, expected = found.double(), expected.double()
    if not torch.isfinite(found).all():
        return float("inf")
    rmse = (found - expected).square().mean().sqrt()
    return (rmse / (expected.square().mean().sqrt() + 1e-8)).item()


def make_case(
    seed: int = 0,
    batch: int = 2,
    time: int = 20,
    heads: int = 2,
    key_size: int = 4,
    value_size: int = 5,
    rank: int = 2,
    decay: str = "mixed",
    per_channel: bool = False,
    erase: str = "tied",
    strengths: bool = True,
    state: bool = True,
    lengths: tuple[int, ...] | None = None,
    scale: float = 1.0,
) -> Case:
    """A random problem in float64, well conditioned: unit keys, erases that never amplify much."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    def unit(*shape: int) -> Tensor:
        return torch.nn.functional.normalize(normal(*shape), dim=-1)

    cu_seqlens = None
    num_states = batch
    if lengths is not None:
        batch, time, num_states = 1, sum(lengths), len(lengths)
        cu_seqlens = torch.tensor([0, *lengths]).cumsum(0)
    tokens = (batch, time)
    tensors = {
        "queries": normal(*tokens, heads, key_size),
        "keys": unit(*tokens, rank, heads, key_size),
        "values": normal(*tokens, rank, heads, value_size),
    }
    if strengths:
        tensors["strengths"] = uniform(*tokens, rank, heads)
    if state:
        tensors["state"] = normal(num_states, heads, value_size, key_size)
    if decay != "none":
        shape = (*tokens, heads, key_size) if per_channel else (*tokens, heads)
        tensors["log_decay"] = _log_decay(decay, uniform(*shape))
    if erase in ("tied", "read"):
        tensors["strength"] = uniform(*tokens, heads)
    if erase in ("read", "general", "before_decay"):
        tensors["read"] = unit(*tokens, heads, key_size)
    if "general" in erase or "before_decay" in erase:
        tensors["write"] = -0.5 * unit(*tokens, heads, key_size)
    return Case(tensors, "before_decay" in erase, cu_seqlens, scale)


def _log_decay(kind: str, draw: Tensor) -> Tensor:
    """Log decays from uniform draws in [0, 1)."""
    if kind == "zero":
        return torch.zeros_like(draw)
    if kind == "weak":
        return -0.1 * draw
    if kind == "strong":
        return torch.full_like(draw, -30.0)
    # zero, weak, middling and extreme decays side by side: where lost digits would show
    levels = torch.tensor([0.0, -0.01, -1.0, -30.0], dtype=draw.dtype)
    if kind == "reset":
        levels[-1] = -torch.inf
    return levels[(draw * 4).long()]


@st.composite
def cases(draw: st.DrawFn, max_time: int = 24, packed: bool = False) -> Case:
    """Any well-conditioned problem of up to `max_time` tokens."""
    lengths = None
    if packed:
        lengths = tuple(draw(st.lists(st.integers(0, 9), min_size=1, max_size=5)))
    return make_case(
        seed=draw(st.integers(0, 2**20)),
        batch=draw(st.integers(1, 2)),
        time=draw(st.integers(0, max_time)),
        heads=draw(st.integers(1, 2)),
        key_size=draw(st.sampled_from((1, 3, 4, 8))),
        value_size=draw(st.sampled_from((1, 2, 5))),
        rank=draw(st.integers(1, 4)),
        decay=draw(st.sampled_from(DECAYS)),
        per_channel=draw(st.booleans()),
        erase=draw(st.sampled_from(ERASES)),
        strengths=draw(st.booleans()),
        state=draw(st.booleans()),
        lengths=lengths,
        scale=draw(st.sampled_from((1.0, 0.25))),
    )
