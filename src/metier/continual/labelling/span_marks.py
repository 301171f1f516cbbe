"""Spans of a text, marked by keys: what the model suggests is removed or kept, and new ones are added by their words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from metier.continual.labelling.choices import DIGITS, LabelKeys, Option
from metier.continual.queue.items import Answer

ADD = "a"


@dataclass(frozen=True)
class Mark:
    """A span of the text.

    Parameters
    ----------
    start, end : int
        Offsets in characters.
    label : str
    is_kept : bool
        Whether it is part of the answer; what was removed stays in sight.
    """

    start: int
    end: int
    label: str
    is_kept: bool = True


class SpanMarks:
    """The spans of one text.

    A digit removes a span or takes it back; `a` asks for the words of a new one, then for its label; Enter answers.

    Parameters
    ----------
    labels : sequence of str
    suggestion : mapping, optional
        With `spans` as lists of start, end and label.
    text : str
    """

    def __init__(self, labels: Sequence[str], suggestion: Answer | None, text: str):
        self.text, self.labels = text, tuple(labels)
        suggested = (suggestion or {}).get("spans", ())
        self.marks = [Mark(int(start), int(end), str(label)) for start, end, label in suggested]
        self.typed: str | None = None  # The words of a new span, while they are typed.
        self.keys: LabelKeys | None = None  # Asked for the label of a new span.
        self.fault = ""
        self._place = (0, 0)

    def press(self, key: str) -> Answer | None:
        """Take a key, and give the answer once it is complete."""
        self.fault = ""
        if self.keys is not None:
            self._take_label(key, self.keys)
        elif self.typed is not None:
            self._take_words(key)
        elif key == "enter":
            return {"spans": self.spans}
        elif key.lower() == ADD:
            self.typed = ""
        elif key in DIGITS and DIGITS.index(key) < len(self.marks):
            self._turn(DIGITS.index(key))
        return None

    def type(self, key: str) -> bool:
        """Take a key of what is typed, and say whether it was one."""
        if self.keys is not None:
            if key == "escape" and not self.keys.typed:
                self.keys = None
                return True
            return self.keys.type(key)
        if self.typed is None or key == "enter":
            return False
        if key == "escape":
            self.typed = None
        elif key == "backspace":
            self.typed = self.typed[:-1]
        else:
            self.typed += " " if key == "space" else key if len(key) == 1 else ""
        return True

    @property
    def is_typing(self) -> bool:
        """Whether keys are no commands now."""
        return self.typed is not None or self.keys is not None

    @property
    def spans(self) -> list[list[int | str]]:
        """The spans that are kept, in the order of the text."""
        kept = sorted((one for one in self.marks if one.is_kept), key=lambda one: one.start)
        return [[one.start, one.end, one.label] for one in kept]

    def options(self) -> list[Option]:
        """Give the labels that keys choose for a new span; none while none is added."""
        return [] if self.keys is None else [Option(key, label) for key, label in self.keys.shown()]

    def _turn(self, place: int) -> None:
        mark = self.marks[place]
        if not mark.is_kept and self._covered(mark.start, mark.end):
            self.fault = "Another span is there. Remove it first."
            return
        self.marks[place] = replace(mark, is_kept=not mark.is_kept)

    def _take_words(self, key: str) -> None:
        if key != "enter" or self.typed is None:
            return
        words, self.typed = self.typed.strip(), None
        place = self._find(words)
        if place is None:
            self.fault = (
                f"The words {words!r} are not in the text outside of its spans. Type them as they stand there."
            )
            return
        self._place = place
        self.keys = LabelKeys(self.labels)
        if len(self.labels) == 1:
            self._add(self.labels[0])

    def _take_label(self, key: str, keys: LabelKeys) -> None:
        label = keys.label_of(key)
        shown = keys.shown()
        if label is None and key == "enter" and keys.typed and shown:
            label = shown[0][1]
        if label is not None:
            self._add(label)

    def _add(self, label: str) -> None:
        self.marks.append(Mark(*self._place, label))
        self.keys = None

    def _find(self, words: str) -> tuple[int, int] | None:
        """Give where words stand first that no span covers, whatever their case; None: nowhere."""
        if not words:
            return None
        text, start = self.text, 0
        for tried in (words, words.lower()):
            text = text if tried == words else text.lower()
            start = text.find(tried)
            while start >= 0:
                if not self._covered(start, start + len(words)) and len(text) == len(self.text):
                    return start, start + len(words)
                start = text.find(tried, start + 1)
        return None

    def _covered(self, start: int, end: int) -> bool:
        return any(one.is_kept and one.start < end and start < one.end for one in self.marks)
