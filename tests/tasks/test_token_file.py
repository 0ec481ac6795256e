import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from seqzoo.errors import SpecError
from seqzoo.tasks import IGNORED, text_file
from seqzoo.tasks.text import Text

tokenizers: Any = pytest.importorskip("tokenizers")

STORY = "the quick añb€c😀 fox\njumps over the lazy dog\r\n" * 30


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A text, and a byte-level BPE trained on it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text, model = tmp_path / "story.txt", tmp_path / "tokenizer.json"
    text.write_bytes(STORY.encode())
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([STORY], trainer)
    tokenizer.save(str(model))
    return text, model


def task_on(files: tuple[Path, Path], length: int = 7) -> Text:
    text, model = files
    return Text.Spec(path=str(text), unit="token", tokenizer=str(model), length=length).build()


def scored(task: Text) -> list[int]:
    labels = [batch.labels[batch.labels != IGNORED].tolist() for batch in task.test_batches(3)]
    return [label for row in labels for label in row]


def test_tokens_are_the_tokenizers_own(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = tokenizers.Tokenizer.from_file(str(files[1]))
    known = tokenizer.encode(STORY).ids
    task = task_on(files)
    assert task.vocab_size == tokenizer.get_vocab_size()
    assert scored(task) == known[len(known) - len(known) // 10 :]
    assert task.decode(task.encode("the fox€")) == "the fox€"
    batch = task.train_batch(4, 0, 0)
    assert batch.tokens.tolist()[0][1:] == batch.labels.tolist()[0][:-1]
    # The cache is used: nothing is encoded again.
    monkeypatch.setattr("seqzoo.tasks.token_file._encode_file", None)
    assert scored(task_on(files)) == scored(task)
    assert task_on(files).fingerprint == task.fingerprint


def test_pieces_change_no_token(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scored(task_on(files))
    monkeypatch.setenv("XDG_CACHE_HOME", str(files[0].parent / "other"))
    monkeypatch.setattr(text_file, "CHUNK", 53)  # cuts words and characters
    assert scored(task_on(files)) == whole


def test_bytes_are_those_of_the_text(files: tuple[Path, Path]) -> None:
    task = task_on(files)
    ids = task._file.ids.long()
    assert float(task._file.bytes_of(ids)) == pytest.approx(len(STORY.encode()), rel=1e-5)
    tail = scored(task)
    decoded = task.decode(tail).encode()
    found = float(task._file.bytes_of(ids[len(ids) - len(tail) :]))
    assert found == pytest.approx(len(decoded), abs=4)


def test_a_changed_text_or_tokenizer_is_encoded_anew(files: tuple[Path, Path]) -> None:
    before = task_on(files).fingerprint
    files[0].write_bytes(STORY.replace("dog", "cat").encode())
    task = task_on(files)
    assert task.fingerprint != before
    assert "cat" in task.decode(scored(task))


def test_what_cannot_be_read_says_so(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, model = files
    with pytest.raises(SpecError, match=r"no tokenizer file .*nowhere.json"):
        task_on((text, tmp_path / "nowhere.json"))
    (tmp_path / "odd.json").write_text(json.dumps({"model": 3}))
    with pytest.raises(SpecError, match=r"odd.json is no tokenizer of the tokenizers library"):
        task_on((text, tmp_path / "odd.json"))
    with pytest.raises(SpecError, match="there is no text file"):
        task_on((tmp_path / "nowhere.txt", model))
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 " * 10)
    with pytest.raises(SpecError, match="not UTF-8"):
        task_on((tmp_path / "latin.txt", model))
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(SpecError, match="set XDG_CACHE_HOME to a folder that can be written"):
        task_on(files)


def test_the_unit_and_the_tokenizer_go_together() -> None:
    with pytest.raises(ValidationError, match="unit token needs a tokenizer"):
        Text.Spec(path="a", unit="token")
    with pytest.raises(ValidationError, match="unit char uses no tokenizer"):
        Text.Spec(path="a", unit="char", tokenizer="b")
