"""The points of numerics that every backend must hold, each a function of a setting.

A setting is a backend, a device and a dtype. `test_numerics.py` runs the points for the backends
that run here; a test of another device makes settings of its own:

@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("features", FEATURES)
def test_on_my_device(point, features):
    point(Setting("triton", "cuda", torch.bfloat16), features)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from seqzoo.scan import Backend, Erase, ScanResult, Transition, Writes, scan, step

from .oracle import Case, dense_loop, error_ratio, make_case, with_gradients

FEATURES: dict[str, dict[str, Any]] = {
    "linear attention": {"decay": "none", "erase": "none", "rank": 1, "strengths": False},
    "retention": {"decay": "weak", "erase": "none", "rank": 1, "state": False},
    "gla": {"decay": "weak", "erase": "none", "rank": 1, "per_channel": True},
    "delta rule": {"decay": "none", "erase": "tied", "rank": 1},
    "gated delta rule": {"decay": "weak", "erase": "tied", "rank": 1},
    "prism": {"decay": "weak", "erase": "tied", "rank": 3},
    "kda": {"decay": "mixed", "erase": "tied", "rank": 1, "per_channel": True},
    "own erase key": {"decay": "mixed", "erase": "read", "rank": 2},
    "general erase": {"decay": "weak", "erase": "general", "rank": 1, "per_channel": True},
    "rwkv7": {"decay": "weak", "erase": "before_decay", "rank": 1, "per_channel": True},
    "comba": {"decay": "weak", "erase": "tied_before_decay", "rank": 2},
}
"""Arguments of `make_case` under which each kind of decay, erase and rank appears."""

GATES = ("log_decay", "strength", "strengths")


@dataclass(frozen=True)
class Setting:
    """Where the points are put to the test.

    Attributes:
        backend: a name, or a backend.
        device: where the scan runs; inputs and results are moved.
        dtype: of the inputs but the state, which is float32 or wider.
        time: tokens; no multiple of a chunk.
        chunk_size: at most so many tokens a chunk.
        heads: H.
    """

    backend: str | Backend
    device: str
    dtype: torch.dtype
    time: int = 39
    chunk_size: int = 16
    heads: int = 2

    def case(self, **changes: Any) -> Case:
        """A problem whose numbers are exact in the dtype."""
        sizes: dict[str, Any] = {"time": self.time, "batch": 1, "heads": self.heads}
        sizes |= {"key_size": 8, "value_size": 8}
        return make_case(**(sizes | changes)).to(self.dtype)

    def scan(self, case: Case) -> ScanResult:
        """The backend's results, moved back to the CPU."""
        tensors = {name: tensor.to(self.device) for name, tensor in case.tensors.items()}
        bounds = None if case.cu_seqlens is None else case.cu_seqlens.to(self.device)
        moved = replace(case, tensors=tensors, cu_seqlens=bounds)
        result = scan(
            *moved.arguments(), **moved.options(), chunk_size=self.chunk_size, backend=self.backend
        )
        return ScanResult(result.outputs.cpu(), result.state.cpu())

    def tolerance(self, gradient_of: str | None = None) -> float:
        """The error ratio allowed, of results or of a gradient."""
        if self.dtype == torch.float64:
            return 1e-10
        if self.dtype == torch.float32:
            return 1e-5 if self.device == "cpu" else 1e-4
        if gradient_of is None:
            return 5e-3
        return 2e-2 if gradient_of in GATES else 1e-2

    def agree(self, case: Case) -> None:
        """Asserts that outputs, the last state and the gradients of everything are float64's."""
        expected, expected_gradients = with_gradients(case.to(torch.float64), dense_loop)
        found, gradients = with_gradients(case, self.scan)
        ratios = {name: error_ratio(found[name], value) for name, value in expected.items()}
        wrong = {name: ratio for name, ratio in ratios.items() if not ratio <= self.tolerance()}
        for name, gradient in expected_gradients.items():
            ratio = error_ratio(gradients[name], gradient)
            if not ratio <= self.tolerance(name):
                wrong[f"gradient of {name}"] = ratio
        assert not wrong, wrong

    def expect(self, found: Tensor, expected: Tensor, what: str) -> None:
        """Asserts that two results agree."""
        ratio = error_ratio(found, expected)
        assert ratio <= self.tolerance(), f"{what}: error ratio {ratio:.1e}"


def gradients_agree(setting: Setting, features: str) -> None:
    """Outputs, states and the gradients of everything, the first state included, are those of
    float64 autograd through the token loop on the same numbers."""
    setting.agree(setting.case(**FEATURES[features]))


