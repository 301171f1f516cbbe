"""Input: a question whose text may be spoken. What was said becomes the text before the model reads it.

`{"audio": …}` stands for `{"text": …}`: a path, bytes, or in a request base64. Beside it the other parts of the question
stay as they are. Where rows had a text and a recording, both may be given: what was said follows the text. The same kind
reads files of rows, requests and calls, so that training, answering and serving hear alike.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from metier.speech.containers import SUFFIXES
from metier.speech.recording import Recording
from metier.tasks.inputs.audio import AUDIO, KEY
from metier.tasks.inputs.kind import InputKind
from metier.text.spoken_forms import with_what_was_said

if TYPE_CHECKING:  # What answers needs neither scikit-learn nor the rows' Arrow.
    from metier.data.rows import Rows

TEXT_KEY = "text"


@dataclass(frozen=True)
class Spoken(InputKind):
    """A question of another kind, or a recording in place of its text.

    Parameters
    ----------
    written : InputKind
        The kind that the model was trained with.
    joins : bool, default=False
        Whether a text and a recording may be given together, as rows had both.
    """

    written: InputKind
    joins: bool = False

    @property
    def example(self) -> Any:
        """A question as text."""
        return self.written.example

    @property
    def chinese_example(self) -> Any:
        """A question as Chinese text."""
        return self.written.chinese_example

    @property
    def trial(self) -> Any:
        """A recording of silence would load the speech model with the first question; a text is enough."""
        return self.written.trial

    def typed(self, text: str) -> Any:
        """Give what was typed as a question: what ends as a recording does and is one word, or is there, is its path."""
        is_named_so = Path(text).suffix.lower() in SUFFIXES and "\n" not in text and self.takes_texts
        if is_named_so and (not re.search(r"\s", text) or os.path.exists(text)):  # noqa: PTH110 - takes any text.
            return {KEY: text}
        return self.written.typed(text)

    @property
    def takes_texts(self) -> bool:
        """Whether a text alone is a question."""
        return self.written.fault("") is None

    def place_of(self, item: Any) -> str:
        """Give the key of the recording, where the question is spoken."""
        return KEY if is_spoken(item) else self.written.place_of(item)

    def received(self, item: Any, *, field: str, most_bytes: int) -> Any:
        """Give one question of a request, whose recording its base64 holds; raises as `Audio.received` does."""
        if not is_spoken(item):
            return self.written.received(self._plain(item), field=field, most_bytes=most_bytes)
        recording = AUDIO.received({KEY: item[KEY]}, field=field, most_bytes=most_bytes)
        return {**item, KEY: recording}

    def read(self, X: Any, *, origin: str = "these rows") -> Sequence[Any]:
        """Give the questions; those that are spoken stay recordings."""
        return [
            item if is_spoken(item) else self.written.read([self._plain(item)], origin=origin)[0] for item in X
        ]

    def texts(self, items: Sequence[Any]) -> list[str]:
        """Give every text, and of a recording its name, as what is said is not known yet."""
        return [
            text
            for item in items
            for text in (self.shown(item) if is_spoken(item) else self.written.texts([self._plain(item)]))
        ]

    def shown(self, item: Any) -> list[str]:
        """Give the texts of one question, and the name of its recording."""
        if not is_spoken(item):
            return self.written.shown(self._plain(item))
        beside = [item[TEXT_KEY]] if item.get(TEXT_KEY) else []
        return [*beside, *AUDIO.shown({KEY: item[KEY]})]

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question, in a sentence; None: nothing is."""
        if not is_spoken(item):
            return self.written.fault(self._plain(item))
        beside = item.get(TEXT_KEY)
        if TEXT_KEY in item and not self.joins:
            return "both text and audio are given. Give one of them."
        if not isinstance(item[KEY], str | bytes | Path | Recording):
            return f"{KEY!r} should be a recording; found {type(item[KEY]).__name__}."
        return self.written.fault(self._said_in(item, "" if beside is None else beside))

    def row_faults(self, rows: "Rows") -> dict[int, str]:
        """Give why rows cannot be asked: a recording that cannot be used, or what else is missing."""
        if not self._asks_recordings(rows):
            return self.written.row_faults(rows)
        return {**self.written.row_faults(rows), **rows.audio_faults}

    def same_as(self, rows: "Rows") -> Sequence[str]:
        """Give what each row asks as one text."""
        return self.written.same_as(rows)

    def from_rows(self, rows: "Rows") -> Sequence[Any]:
        """Give what rows ask; where a recording was not heard yet, its path in place of the text, or beside it."""
        asked = self.written.from_rows(rows)
        if not self._asks_recordings(rows):
            return asked
        pairs = zip(asked, rows.audio_files, strict=True)
        if not rows.has_texts:
            return [self._with_audio(item, path) for item, path in pairs]
        return [{**self._parts(item), KEY: path} if path else item for item, path in pairs]

    def heard(self, items: Sequence[Any], hear: Callable[[Recording], str]) -> list[Any]:
        """Give the questions as the model reads them: each recording heard, and what was said in its place."""
        return [
            self.with_text(item, hear(AUDIO.read([item[KEY]])[0])) if is_spoken(item) else self._plain(item)
            for item in items
        ]

    def with_text(self, item: Mapping[str, Any], said: str) -> Any:
        """Give a spoken question with what was said in place of the recording, after the text where there is one."""
        return self._said_in(item, with_what_was_said(item.get(TEXT_KEY) or "", said))

    def _said_in(self, item: Mapping[str, Any], text: Any) -> Any:
        rest = {key: value for key, value in item.items() if key not in (KEY, TEXT_KEY)}
        return self._plain({TEXT_KEY: text, **rest})

    def _asks_recordings(self, rows: "Rows") -> bool:
        """Whether rows name recordings that are asked: beside texts only where both were learned from."""
        return rows.has_unheard and (self.joins or not rows.has_texts)

    def _plain(self, item: Any) -> Any:
        """Give a question that is one text as that text."""
        if isinstance(item, Mapping) and set(item) == {TEXT_KEY} and self.takes_texts:
            return item[TEXT_KEY]
        return item

    def _with_audio(self, item: Any, path: str) -> dict[str, Any]:
        return {KEY: path, **{key: value for key, value in self._parts(item).items() if key != TEXT_KEY}}

    def _parts(self, item: Any) -> Mapping[str, Any]:
        """Give a question as its parts, also one that is a text alone."""
        return item if isinstance(item, Mapping) else {TEXT_KEY: item}


def is_spoken(item: Any) -> bool:
    """Whether a question has a recording in place of its text."""
    return isinstance(item, Mapping) and KEY in item


def or_spoken(kind: InputKind, *, joins: bool = False) -> InputKind:
    """Give a kind of questions whose text may be spoken; one without a text, such as images, comes back as it is.

    Parameters
    ----------
    joins : bool, default=False
        Whether a text may stand beside the recording.
    """
    if TEXT_KEY not in kind.keys:
        return kind
    stated = {
        "name": kind.name,
        "keys": kind.keys,
        "noun": kind.noun,
        "optional_keys": (*kind.optional_keys, KEY),
        "roles": kind.roles,
        "parts": kind.parts or ((KEY,) if kind.fault("") is None else ()),
        "has_texts": kind.has_texts,
    }
    return cast(InputKind, type("SpokenOrWritten", (Spoken,), stated)(kind, joins))
