"""Check what a model declares about its state against what it does."""

from __future__ import annotations

from itertools import islice

import torch
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.model import LanguageModel, Mixer
from seqzoo.model.mixer import state_elements
from seqzoo.tasks import Task

__all__ = ["check_carrying", "check_streaming"]

TOKENS = 8
TOLERANCE = 1e-3  # of the largest output; rounding is far below it


def check_carrying(task: Task, model: LanguageModel) -> None:
    """Check that the model carries a state if the test set needs one.

    Raises:
        SpecError: it does not.
    """
    still = [mixer.name for mixer in model.mixers() if not mixer.streams]
    if still and any(batch.continues for batch in islice(task.test_batches(1), 2)):
        raise SpecError(
            f"task '{task.name}' reads its test set with a state that is carried from batch to "
            f"batch, and mixer '{still[0]}' carries none; leave out what asks for that, such as "
            "task.test_streams, or choose another mixer"
        )


@torch.no_grad()
def check_streaming(model: LanguageModel, width: int) -> None:
    """Check that a mixer without a state needs none: a split sequence gives what a whole one gives.

    A mixer that looks back but keeps nothing would be listed with a state of 0 and generate from
    its last token alone.

    Raises:
        SpecError: one does.
    """
    kinds = {type(mixer): mixer for mixer in model.mixers() if mixer.streams}
    for mixer in kinds.values():
        if state_elements(mixer.initial_state(1)) == 0 and _looks_back(mixer, width):
            raise SpecError(
                f"mixer '{mixer.name}' keeps no state, and its output depends on earlier tokens: a "
                "sequence that is split gives another one; keep what it needs in the stream, or "
                "declare `streams = False` in its class"
            )


def _looks_back(mixer: Mixer, width: int) -> bool:
    like = next(mixer.parameters(), torch.zeros(()))
    x = torch.arange(TOKENS * width, dtype=torch.float64).sin().view(1, TOKENS, width).to(like)
    was_training = mixer.training
    mixer.eval()
    try:
        whole, _ = mixer(x)
        _, state = mixer(x[:, : TOKENS // 2])
        rest, _ = mixer(x[:, TOKENS // 2 :], state)
    finally:
        mixer.train(was_training)
    if not all(isinstance(y, Tensor) and y.shape[::2] == x.shape[::2] for y in (whole, rest)):
        return False  # told with its block when a row runs through the model
    error = (whole[:, TOKENS // 2 :] - rest).abs().max()
    return bool(error > TOLERANCE * whole.abs().max())
