"""The built-in tasks, registered the way plugins register theirs."""

from __future__ import annotations

from collections.abc import Callable

from seqzoo.registry.hookspecs import hookimpl
from seqzoo.spec import Part, Preset
from seqzoo.tasks.compression import Compression
from seqzoo.tasks.copying import Copying
from seqzoo.tasks.fuzzy_recall import FuzzyRecall
from seqzoo.tasks.in_context_recall import InContextRecall
from seqzoo.tasks.local_xor import LocalXor
from seqzoo.tasks.memorization import Memorization
from seqzoo.tasks.modulo_add import ModuloAdd
from seqzoo.tasks.mqar import Mqar
from seqzoo.tasks.mux import Mux
from seqzoo.tasks.palindrome import Palindrome
from seqzoo.tasks.parity import Parity
from seqzoo.tasks.poly_recall import PolyRecall
from seqzoo.tasks.recommendation import Recommendation
from seqzoo.tasks.selective_copying import SelectiveCopying
from seqzoo.tasks.silence_gate import SilenceGate
from seqzoo.tasks.state_tracking import StateTracking
from seqzoo.tasks.text import Text
from seqzoo.tasks.variable_tracking import VariableTracking

__all__ = ["register_parts", "register_presets"]

TASKS: tuple[type[Part], ...] = (
    Compression,
    Copying,
    FuzzyRecall,
    InContextRecall,
    LocalXor,
    Memorization,
    ModuloAdd,
    Mqar,
    Mux,
    Palindrome,
    Parity,
    PolyRecall,
    Recommendation,
    SelectiveCopying,
    SilenceGate,
    StateTracking,
    Text,
    VariableTracking,
)

PRESETS = (
    Preset(
        name="mad-noisy-recall",
        family="task",
        doc="MAD's noisy in-context recall: a fifth of the pairs is noise.",
        spec={
            "type": "in_context_recall",
            "vocab_size": 32,
            "noise_vocab": 16,
            "noise_share": 0.2,
        },
    ),
    Preset(
        name="mad-selective-copying",
        family="task",
        doc="MAD's selective copying: 16 tokens among blanks, at length 256.",
        spec={
            "type": "selective_copying",
            "length": 256,
            "vocab_size": 16,
            "count": 16,
            "test_size": 1280,
        },
    ),
    Preset(
        name="mqar-probing",
        family="task",
        doc="Multi-query associative recall at the size of the probing tasks: 64 tokens of 64.",
        spec={"type": "mqar", "length": 64, "vocab_size": 64, "num_pairs": 4, "test_size": 2048},
    ),
)


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """Register every built-in task."""
    for task in TASKS:
        register(task)


@hookimpl
def register_presets(register: Callable[[Preset], None]) -> None:
    """Register every built-in preset of a task."""
    for preset in PRESETS:
        register(preset)
