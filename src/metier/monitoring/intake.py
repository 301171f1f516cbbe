"""The way of a batch into the store: new messages alone, masked, compared with those before, answered, counted, kept.

Everything a message gets but the moment of storing is a function of the messages up to it in their order, so that an
archive that is replayed ends with the same store.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from metier.monitoring.answering import Answerer
from metier.monitoring.answers import Answered, Unanswered
from metier.monitoring.copies import MOST_ORIGINALS, RecentCopies, sketches
from metier.monitoring.counting import period_of
from metier.monitoring.messages import Batch, Message, Refused
from metier.monitoring.store.stored import NewMessage, StoredBatch
from metier.monitoring.store.watch_store import WatchStore
from metier.monitoring.watch_settings import WatchSettings
from metier.text.normalisation import storable
from metier.text.personal_data.masking import masked

LONGEST_ID, LONGEST_VALUE = 200, 100


@dataclass(frozen=True)
class Taken:
    """What became of a batch.

    Parameters
    ----------
    messages, known, late, copies, refused, unanswered : int
        Stored, seen before, come after their period was judged, near-duplicates, no messages, without some answer.
    answers : mapping of str to int
        By bundle.
    """

    messages: int
    known: int
    late: int
    copies: int
    refused: int
    unanswered: int
    answers: dict[str, int]


class Intake:
    """Takes batches into a store.

    Parameters
    ----------
    store : WatchStore
    settings : WatchSettings
    answerer : Answerer
    """

    def __init__(self, store: WatchStore, settings: WatchSettings, answerer: Answerer):
        self._store, self._settings, self._answerer = store, settings, answerer
        self._copies: RecentCopies | None = None  # None: to be read from the store.
        self._next_number = 0
        self.last_closed = store.last_closed()

    def take(self, source: str, batch: Batch, *, latest: float | None, now: datetime) -> Taken:
        """Store a batch with its position, whole; raises `WatchStoreError` where that cannot be, and nothing is changed.

        Parameters
        ----------
        latest : float or None
            When the latest message of the source was written before, in seconds since 1970.
        """
        given, refused = self._in_time(source, [_storable(one) for one in batch.messages], now)
        new = self._store.unknown(given)
        refused += [replace(one, excerpt=masked(one.excerpt).text) for one in batch.refused]
        copies = self._ready_copies()
        prepared = self._prepared([replace(one, text=masked(one.text).text) for one in new], copies)
        times = [one.at.timestamp() for one in given]
        try:
            self._store.add(
                StoredBatch(
                    source,
                    prepared,
                    refused,
                    batch.position,
                    now,
                    max([*times, *([] if latest is None else [latest])], default=None),
                    self._answerer.versions,
                    self._settings.by,
                    keeps_text=self._settings.text == "masked",
                )
            )
        except BaseException:
            self._copies = None  # It knows of messages that are not stored.
            raise
        self._next_number += len(prepared)
        return _taken(prepared, len(given) - len(new), len(refused))

    def _ready_copies(self) -> RecentCopies:
        if self._copies is None:
            self._copies = RecentCopies()
            self._copies.add(*self._store.originals(MOST_ORIGINALS))
            self._next_number = self._store.next_number()
        return self._copies

    def _prepared(self, messages: Sequence[Message], copies: RecentCopies) -> list[NewMessage]:
        if not messages:
            return []
        texts = [one.text for one in messages]
        answers, sketched = self._answerer.answer(texts), sketches(texts)
        numbers = range(self._next_number, self._next_number + len(messages))
        originals = copies.add(sketched, [one.at.timestamp() for one in messages], numbers)
        periods = [period_of(one.at.timestamp(), self._settings.period) for one in messages]
        closed = self.last_closed
        return [
            NewMessage(
                numbers[row],
                message,
                periods[row],
                answers[row],
                originals[row],
                sketched[row],
                is_late=closed is not None and periods[row] <= closed,
                is_audit=is_audit(message, self._settings.audit_fraction),
            )
            for row, message in enumerate(messages)
        ]

    def _in_time(
        self, source: str, messages: Sequence[Message], now: datetime
    ) -> tuple[list[Message], list[Refused]]:
        """Part messages from those that are dated after now."""
        end = now + timedelta(minutes=self._settings.most_ahead_minutes)
        refused = [
            Refused(
                source,
                f"message {one.id}",
                f"Message {one.id} of {source} is dated {one.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, which is after now "
                f"({now:%Y-%m-%d %H:%M:%S} UTC). Set its clock or its time zone right, or allow more with "
                "most_ahead_minutes.",
                masked(one.text[:LONGEST_ID]).text,
            )
            for one in messages
            if one.at > end
        ]
        return [one for one in messages if one.at <= end], refused


def is_audit(message: Message, fraction: float) -> bool:
    """Whether a message is drawn to be labelled: by a hash of its source and id, whatever it says."""
    drawn = hashlib.blake2b(f"{message.source}\x1f{message.id}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn) < fraction * 2**64


def _storable(message: Message) -> Message:
    """Give a message without what databases refuse: NUL, lone surrogates, an id or a value that is too long."""
    id_ = storable(message.id)
    if len(id_) > LONGEST_ID:
        id_ = f"{id_[: LONGEST_ID - 41]} {hashlib.sha256(id_.encode()).hexdigest()[:40]}"
    by = {storable(name): storable(str(value))[:LONGEST_VALUE] for name, value in message.by.items()}
    at = message.at if message.at.tzinfo is not None else message.at.replace(tzinfo=UTC)
    return replace(message, id=id_, text=storable(message.text), by=by, at=at)


def _taken(prepared: Sequence[NewMessage], known: int, refused: int) -> Taken:
    found = [answer for one in prepared for answer in one.answers.items()]
    answers: dict[str, int] = {}
    for name, answer in found:
        answers[name] = answers.get(name, 0) + isinstance(answer, Answered)
    return Taken(
        messages=len(prepared),
        known=known,
        late=sum(one.is_late for one in prepared),
        copies=sum(one.copy_of is not None for one in prepared),
        refused=refused,
        unanswered=sum(isinstance(answer, Unanswered) for _, answer in found),
        answers=answers,
    )