def extreme_decays_stay_right(setting: Setting, features: str) -> None:
    """g of 0, -30 and -inf, throughout or side by side."""
    if FEATURES[features]["decay"] == "none":
        return
    for decay in ("zero", "strong", "mixed", "reset"):
        setting.agree(setting.case(**(FEATURES[features] | {"decay": decay})))


def states_are_wide(setting: Setting, features: str) -> None:
    """States are float32, or float64 for float64, and outputs in the inputs' dtype, under autocast
    too; a long sum in half precision would be off by more than its last digit."""
    case = setting.case(**(FEATURES[features] | {"time": 4 * setting.time}))
    expected = dense_loop(case.to(torch.float64))
    for enabled in (False, True):
        with torch.autocast(setting.device, torch.bfloat16, enabled=enabled):
            outputs, state = setting.scan(case)
        assert outputs.dtype == setting.dtype
        assert state.dtype == torch.promote_types(setting.dtype, torch.float32)
        setting.expect(outputs, expected[0], f"outputs, autocast {enabled}")
        setting.expect(state, expected[1], f"state, autocast {enabled}")


def chunks_do_not_show(setting: Setting, features: str) -> None:
    """Any chunk size gives the same, beyond rounding."""
    case = setting.case(**FEATURES[features])
    expected = dense_loop(case.to(torch.float64))
    for chunk_size in (1, 16, 32, 64):
        outputs, state = replace(setting, chunk_size=chunk_size).scan(case)
        setting.expect(outputs, expected[0], f"outputs at chunk size {chunk_size}")
        setting.expect(state, expected[1], f"state at chunk size {chunk_size}")


def packed_sequences_are_apart(setting: Setting, features: str) -> None:
    """Each packed sequence gives what it gives alone; empty ones too; NaN in one stays in it."""
    lengths = (5, 0, setting.time, 1, 16)
    case = setting.case(**(FEATURES[features] | {"lengths": lengths}))
    setting.agree(case)
    clean = setting.scan(case)
    spoilt = {name: tensor.clone() for name, tensor in case.tensors.items()}
    for name, tensor in spoilt.items():
        if name == "state":
            tensor[2] = torch.nan
        else:
            tensor[:, 5 : 5 + setting.time] = torch.nan
    found = setting.scan(replace(case, tensors=spoilt))
    others = [0, 1, 3, 4]
    assert torch.equal(found.state[others], clean.state[others])
    assert torch.equal(found.outputs[:, :5], clean.outputs[:, :5])
    assert torch.equal(found.outputs[:, 5 + setting.time :], clean.outputs[:, 5 + setting.time :])


def splits_and_steps_agree(setting: Setting, features: str) -> None:
    """Cut anywhere with the state carried, or token by token: what one call gives."""
    case = setting.case(**FEATURES[features])
    expected = dense_loop(case.to(torch.float64))
    for cut in (0, 1, 16, setting.time - 1):
        first = setting.scan(case.tokens(0, cut, case.tensors.get("state")))
        second = setting.scan(case.tokens(cut, setting.time, first.state))
        outputs = torch.cat((first.outputs, second.outputs), dim=1)
        setting.expect(outputs, expected[0], f"outputs, cut at {cut}")
        setting.expect(second.state, expected[1], f"state, cut at {cut}")
    outputs, state = _stepped(setting, case)
    setting.expect(outputs, expected[0], "outputs of steps")
    setting.expect(state, expected[1], "state of steps")


POINTS = (
    gradients_agree,
    extreme_decays_stay_right,
    states_are_wide,
    chunks_do_not_show,
    packed_sequences_are_apart,
    splits_and_steps_agree,
)


def _stepped(setting: Setting, case: Case) -> tuple[Tensor, Tensor]:
    """The outputs (B, T, H, V) and the state of T single steps."""
    queries, transition, writes, state = case.arguments()
    outputs = []

    def at(tensor: Tensor | None, t: int) -> Tensor | None:
        return None if tensor is None else tensor[:, t].to(setting.device)

    for t in range(queries.shape[1]):
        erase = transition.erase
        if erase is not None:
            erase = Erase(
                at(erase.read, t),
                at(erase.strength, t),
                at(erase.write, t),
                before_decay=erase.before_decay,
            )
        output, state = step(
            queries[:, t].to(setting.device),
            Transition(at(transition.log_decay, t), erase),
            Writes(
                writes.keys[:, t].to(setting.device),
                writes.values[:, t].to(setting.device),
                at(writes.strengths, t),
            ),
            None if state is None else state.to(setting.device),
            scale=case.scale,
            backend=setting.backend,
        )
        outputs.append(output.cpu())
    assert state is not None
    return torch.stack(outputs, dim=1), state.cpu()
