import json
import math
import os
import sys
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from seqzoo.errors import RunError, SpecError
from seqzoo.tasks import IGNORED, text_file
from seqzoo.tasks.text import Text
from seqzoo.tasks.text_file import CHUNK

STORY = "añb€c😀\r\n" * 37
HELD_OUT = "€c😀\r\n" + "añb€c😀\r\n" * 3  # a tenth of the bytes, and what it would cut of "€"


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_bytes(STORY.encode())
    return path


def text(path: Path, unit: str = "byte", length: int = 16, validation: float = 0.1) -> Text:
    return Text.Spec(path=str(path), unit=unit, length=length, validation=validation).build()  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("unit", "size"), [("byte", len(STORY.encode())), ("char", len(STORY))])
@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_every_validation_token_is_scored_once_after_the_token_before_it(
    story: Path, unit: str, size: int, batch_size: int
) -> None:
    task = text(story, unit, length=7)
    known = task.encode(STORY)
    assert len(known) == size
    split = size - len(task.encode(HELD_OUT))
    scored = []
    for batch in task.test_batches(batch_size):
        for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
            real = [label for label in labels if label != IGNORED]
            assert labels[: len(real)] == real
            place = split + len(scored)
            assert tokens[: len(real)] == known[place - 1 : place - 1 + len(real)]
            scored += real
    assert scored == known[split:]


@pytest.mark.parametrize("unit", ["byte", "char"])
def test_training_windows_are_shifted_by_one_and_stay_in_their_part(story: Path, unit: str) -> None:
    task = text(story, unit, length=5, validation=0.5)
    known = task.encode(STORY)
    part = known[: task._split]
    assert task.decode(part) == STORY.encode()[: len(STORY.encode()) // 2].decode()
    windows = {tuple(part[start : start + 6]) for start in range(len(part) - 5)}
    batch = task.train_batch(500, seed=0, step=0)
    assert batch.tokens.dtype == batch.labels.dtype == torch.int64
    seen = {
        (*tokens, labels[-1])
        for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True)
    }
    assert torch.equal(batch.tokens[:, 1:], batch.labels[:, :-1])
    assert seen == windows
    again = text(story, unit, length=5, validation=0.5).train_batch(500, seed=0, step=0)
    assert torch.equal(batch.tokens, again.tokens)


def test_characters_are_sorted_and_round_trip(story: Path) -> None:
    task = text(story, "char")
    assert task.vocab_size == len(set(STORY))
    assert task.decode(range(task.vocab_size)) == "".join(sorted(set(STORY)))
    assert task.decode(task.encode("€b😀\r\n")) == "€b😀\r\n"
    with pytest.raises(SpecError, match="knows no 'x', 'z'"):
        task.encode("zax")


def test_bytes_round_trip_and_survive_cut_characters(story: Path) -> None:
    task = text(story)
    assert task.vocab_size == 256
    assert task.decode(task.encode(STORY)) == STORY
    assert task.decode("€".encode()[:2]) == "\ufffd"


