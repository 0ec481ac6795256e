"""Language modelling on any text file: the next byte, character or token at every position.

The last `validation` share of the file is the test set, the same text for every unit: it begins at
a byte that starts a character, and for tokens at the first one that begins there or later. Or
another file, `test_path`, is the test set, read as if it followed the first. Every token of it is
scored exactly once, in windows of `length` that each start from an empty state; a window's first
token is predicted from the one token before it. With `test_streams: n` the test set is cut into n
streams, read side by side, and each window starts from the state that the previous one left.
Training windows begin anywhere in the part before, each from an empty state.

With a `separator` the text is a row of documents, each with the separator at its end, and no
document sees another: a batch marks their starts in `cu_seqlens`. If a window begins inside a
document, the rest of it counts as a document of its own. The first token of a document is predicted
at the end of the document before it, which carries no information about it, and scored like any
other.

Bits per byte make bytes, characters and tokens comparable: the total in nats, divided by ln 2 and
by the number of UTF-8 bytes scored.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt, ValidationInfo, field_validator
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.spec import PartSpec, since
from seqzoo.tasks.data_file import check_path, opened, path_of
from seqzoo.tasks.spelling import Spelling
from seqzoo.tasks.streams import stream_of_training
from seqzoo.tasks.task import IGNORED, Batch, Metric, Task
from seqzoo.tasks.text_file import Bytes, Characters, read_bytes, read_characters
from seqzoo.tasks.token_file import Tokens, read_tokens
from seqzoo.tasks.token_ids import BLOCK, Ids, JoinedIds

__all__ = ["Text"]

HUGE_LOSS = math.log(sys.float_info.max)  # nats; exp of more is no float
NO_TOKEN = -1
SHARE = 0.1  # of the text, held out by default
VISIBLE_BLANK = "\N{OPEN BOX}"

File = Bytes | Characters | Tokens


class Text(Task):
    """The next byte, character or token of a text file, at every position."""

    name = "text"
    metric = Metric("bits_per_byte", higher_is_better=False)

    class Spec(PartSpec):
        """Settings of `text`.

        Attributes:
            path: the file; a relative path starts at the current directory.
            unit: byte (any file, 256 tokens), char (UTF-8; the characters that occur), or token
                (UTF-8; what `tokenizer` makes of it).
            tokenizer: for unit token, a tokenizer.json of the `tokenizers` library.
            length: T, tokens a window.
            validation: share of the file, at its end, that is the test set.
            test_streams: number of streams in which the test set is read, carrying the state from
                window to window; null starts every window from an empty state.
            test_path: another file, all of which is the test set, in place of a share of the first;
                for unit char, characters that only it holds are part of the alphabet too.
            separator: text at the end of a document, such as "\\n\\n"; for unit token it is one
                token. null treats the text as one piece.
        """

        path: str = Field(min_length=1, examples=["input.txt"])
        unit: Literal["byte", "char", "token"] = "byte"
        tokenizer: str | None = Field(default=None, min_length=1)
        length: PositiveInt = 256
        validation: float = Field(default=SHARE, gt=0, lt=1)
        test_streams: PositiveInt | None = None
        test_path: str | None = since("0.2", Field(default=None, min_length=1))
        separator: str | None = Field(default=None, min_length=1)

        @field_validator("path", "test_path", "tokenizer")
        @classmethod
        def _the_file_may_exist(cls, path: str | None) -> str | None:
            return path if path is None else check_path(path)

        @field_validator("tokenizer")
        @classmethod
        def _tokens_need_a_tokenizer(
            cls, tokenizer: str | None, info: ValidationInfo
        ) -> str | None:
            unit = info.data.get("unit")
            if unit == "token" and tokenizer is None:
                raise ValueError("unit token needs a tokenizer: the path of a tokenizer.json")
            if unit in ("byte", "char") and tokenizer is not None:
                raise ValueError(f"unit {unit} uses no tokenizer; set unit: token, or leave it out")
            return tokenizer

        @field_validator("test_path")
        @classmethod
        def _one_test_set(cls, test_path: str | None, info: ValidationInfo) -> str | None:
            share = info.data.get("validation", SHARE)
            if test_path is not None and share != SHARE:
                raise ValueError(
                    f"test_path brings a test set, and validation: {share:g} cuts another; "
                    "leave out one of the two"
                )
            return test_path

        @field_validator("separator")
        @classmethod
        def _documents_begin_anew(cls, separator: str | None, info: ValidationInfo) -> str | None:
            if separator is not None and info.data.get("test_streams") is not None:
                raise ValueError(
                    "test_streams carries the state over windows, and documents restart in "
                    "each; leave out one of the two"
                )
            return separator

    def __init__(self, spec: Spec) -> None:
        """Read the file, or both.

        Raises:
            SpecError: one is missing, empty, or not UTF-8 (units char and token); the training text
                is shorter than one window, or the test's is the same; the tokenizer cannot be read;
                or the separator never stands in the text, or is several tokens.
        """
        self.spec = spec
        path = path_of(spec.path)
        files = _read(spec)
        self._file, self._tested = files[0], files[-1]
        if spec.test_path is None:
            self._ids = self._file.ids
            self._split = self._file.held_out_from(spec.validation)
        else:
            self._ids = JoinedIds(self._file.ids, self._tested.ids)
            self._split = len(self._file.ids)
            if self._tested.fingerprint == self._file.fingerprint:
                raise SpecError(
                    f"`path` and `test_path` of task 'text' hold the same text, {path}; test on "
                    "another, or leave out test_path to hold out the end of it"
                )
        self.vocab_size = self._file.vocab_size
        self.length = spec.length
        self._separator = _separator(self._file, self._ids, spec, path)
        size = len(self._file.ids)
        if self._split < spec.length + 1:
            raise SpecError(
                f"text file {path} is too short: {self._split:,} of its {size:,} {spec.unit}s are "
                f"for training, and one window of length {spec.length} needs {spec.length + 1:,}; "
                "use a longer text or a smaller `length`"
            )

    @classmethod
    def files(cls, spec: Spec) -> Mapping[str, Path]:
        """The text, that of the test set and the tokenizer if there are such."""
        files = {"path": path_of(spec.path)}
        if spec.test_path is not None:
            files["test_path"] = path_of(spec.test_path)
        if spec.tokenizer is not None:
            files["tokenizer"] = path_of(spec.tokenizer)
        return files

    @property
    def inputs(self) -> Mapping[str, str]:
        """Hashes of the files' content."""
        inputs = {"path": self._file.fingerprint}
        if self._tested is not self._file:
            inputs["test_path"] = self._tested.fingerprint
        if isinstance(self._file, Tokens):
            inputs["tokenizer"] = self._file.tokenizer_fingerprint
        return inputs

    def notes(self) -> tuple[str, ...]:
        """Settings saved with the tokenizer that are ignored, and what its tokens lose."""
        files = (self._file, self._tested)
        return tuple(
            dict.fromkeys(n for file in files if isinstance(file, Tokens) for n in file.notes)
        )

    def encode(self, text: str) -> list[int]:
        """Token ids of a text.

        Raises:
            SpecError: unit char, and a character that the file does not hold.
        """
        return self._file.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        return self._file.decode(ids)

    def spelling(self, prompt: Sequence[int]) -> Spelling:
        """The text of tokens that continue a prompt, piece by piece as they come."""
        return Spelling(self.decode, prompt)

    def word(self, token: int) -> str:
        """The token's text, with visible blanks and escapes for line ends and the like."""
        return repr(self.decode([token]))[1:-1].replace(" ", VISIBLE_BLANK)

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        """Windows that begin anywhere in the training part."""
        generator = stream_of_training(self.name, seed, step)
        starts = torch.randint(0, self._split - self.length, (size,), generator=generator)
        return self._windows(starts)

    def test_batches(self, size: int) -> Iterator[Batch]:
        """The test set in windows side by side; the last is padded without labels.

        With `test_streams` a batch is the next window of every stream, whatever `size`.
        """
        if self.spec.test_streams is not None:
            yield from self._streams(self.spec.test_streams)
            return
        size *= self.length
        for start in range(self._split, len(self._ids), size):
            count = min(size, len(self._ids) - start)
            piece = self._ids.windows(torch.tensor([start - 1]), count + 1)[0]
            inputs, targets = piece[:-1], piece[1:]
            rows = -(-targets.numel() // self.length)
            missing = rows * self.length - targets.numel()
            tokens = F.pad(inputs, (0, missing), value=0)
            labels = F.pad(targets, (0, missing), value=IGNORED)
            yield Batch(
                tokens.view(rows, -1),
                labels.view(rows, -1),
                cu_seqlens=self._documents(start - 1 + self.length * torch.arange(rows)),
            )

    def _windows(self, starts: Tensor) -> Batch:
        """Windows that begin at starts (B,), the next token at every position."""
        windows = self._ids.windows(starts, self.length + 1)
        return Batch(windows[:, :-1], windows[:, 1:], cu_seqlens=self._documents(starts))

    def _documents(self, starts: Tensor) -> Tensor | None:
        """Where documents begin in windows that begin at starts (B,), as `Batch.cu_seqlens`."""
        if self._separator is None:
            return None
        width = len(self._separator)
        # A document begins at p where the separator stands at p - width ... p - 1.
        seen = self._ids.windows(starts - width, width + self.length - 1)
        where = starts.unsqueeze(1) + torch.arange(-width, self.length - 1)
        seen = seen.masked_fill((where < 0) | (where >= len(self._ids)), NO_TOKEN)
        begins = (seen.unfold(1, width, 1) == self._separator).all(-1)
        begins[:, 0] = True
        return F.pad(begins.flatten().nonzero().flatten(), (0, 1), value=begins.numel())

    def _streams(self, count: int) -> Iterator[Batch]:
        """The next window of every stream; the last streams may end sooner than the first."""
        ids = self._ids
        each = -(-(len(ids) - self._split) // count)
        begins = self._split + each * torch.arange(count)
        ends = (begins + each).clamp(max=len(ids)).unsqueeze(1)
        for start in range(0, each, self.length):
            width = min(self.length, each - start)
            pieces = ids.windows(begins + start - 1, width + 1)
            beyond = begins.unsqueeze(1) + torch.arange(start, start + width) >= ends
            labels = pieces[:, 1:].masked_fill(beyond, IGNORED)
            yield Batch(pieces[:, :-1], labels, continues=start > 0)

    def measure(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Sums of `Task.measure`, and `bytes`, the UTF-8 bytes of the targets."""
        _, targets = batch.labelled()
        size = self._tested.bytes_of(targets).to(logits.device)
        return {**super().measure(logits, batch), "bytes": size}

    def metrics(self, sums: Mapping[str, float]) -> dict[str, float]:
        """`loss` in nats a token, `accuracy`, `perplexity` a token, `bits_per_byte`.

        Characters have `bits_per_character` too.
        """
        bits = sums["nats"] / math.log(2)
        metrics = super().metrics(sums)
        loss = metrics["loss"]
        # JSON has no infinity, and a loss this large is bad but no divergence.
        metrics["perplexity"] = math.exp(min(loss, HUGE_LOSS))
        metrics["bits_per_byte"] = bits / sums["bytes"]
        if self.spec.unit == "char":
            metrics["bits_per_character"] = bits / sums["count"]
        return metrics


def _separator(file: File, ids: Ids, spec: Text.Spec, path: Path) -> Tensor | None:
    """Token ids of the separator, (width,) int64.

    Raises:
        SpecError: it never stands in the text, or is several tokens of a tokenizer.
    """
    if spec.separator is None:
        return None
    shown = f"the separator {spec.separator!r} of task 'text'"
    absent = SpecError(f"{shown} is nowhere in {path}; leave it out, or choose another")
    if isinstance(file, Characters) and not set(spec.separator) <= set(file.alphabet):
        raise absent
    wanted = torch.tensor(file.encode(spec.separator))
    if isinstance(file, Tokens) and len(wanted) != 1:
        raise SpecError(
            f"{shown} is {len(wanted)} tokens for {spec.tokenizer}, and the text may spell it with "
            "others; choose one that is a token, such as <|endoftext|>"
        )
    for start in range(0, len(ids) - len(wanted) + 1, BLOCK):
        count = min(BLOCK + len(wanted) - 1, len(ids) - start)
        block = ids.windows(torch.tensor([start]), count)[0]
        if (block.unfold(0, len(wanted), 1) == wanted).all(-1).any():
            return wanted
    raise absent


def _read(spec: Text.Spec) -> Sequence[File]:
    """The text, and that of the test set if it has a file of its own."""
    paths = [path_of(spec.path)]
    if spec.test_path is not None:
        paths.append(path_of(spec.test_path))
        with opened(paths[1], kind="text file", task="text", content="text file", key="test_path"):
            pass  # a file that is missing is told with its key
    if spec.unit == "byte":
        return [read_bytes(path) for path in paths]
    if spec.unit == "char":
        return read_characters(*paths)
    assert spec.tokenizer is not None
    tokenizer = path_of(spec.tokenizer)
    return [read_tokens(path, tokenizer) for path in paths]
