"""Answers that are kept for the same question of the same caller: off unless asked for.

A question is known by a keyed hash of its content; the key is drawn anew in each process, so that neither memory nor a
crash file tells what was asked. Callers do not share: how long an answer took would tell one what another has asked. A row
in which personal data is found is neither kept nor looked up, nor is an answer that repeats parts of its text. The cache
belongs to one loaded model, and ends with it.
"""

import json
import secrets
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from threading import Lock
from typing import Any

from metier.serving.request_reading import count_characters
from metier.tasks.answer_batches import AnswerBatch, Answers, LabelSetAnswers
from metier.text.personal_data import find_personal_data

ENTRY_BYTES = 500  # Of an entry beside its numbers: key, objects and places in two tables.
MOST_BYTES = 64_000_000
LONGEST_QUESTION = (
    2_000  # Characters; a longer one hardly comes twice, and is slow to search for personal data.
)


class AnswerCache:
    """Answers by question and caller, the least recently used dropped first. Safe to share between threads.

    Parameters
    ----------
    most_entries : int
    most_bytes : int
    when_changed : callable
        Called with the number of entries and of bytes.
    """

    def __init__(
        self,
        most_entries: int,
        *,
        most_bytes: int = MOST_BYTES,
        when_changed: Callable[[int, int], None] = lambda entries, size: None,
    ):
        self._most_entries, self._most_bytes = most_entries, most_bytes
        self._when_changed = when_changed
        self._secret = secrets.token_bytes(32)
        self._held: OrderedDict[bytes, AnswerBatch] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._held)

    def key(self, item: Any, caller: str) -> bytes | None:
        """Give the key of a question; None: it is not kept."""
        if count_characters(item) > LONGEST_QUESTION:
            return None
        try:
            content = json.dumps([caller, item], ensure_ascii=False, sort_keys=True)
        except TypeError:  # An image or a recording.
            return None
        if any(find_personal_data(text) for text in _texts(item)):
            return None
        return blake2b(content.encode("utf-8", "surrogatepass"), key=self._secret, digest_size=32).digest()

    def get(self, key: bytes) -> AnswerBatch | None:
        """Give the answer that is kept; None: there is none."""
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def put(self, key: bytes, answer: AnswerBatch) -> None:
        """Keep the answer to one row, if its kind repeats nothing of the text."""
        if not isinstance(answer, Answers | LabelSetAnswers):
            return
        with self._lock:
            replaced = self._held.pop(key, None)
            self._held[key] = answer
            self._size += _size(answer) - (0 if replaced is None else _size(replaced))
            while len(self._held) > self._most_entries or self._size > self._most_bytes:
                _, dropped = self._held.popitem(last=False)
                self._size -= _size(dropped)
            self._when_changed(len(self._held), self._size)


def _texts(item: Any) -> list[str]:
    if isinstance(item, str):
        return [item]
    parts = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return [text for part in parts for text in _texts(part)]


def _size(answer: AnswerBatch) -> int:
    assert isinstance(answer, Answers | LabelSetAnswers)
    return ENTRY_BYTES + int(answer.probabilities.nbytes)
