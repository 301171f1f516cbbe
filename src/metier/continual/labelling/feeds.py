"""Where a page gets its rows from and puts its answers: the rows of a labeller, or those on which labellers disagree."""

from collections.abc import Sequence
from typing import Protocol

from metier.continual.queue.items import Answer, Item, Label
from metier.continual.queue.store import QueueStore


class Feed(Protocol):
    """Rows for one person."""

    def give(self, without: Sequence[int]) -> Item | None:
        """Give the next row but some; None: there is none."""
        ...

    def put(self, item: Item, answer: Answer | None, *, seconds: float, comment: str | None) -> None:
        """Store an answer; None: skipped."""
        ...

    def take_back(self, item: Item) -> None:
        """Forget the answer."""
        ...

    def said(self, item: Item) -> list[Label]:
        """Give what is shown of what others said of a row."""
        ...

    def n_left(self) -> int:
        """Give how many rows wait."""
        ...

    def close(self) -> None:
        """Let others have what was shown and not answered."""
        ...


class OwnRows:
    """Rows that a labeller has not labelled.

    Parameters
    ----------
    store : QueueStore
    labeller : str
    """

    def __init__(self, store: QueueStore, labeller: str):
        self._store, self._labeller = store, labeller

    def give(self, without: Sequence[int]) -> Item | None:
        """Give the next row but some; None: there is none."""
        return self._store.give(self._labeller, without=without)

    def put(self, item: Item, answer: Answer | None, *, seconds: float, comment: str | None) -> None:
        """Store an answer; None: skipped."""
        self._store.label(item.number, self._labeller, answer, seconds=seconds, comment=comment)

    def take_back(self, item: Item) -> None:
        """Forget the answer."""
        self._store.undo(item.number, self._labeller)

    def said(self, item: Item) -> list[Label]:
        """Give nothing: what others said would be copied."""
        return []

    def n_left(self) -> int:
        """Give how many rows wait for this labeller."""
        return self._store.n_for(self._labeller)

    def close(self) -> None:
        """Let others have what was shown and not answered."""
        self._store.give_back(self._labeller)


class DisagreedRows:
    """Rows on which labellers disagree, with what each of them said.

    Parameters
    ----------
    store : QueueStore
    judge : str
        Who settles them.
    """

    def __init__(self, store: QueueStore, judge: str):
        self._store, self._judge = store, judge

    def give(self, without: Sequence[int]) -> Item | None:
        """Give the next row but some; None: there is none."""
        return next((one for one in self._store.items("disagreed") if one.number not in without), None)

    def put(self, item: Item, answer: Answer | None, *, seconds: float, comment: str | None) -> None:
        """Store what holds; a row that is skipped stays as it is."""
        if answer is not None:
            self._store.decide(item.number, answer, self._judge)

    def take_back(self, item: Item) -> None:
        """Open the row again."""
        self._store.reopen(item.number)

    def said(self, item: Item) -> list[Label]:
        """Give what each labeller said."""
        return self._store.labels(item=item.number)

    def n_left(self) -> int:
        """Give how many rows wait."""
        return self._store.counts().get("disagreed", 0)

    def close(self) -> None:
        """Do nothing: several may settle."""
