import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from seqzoo.spec.run import RunSpec
from seqzoo.tasks import Metric
from seqzoo.train.facts import Facts
from seqzoo.train.loggers.console import ConsoleLogger
from seqzoo.train.record import DeviceFacts, MetricFacts, Record, Timings, Versions


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def facts(spec: RunSpec, directory: Any, resumed_at: int = 0) -> Facts:
    return Facts(
        run_id=spec.run_id,
        directory=directory,
        metric=Metric("bits_per_byte", higher_is_better=False),
        vocab_size=65,
        parameters=9250,
        state_size=608,
        device=DeviceFacts(kind="cpu", name="a processor", threads=2),
        resumed_at=resumed_at,
    )


def record(spec: RunSpec, **changes: Any) -> Record:
    made = Record(
        run_id=spec.run_id,
        name=spec.name,
        seed=0,
        status="done",
        steps=10_000,
        max_steps=10_000,
        reached_at=None,
        target=None,
        metric=MetricFacts(name="bits_per_byte", higher_is_better=False, chance=None),
        metrics={"loss": 1.5, "bits_per_byte": 2.25},
        best={},
        parameters=9250,
        state_size=608,
        timings=Timings(wall_s=61.4, train_s=50.0, tokens=10, tokens_per_s=412_345.0),
        versions=Versions(seqzoo="1", torch="2", python="3", plugins={}),
        device=DeviceFacts(kind="cpu", name="a processor", threads=2),
    )
    return made.model_copy(update=changes)


def train_row(step: int) -> dict[str, Any]:
    return {"kind": "train", "step": step, "loss": 0.69312, "tokens_per_s": 412_345.0}


def measured_row(step: int) -> dict[str, Any]:
    return {"kind": "evaluation", "step": step, "loss": 1.5, "bits_per_byte": 2.25, "wall_s": 1.0}


def logger(console: Console | None, clock: Clock | None = None) -> ConsoleLogger:
    return ConsoleLogger(ConsoleLogger.Spec(), console, clock or Clock())


def show(spec: RunSpec, console: Console | None, resumed_at: int = 0) -> None:
    clock = Clock()
    watch = logger(console, clock)
    watch.started(spec, facts(spec, "out", resumed_at))
    for step in (1000, 2000):
        clock.now += 6
        watch.logged(train_row(step))
    watch.evaluated(measured_row(2000))
    watch.finished(record(spec))
    watch.close()


def test_plain_lines_where_there_is_no_terminal(make_spec) -> None:
    spec = make_spec({"steps": 10_000}, name="prism-with-a-name-that-makes-the-first-line-long")
    out = io.StringIO()
    show(spec, Console(file=out, width=80))
    assert out.getvalue().splitlines() == [
        f"{spec.name} ({spec.run_id}) on parity: 9,250 parameters, state 608, cpu",
        "2,000/10,000  loss 0.6931  412k tokens/s  0:48 left",
        "2,000/10,000  test  loss 1.500  bits_per_byte 2.250",
        "done after 10,000 steps: loss 1.500, bits_per_byte 2.250 (61 s, 412k tokens/s)",
    ]


def test_a_resumed_run_says_so_and_counts_its_own_time(make_spec) -> None:
    out = io.StringIO()
    show(make_spec({"steps": 4000}), Console(file=out, width=80), resumed_at=1000)
    assert "resumed after step 1,000" in out.getvalue()
    assert "2,000/4,000  loss 0.6931  412k tokens/s  0:24 left" in out.getvalue()


def test_what_the_task_says_of_its_data_follows_the_heading(make_spec) -> None:
    spec, out = make_spec({"steps": 4000}), io.StringIO()
    watch = logger(Console(file=out, width=80))
    watch.started(spec, replace(facts(spec, "out"), notes=("30 users", "dropped 2 users")))
    assert out.getvalue().splitlines()[1:] == ["data: 30 users", "data: dropped 2 users"]


@pytest.mark.parametrize("width", [80, 120])
def test_the_live_line_fits_a_terminal(make_spec, width: int) -> None:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=True, color_system=None, legacy_windows=False
    )
    spec = make_spec({"steps": 10_000})
    watch = logger(console)
    watch.started(spec, facts(spec, "out"))
    watch.logged(train_row(9_999))
    watch.evaluated(measured_row(9_999))
    page = Console(file=io.StringIO(), width=width, legacy_windows=False, color_system=None)
    with page.capture() as capture:
        page.print(watch._bar.get_renderable())
    watch.close()
    lines = capture.get().splitlines()
    assert len(lines) == 1
    assert len(lines[0]) <= width
    for piece in ("9,999/10,000", "loss 0.6931", "bits_per_byte 2.250", "412k tokens/s", "━━━"):
        assert piece in lines[0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"target": 2.5, "reached_at": 300, "steps": 300}, "bits_per_byte 2.5 reached after 300"),
        ({"steps": 1}, "done after 1 step: loss"),
        ({"target": 2.0}, "bits_per_byte 2 not reached after 10,000 steps"),
        ({"status": "diverged", "metrics": {}, "target": 2.0}, "diverged after 10,000 steps: no"),
    ],
)
def test_the_last_line_says_how_it_ended(make_spec, changes: dict[str, Any], says: str) -> None:
    out = io.StringIO()
    logger(Console(file=out, width=80)).found(record(make_spec(), **changes))
    assert says in out.getvalue()


def test_nothing_is_shown_where_nobody_looks_on(make_spec, capfd) -> None:
    show(make_spec({"steps": 4000}), None)
    assert capfd.readouterr() == ("", "")


def test_names_are_printed_as_they_are(make_spec) -> None:
    spec, out = make_spec({"steps": 10_000}, name="[no mlp] :100:"), io.StringIO()
    metric = Metric("[bold]m", higher_is_better=True)
    device = DeviceFacts(kind="cpu\x1b[31m", name="a processor", threads=1)
    told = replace(facts(spec, "out"), metric=metric, notes=("a\nb",), device=device)
    watch = logger(Console(file=out, width=200, force_terminal=True, color_system=None))
    watch.started(spec, told)
    watch.evaluated({"kind": "evaluation", "step": 5, "[bold]m": 0.5, "wall_s": 1.0})
    page = Console(file=io.StringIO(), width=120, legacy_windows=False, color_system=None)
    with page.capture() as capture:
        page.print(watch._bar.get_renderable())
    watch.close()
    assert "[bold]m 0.5000" in capture.get()
    first, second = out.getvalue().split("\n")[:2]
    assert first.startswith("[no mlp] :100: (")
    assert "cpu\\x1b[31m" in first
    assert second.startswith("data: a\\nb")
