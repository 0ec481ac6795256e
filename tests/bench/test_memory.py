"""Peak memory of a call, in this process and in one of its own."""

import mmap

import pytest
import torch

import seqzoo
from seqzoo.bench.memory import peak_of_process
from seqzoo.bench.own_process import peak_in_own_process
from seqzoo.bench.subject import Subject
from seqzoo.bench.work import Phase, Setting
from seqzoo.errors import RunError

SETTING = Setting(1, torch.device("cpu"), "float32")


def test_the_peak_counts_what_is_given_back_again() -> None:
    size = 64 << 20

    def touch() -> None:
        with mmap.mmap(-1, size) as pages:
            for place in range(0, size, mmap.PAGESIZE):
                pages[place] = 1

    assert 0.9 * size < peak_of_process(touch) < 1.5 * size


def test_training_holds_at_least_its_gradients() -> None:
    spec = seqzoo.load_registry().spec("mixer", "attention")
    subject = Subject("attention", spec, 64)
    features = 4 * 2048 * 64
    peak = peak_in_own_process(subject, Phase.TRAINING, 2048, SETTING)
    assert 6 * features < peak < 400 * features


def test_a_process_that_fails_says_why() -> None:
    spec = seqzoo.load_registry().spec("mixer", {"type": "attention", "heads": 7})
    with pytest.raises(RunError, match=r"measures memory failed: .*heads"):
        peak_in_own_process(Subject("odd", spec, 64), Phase.PREFILL, 8, SETTING)