def test_many_different_characters_and_blocks_that_cut_them(tmp_path: Path) -> None:
    path = tmp_path / "wide.txt"
    content = "x" + "".join(map(chr, range(0x4E00, 0x4E00 + 300))) * (CHUNK // 900 + 2)
    path.write_text(content, encoding="utf-8")
    task = text(path, "char")
    assert task.vocab_size == 301
    tail = list(task.test_batches(10_000_000 // 16))[-1]
    scored = tail.labels[tail.labels != IGNORED].tolist()
    assert task.decode(scored) == content[-len(scored) :]


@pytest.mark.parametrize("unit", ["byte", "char"])
def test_bits_per_byte_count_utf8_bytes_in_either_unit(story: Path, unit: str) -> None:
    task = text(story, unit)
    sums: dict[str, float] = {}
    for batch in task.test_batches(2):
        logits = torch.zeros(len(batch.labelled()[1]), 256)
        for name, value in task.measure(logits, batch).items():
            sums[name] = sums.get(name, 0) + float(value)
    size = len(HELD_OUT.encode())
    assert sums["bytes"] == size
    metrics = task.metrics(sums)
    bits = sums["count"] * 8  # uniform over 256
    assert math.isclose(metrics["bits_per_byte"], bits / size, rel_tol=1e-6)
    assert math.isclose(metrics["loss"], math.log(256), rel_tol=1e-6)
    assert math.isclose(metrics["perplexity"], 256, rel_tol=1e-5)
    assert metrics.get("bits_per_character") == (pytest.approx(8) if unit == "char" else None)


def test_the_fingerprint_follows_the_content(story: Path) -> None:
    before = text(story).fingerprint
    assert before == text(story, "char").fingerprint
    story.write_bytes(STORY.replace("b", "d").encode())
    assert text(story).fingerprint != before


def test_bad_files_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match=r"no text file nowhere.txt \(looked in .*--set task.path"):
        text(Path("nowhere.txt"))
    with pytest.raises(SpecError, match="is a folder"):
        text(tmp_path)
    (tmp_path / "empty.txt").touch()
    for unit in ("byte", "char"):
        with pytest.raises(SpecError, match="is empty"):
            text(Path("empty.txt"), unit)
    (tmp_path / "short.txt").write_text("0123456789")
    with pytest.raises(SpecError, match=r"9 of its 10 chars are for training.*length 9 needs 10"):
        text(Path("short.txt"), "char", length=9)
    assert text(Path("short.txt"), "char", length=8).train_batch(3, 0, 0).tokens.shape == (3, 8)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 " * 10)
    with pytest.raises(SpecError, match=r"not UTF-8: .* near byte 3; use `unit: byte`"):
        text(Path("latin.txt"), "char")
    (tmp_path / "cut.txt").write_bytes("abc€".encode()[:-1])
    with pytest.raises(SpecError, match="not UTF-8"):
        text(Path("cut.txt"), "char")
    assert text(Path("latin.txt"), "byte").vocab_size == 256


@pytest.mark.parametrize("streams", [1, 3, 60])
def test_streams_score_every_token_once_and_go_on(story: Path, streams: int) -> None:
    task: Text = Text.Spec(path=str(story), length=7, test_streams=streams).build()
    known = task.encode(STORY)
    part = task.encode(HELD_OUT)
    each = -(-len(part) // streams)
    read: list[list[int]] = [[] for _ in range(streams)]
    scored: list[list[int]] = [[] for _ in range(streams)]
    batches = list(task.test_batches(2))
    assert [batch.continues for batch in batches] == [False] + [True] * (len(batches) - 1)
    for batch in batches:
        assert batch.tokens.shape[0] == streams
        rows = zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True)
        for stream, (tokens, labels) in enumerate(rows):
            real = [label for label in labels if label != IGNORED]
            read[stream] += tokens[: len(real)]
            scored[stream] += real
    assert scored == [part[each * stream : each * (stream + 1)] for stream in range(streams)]
    before = known[len(known) - len(part) - 1 :]
    assert read == [
        before[each * stream : each * stream + len(row)] for stream, row in enumerate(scored)
    ]


def test_a_loss_beyond_all_bounds_has_the_largest_perplexity(story: Path) -> None:
    sums = {"nats": 1e6, "correct": 0.0, "count": 1.0, "bytes": 1.0}
    perplexity = text(story).metrics(sums)["perplexity"]
    assert perplexity == pytest.approx(sys.float_info.max)
    assert json.loads(json.dumps(perplexity, allow_nan=False)) == perplexity
    sums["nats"] = math.nan
    assert math.isnan(text(story).metrics(sums)["perplexity"])


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9])
def test_bytes_and_characters_hold_out_the_same_text(
    story: Path, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(STORY.encode())
    held_out = {}
    for unit in ("byte", "char"):
        task = text(story, unit, length=3, validation=share)
        labels = torch.cat([batch.labels.flatten() for batch in task.test_batches(2)])
        held_out[unit] = task.decode(labels[labels != IGNORED].tolist())
    assert held_out["byte"] == held_out["char"]
    assert STORY.endswith(held_out["byte"])
    assert 0 <= len(held_out["byte"].encode()) - max(1, int(size * share)) < 4
    monkeypatch.setattr(text_file, "CHUNK", 11)  # the cut lies in one of many blocks
    small = text(story, "char", length=3, validation=share)
    assert small._split == text(story, "char", length=3, validation=share)._split
    assert small.decode(small.encode(STORY)[small._split :]) == held_out["byte"]


def test_no_character_is_no_reason_to_look_further(tmp_path: Path) -> None:
    path = tmp_path / "odd.bin"
    path.write_bytes(b"\x80" * 100)  # continuations without a start
    task = text(path, length=4)
    assert task._split == 90


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for unit in ("byte", "char"):
        with pytest.raises(SpecError, match=r"pipe is a pipe; `path` of task 'text' names one"):
            text(pipe, unit)
        with pytest.raises(SpecError, match=r"/dev/zero is a device"):
            text(Path("/dev/zero"), unit)


@pytest.mark.parametrize(
    ("path", "message"),
    [("a\0b", "a path holds no null byte"), ("~nobody-at-all/a", "no home folder ~nobody-at-all")],
)
def test_a_path_that_cannot_be_one_is_told_before_anything_is_read(path: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Text.Spec(path=path)
    with pytest.raises(ValidationError, match=message):
        Text.Spec(path="a", unit="token", tokenizer=path)


def test_a_text_that_is_overwritten_or_cut_ends_in_a_sentence(story: Path) -> None:
    task = text(story, length=7)
    before = task.train_batch(4, 0, 0).tokens
    story.touch()  # the same content
    assert torch.equal(task.train_batch(4, 0, 0).tokens, before)
    content = story.read_bytes()
    for change in (content.replace(b"b", b"d"), content[:99], content + b"!"):
        with story.open("r+b") as file:  # in place: no new file under the old name
            file.write(change)
            file.truncate(len(change))
        with pytest.raises(RunError, match=r"story.txt was changed by another program while"):
            task.train_batch(4, 0, 0)
        with pytest.raises(RunError, match="restore the old file and run the same command"):
            list(task.test_batches(4))
        with story.open("r+b") as file:
            file.write(content)
            file.truncate(len(content))
        assert torch.equal(task.train_batch(4, 0, 0).tokens, before)
    # A new file under the old name leaves the one that is open as it is.
    story.unlink()
    story.write_bytes(b"x" * 1000)
    assert torch.equal(task.train_batch(4, 0, 0).tokens, before)


TALE = "ñ€b\n~añ" * 9  # with a character that the story lacks


@pytest.fixture
def tale(tmp_path: Path) -> Path:
    path = tmp_path / "tale.txt"
    path.write_text(TALE, encoding="utf-8")
    return path


@pytest.mark.parametrize("unit", ["byte", "char"])
def test_a_test_set_of_its_own_is_scored_whole_and_never_trained_on(
    story: Path, tale: Path, unit: str
) -> None:
    task: Text = Text.Spec(path=str(story), test_path=str(tale), unit=unit, length=7).build()  # pyright: ignore[reportArgumentType]
    known, wanted = task.encode(STORY), task.encode(TALE)
    sums: dict[str, float] = {}
    read, scored = [], []
    for batch in task.test_batches(2):
        real = batch.labels != IGNORED
        read += batch.tokens[real].tolist()
        scored += batch.labels[real].tolist()
        logits = torch.zeros(len(batch.labelled()[1]), task.vocab_size)
        for name, value in task.measure(logits, batch).items():
            sums[name] = sums.get(name, 0) + float(value)
    assert scored == wanted
    assert read == [known[-1], *wanted[:-1]]
    assert sums["bytes"] == len(TALE.encode())
    batch = task.train_batch(2_000, seed=0, step=0)
    rows = zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True)
    windows = {tuple(known[start : start + 8]) for start in range(len(known) - 7)}
    assert {(*tokens, labels[-1]) for tokens, labels in rows} == windows


def test_both_files_share_one_alphabet(story: Path, tale: Path) -> None:
    task: Text = Text.Spec(path=str(story), test_path=str(tale), unit="char").build()
    assert task.decode(range(task.vocab_size)) == "".join(sorted(set(STORY + TALE)))


def test_a_test_set_of_its_own_is_one_of_the_runs_inputs(story: Path, tale: Path) -> None:
    spec = Text.Spec(path=str(story), test_path=str(tale))
    assert Text.files(spec) == {"path": story, "test_path": tale}
    before = spec.build()
    assert set(before.inputs) == {"path", "test_path"}
    tale.write_text(TALE + "b", encoding="utf-8")
    after = spec.build()
    assert before.inputs["path"] == after.inputs["path"]
    assert before.inputs["test_path"] != after.inputs["test_path"]


def test_a_bad_test_file_is_told_with_its_key(story: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"gone.txt; set `test_path`.*test_path=FILE"):
        Text.Spec(path=str(story), test_path=str(tmp_path / "gone.txt")).build()
    copy = tmp_path / "copy.txt"
    copy.write_bytes(story.read_bytes())
    with pytest.raises(SpecError, match="`path` and `test_path` of task 'text' hold the same text"):
        Text.Spec(path=str(story), test_path=str(copy)).build()
    with pytest.raises(ValidationError, match=r"validation: 0\.5 cuts another; leave"):
        Text.Spec(path=str(story), validation=0.5, test_path=str(copy))
