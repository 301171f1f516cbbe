"""The page of a terminal on which rows are labelled: what is shown, and what each key does; others draw and read keys."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from metier.continual.labelling.choices import LabelSet, OneLabel, Option
from metier.continual.labelling.feeds import Feed
from metier.continual.labelling.span_marks import Mark, SpanMarks
from metier.continual.queue.items import Answer, Item, Kind, Label
from metier.errors import CallError

LONGEST_SECONDS = 600.0  # Who takes longer for a row was away.


@dataclass(frozen=True)
class View:
    """What is shown.

    Parameters
    ----------
    item : Item or None
        None: there is no row left, or the page is closed.
    suggestion : mapping or None
        The model's answer, where it is shown.
    options : list of Option
    marks : list of Mark
        Spans of the text.
    said : list of Label
        What labellers said, where it is to be settled.
    before : mapping or None
        What was answered before, where the row is shown again.
    asks : str
        What is typed: `label`, `search`, `words`, `comment` or `new`.
    typed : str
    message : str
        What the last key did, in a sentence; empty where that is seen.
    shows_keys : bool
    shows_all : bool
        Whether the whole of a long text is shown.
    n_done, n_left : int
    """

    item: Item | None
    suggestion: Answer | None
    options: list[Option]
    marks: list[Mark]
    said: list[Label]
    before: Answer | None
    asks: str
    typed: str
    message: str
    shows_keys: bool
    shows_all: bool
    n_done: int
    n_left: int


@dataclass
class _Done:
    item: Item
    answer: Answer | None


@dataclass
class Page:
    """The page of one person.

    Parameters
    ----------
    feed : Feed
    labels : sequence of str
    kind : {"label", "labels", "spans"}
    with_suggestions : bool, default=True
        Whether the model's answers are shown. They never are of rows that measure something: those drawn by chance,
        from which accuracy is estimated, and those that two people get.
    add_label : callable taking a str
        Told of a label that did not exist.
    clock : callable giving a float
        Seconds.
    """

    feed: Feed
    labels: Sequence[str]
    kind: Kind
    with_suggestions: bool = True
    add_label: Callable[[str], None] = lambda label: None
    clock: Callable[[], float] = time.monotonic
    is_closed: bool = False
    _done: list[_Done] = field(default_factory=list)
    _skipped: list[int] = field(default_factory=list)
    _item: Item | None = None
    _place: int | None = None  # In what is done, where an earlier row is shown again.
    _answering: OneLabel | LabelSet | SpanMarks | None = None
    _text: str | None = None  # A comment or a new label, while it is typed.
    _asks: str = ""
    _comment: str | None = None
    _message: str = ""
    _shows_keys: bool = False
    _shows_all: bool = False
    _since: float = 0.0

    def __post_init__(self) -> None:
        self._go_on()

    def view(self) -> View:
        """Give what is shown now."""
        now = self._answering
        marks = now.marks if isinstance(now, SpanMarks) else []
        asks, typed = self._typing()
        before = None if self._place is None else self._done[self._place].answer
        return View(
            self._item,
            self._suggestion(),
            [] if now is None else now.options(),
            list(marks),
            [] if self._item is None else self.feed.said(self._item),
            before,
            asks,
            typed,
            self._message,
            self._shows_keys,
            self._shows_all,
            sum(one.answer is not None for one in self._done),
            self.feed.n_left(),
        )

    def press(self, key: str) -> None:
        """Take a key: a letter, or `enter`, `space`, `backspace`, `escape`, `undo`, `quit`."""
        is_typing = self._text is not None or self._typing()[1] != "" or self._typing()[0] == "words"
        self._message, self._shows_keys = "", key == "?" and not is_typing
        if key == "+" and not is_typing:
            self._shows_all = not self._shows_all
        elif key == "quit":
            self._close()
        elif self._text is not None:
            self._take_text(key)
        elif self._answering is None or not self._answering.type(key):
            self._take(key)
        if isinstance(self._answering, SpanMarks) and self._answering.fault:
            self._message = self._answering.fault

    def _take(self, key: str) -> None:
        command = COMMANDS.get(key) or (None if self._letters_search else COMMANDS.get(key.upper()))
        is_busy = isinstance(self._answering, SpanMarks) and self._answering.is_typing
        if command is not None and not is_busy:
            command(self)
        elif self._answering is not None:
            answer = self._answering.press(key)
            if answer is not None:
                self._put(answer)
            elif key == "enter" and self.kind == "label":
                self._message = "There is no answer to accept here. Choose a label by its key."

    def _put(self, answer: Answer | None) -> None:
        assert self._item is not None
        seconds = min(self.clock() - self._since, LONGEST_SECONDS)
        try:
            self.feed.put(self._item, answer, seconds=seconds, comment=self._comment)
        except CallError as refused:  # Somebody has erased the row meanwhile.
            self._message = str(refused)
            self._go_on()
            return
        done = _Done(self._item, answer)
        if self._place is not None:
            self._done[self._place] = done
        else:
            self._done.append(done)
        if answer is None:
            self._skipped.append(self._item.number)
        self._go_on()

    def _go_on(self) -> None:
        self._place = None
        self._show(self.feed.give(self._skipped))

    def _show(self, item: Item | None) -> None:
        self._item, self._comment, self._since = item, None, self.clock()
        self._shows_all = False
        self._answering = None if item is None else self._build(item)

    def _build(self, item: Item) -> OneLabel | LabelSet | SpanMarks:
        suggestion = self._done[self._place].answer if self._place is not None else self._suggestion()
        if self.kind == "spans":
            return SpanMarks(self.labels, suggestion, item.text)
        return (OneLabel if self.kind == "label" else LabelSet)(self.labels, suggestion)

    def _suggestion(self) -> Answer | None:
        item = self._item
        if item is None or not self.with_suggestions or item.is_audit or item.needed > 1:
            return None
        return item.suggestion

    @property
    def _letters_search(self) -> bool:
        now = self._answering
        return isinstance(now, OneLabel | LabelSet) and now.keys.is_searched

    def _typing(self) -> tuple[str, str]:
        if self._text is not None:
            return self._asks, self._text
        now = self._answering
        if isinstance(now, SpanMarks) and now.typed is not None:
            return "words", now.typed
        keys = None if now is None else now.keys
        if keys is not None and keys.is_searched:
            return "search", keys.typed
        return "label", ""

    def _take_text(self, key: str) -> None:
        typed = self._text or ""
        if key == "escape":
            self._text = None
        elif key == "backspace":
            self._text = typed[:-1]
        elif key == "enter":
            self._text = None
            self._end_text(typed.strip())
        else:
            self._text = typed + (" " if key == "space" else key if len(key) == 1 else "")

    def _end_text(self, typed: str) -> None:
        if self._asks == "comment":
            self._comment = typed or None
            self._message = "The comment is stored with your answer." if typed else ""
        elif typed and typed not in self.labels:
            try:
                self.add_label(typed)
            except CallError as refused:
                self._message = str(refused)
                return
            self.labels = [*self.labels, typed]
            if self._item is not None:
                self._answering = self._build(self._item)
            self._message = f"There is a new label: {typed}"

    def _skip(self) -> None:
        if self._item is not None:
            self._put(None)

    def _undo(self) -> None:
        if not self._done:
            self._message = "There is nothing to take back."
            return
        last = self._done.pop()
        try:
            self.feed.take_back(last.item)
        except CallError as refused:
            self._message = str(refused)
            return
        if last.item.number in self._skipped:
            self._skipped.remove(last.item.number)
        self._place = None
        self._show(last.item)
        self._message = "Taken back."

    def _back(self) -> None:
        place = (len(self._done) if self._place is None else self._place) - 1
        if place < 0:
            self._message = "There is no row before it."
            return
        self._place = place
        self._show(self._done[place].item)

    def _ask_comment(self) -> None:
        if self._item is not None:
            self._text, self._asks = self._comment or "", "comment"

    def _ask_label(self) -> None:
        self._text, self._asks = "", "new"

    def _close(self) -> None:
        self.feed.close()
        self.is_closed, self._item, self._answering, self._text = True, None, None, None


COMMANDS: dict[str, Callable[[Page], None]] = {
    "space": Page._skip,
    "S": Page._skip,
    "U": Page._undo,
    "undo": Page._undo,
    "backspace": Page._undo,
    "B": Page._back,
    "C": Page._ask_comment,
    "N": Page._ask_label,
    "Q": Page._close,
}
