"""Language modelling on any text file: the next byte, character or token at every position.

The last `validation` part of the file, in one piece, is the test set. Every token of it is scored
exactly once, in windows of `length` that begin anew; a window's first token is predicted from the
one token before it. With `test_streams: n` the part is cut into n streams that are read side by
side, and each window begins with the state that the window before it left. Training windows begin
anywhere in the part before, and begin anew.

Bits per byte compares bytes with characters and any other unit: the total nats over ln 2 and the
number of UTF-8 bytes that were scored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt, ValidationInfo, field_validator
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.spec import PartSpec
from seqzoo.tasks.streams import stream_of_training
from seqzoo.tasks.task import IGNORED, Batch, Metric, Task
from seqzoo.tasks.text_file import Bytes, Characters, read_bytes, read_characters
from seqzoo.tasks.token_file import Tokens, read_tokens

__all__ = ["Text"]

HUGE_LOSS = 700.0  # nats; exp of more is no float


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
            test_streams: streams the test set is read as, the state carried from window to window;
                null is windows that begin anew.
        """

        path: str = Field(min_length=1)
        unit: Literal["byte", "char", "token"] = "byte"
        tokenizer: str | None = Field(default=None, min_length=1)
        length: PositiveInt = 256
        validation: float = Field(default=0.1, gt=0, lt=1)
        test_streams: PositiveInt | None = None

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

    def __init__(self, spec: Spec) -> None:
        """Read the file.

        Raises:
            SpecError: it is missing, empty, no UTF-8 (units char and token), or shorter than one
                window; or the tokenizer cannot be read.
        """
        self.spec = spec
        path = Path(spec.path).expanduser()
        self._file = _read(path, spec)
        self.vocab_size = self._file.vocab_size
        self.length = spec.length
        size = self._file.ids.numel()
        self._split = size - max(1, int(size * spec.validation))
        if self._split < spec.length + 1:
            raise SpecError(
                f"text file {path} is too short: {self._split:,} of its {size:,} {spec.unit}s are "
                f"for training, and one window of length {spec.length} needs {spec.length + 1:,}; "
                "use a longer text or a smaller `length`"
            )

    @property
    def fingerprint(self) -> str:
        """A hash of the file's content."""
        return self._file.fingerprint

    def encode(self, text: str) -> list[int]:
        """Token ids of a text.

        Raises:
            SpecError: unit char, and a character that the file does not hold.
        """
        return self._file.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        return self._file.decode(ids)

    def word(self, token: int) -> str:
        """The token's text, line ends and the like as escapes."""
        return repr(self.decode([token]))[1:-1]

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        """Windows that begin anywhere in the training part."""
        starts = torch.randint(
            0,
            self._split - self.length,
            (size, 1),
            generator=stream_of_training(self.name, seed, step),
        )
        windows = self._file.ids[starts + torch.arange(self.length + 1)].long()
        return Batch(windows[:, :-1], windows[:, 1:])

    def test_batches(self, size: int) -> Iterator[Batch]:
        """The validation part in windows side by side; the last is filled up without labels.

        With `test_streams` a batch is the next window of every stream, whatever `size`.
        """
        if self.spec.test_streams is not None:
            yield from self._streams(self.spec.test_streams)
            return
        ids, stride = self._file.ids, self.length * size
        for start in range(self._split, ids.numel(), stride):
            targets = ids[start : start + stride].long()
            inputs = ids[start - 1 : start - 1 + targets.numel()].long()
            rows = -(-targets.numel() // self.length)
            missing = rows * self.length - targets.numel()
            tokens = F.pad(inputs, (0, missing), value=0)
            labels = F.pad(targets, (0, missing), value=IGNORED)
            yield Batch(tokens.view(rows, -1), labels.view(rows, -1))

    def _streams(self, count: int) -> Iterator[Batch]:
        """The next window of every stream; the last streams may end sooner than the first."""
        ids = self._file.ids
        each = -(-(ids.numel() - self._split) // count)
        ends = (self._split + each * torch.arange(1, count + 1)).clamp(max=ids.numel())
        for start in range(0, each, self.length):
            width = min(self.length, each - start)
            where = self._split + start + each * torch.arange(count)
            where = where.unsqueeze(1) + torch.arange(width)
            inside = where < ends.unsqueeze(1)
            where = where.clamp(max=ids.numel() - 1)
            tokens, labels = ids[where - 1].long(), ids[where].long()
            yield Batch(tokens, labels.masked_fill(~inside, IGNORED), continues=start > 0)

    def measure(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Sums of `Task.measure`, and `bytes`, the UTF-8 bytes of the targets."""
        _, targets = batch.labelled()
        size = self._file.bytes_of(targets).to(logits.device)
        return {**super().measure(logits, batch), "bytes": size}

    def metrics(self, sums: Mapping[str, float]) -> dict[str, float]:
        """`loss` in nats a token, `accuracy`, `perplexity` a token, `bits_per_byte`.

        Characters have `bits_per_character` too.
        """
        bits = sums["nats"] / math.log(2)
        metrics = super().metrics(sums)
        loss = metrics["loss"]
        metrics["perplexity"] = math.exp(loss) if loss < HUGE_LOSS else math.inf
        metrics["bits_per_byte"] = bits / sums["bytes"]
        if self.spec.unit == "char":
            metrics["bits_per_character"] = bits / sums["count"]
        return metrics


def _read(path: Path, spec: Text.Spec) -> Bytes | Characters | Tokens:
    if spec.unit == "byte":
        return read_bytes(path)
    if spec.unit == "char":
        return read_characters(path)
    assert spec.tokenizer is not None
    return read_tokens(path, Path(spec.tokenizer).expanduser())
