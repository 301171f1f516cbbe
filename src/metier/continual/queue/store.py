"""The stored queue: rows in, one after another to labellers, their labels, and what was decided out.

Several processes may work on it. What one labeller is shown is kept from the others for a while, so that two people do not
label the same row where one is enough. The database may be that of a watch.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from metier.continual.queue.items import Answer, Item, Label, NewItem, Round, Settled, State, settle
from metier.continual.queue.names import checked_label, checked_labeller
from metier.continual.queue.place import read_place
from metier.continual.queue.rounds import OF_TEXTS, Watched, erase_watched_rows, read_rounds, write_round
from metier.continual.queue.tables import ITEMS, LABELS, METADATA, SCHEMA, SECRETS, SETTINGS
from metier.errors import CallError, QueueError
from metier.registry.database import known_database
from metier.text.normalisation import storable
from metier.text.personal_data import masked

GIVEN_SECONDS = 900.0  # A row that was shown and not answered is shown to others after that.
MOST_AT_ONCE = 500
LONGEST_BY = 200  # Characters; the names of several decide a row.
OPEN = ("waiting", "labelled")  # States of rows that a labeller may get.
_READ = ("number", "source", "id", "text", "suggestion", "version", "is_audit", "urgent", "truth", "facts")
_COLUMNS = (*_READ, "needed", "reasons", "state", "answer", "decided", "decided_by")


class QueueStore:
    """A queue in a database.

    Parameters
    ----------
    where : Path or str
        The file of an SQLite database, made where it is missing, or the URL of a database. `#NAME` at its end names one of
        several queues in it.
    may_be_new : bool, default=True
        Whether a file that is missing is made.
    clock : callable giving a float
        Seconds since 1970.

    Raises
    ------
    CallError
        If the file is missing and may not be made.
    QueueError
        If the database cannot be used, is of another program, or a later version of Metier made the queue.
    """

    def __init__(self, where: Path | str, *, may_be_new: bool = True, clock: Callable[[], float] = time.time):
        place = read_place(where, may_be_new=may_be_new)
        self.name, self.place = place.name, place.database
        self._database = known_database(place.url, METADATA, what="queue", error=QueueError)
        self._clock = clock
        SCHEMA.ready(self._database)

    def add(self, items: Sequence[NewItem], *, mask: bool = True) -> int:
        """Add rows in one transaction, and give how many are new; those that are there stay as they are.

        Parameters
        ----------
        mask : bool, default=True
            Whether personal data in texts is masked before they are stored.
        """
        with self._database.writing() as connection:
            found = connection.execute(select(func.max(ITEMS.c.round)).where(self._own)).scalar()
            known = self._known(connection, items)
            fresh = {(one.source, one.id): one for one in items if (one.source, one.id) not in known}
            secret, overlap = self._secret(connection), self._setting(connection, "overlap", 0.0)
            rows = [
                self._row(one, secret, overlap, mask=mask) | {"round": (found or 0) + 1, "rank": rank}
                for rank, one in enumerate(fresh.values())
            ]
            if rows:
                connection.execute(insert(ITEMS), rows)
        return len(rows)

    def known_ids(self, source: str) -> set[str]:
        """Give the ids of a source that are in the queue."""
        asked = select(ITEMS.c.id).where(self._own, ITEMS.c.source == source)
        with self._database.reading() as connection:
            return set(connection.execute(asked).scalars())

    def give(self, labeller: str, *, without: Sequence[int] = ()) -> Item | None:
        """Give the next row to a labeller, and keep it from others for a while; None: there is none for this labeller.

        Parameters
        ----------
        without : sequence of int
            Numbers of rows that shall not come now.
        """
        now, labeller = self._clock(), checked_labeller(labeller)
        said = select(LABELS.c.item).where(LABELS.c.labeller == labeller)
        is_free = or_(ITEMS.c.given_to.is_(None), ITEMS.c.given_to == labeller, ITEMS.c.given_until < now)
        asked = (
            select(ITEMS)
            .where(self._own, ITEMS.c.state.in_(OPEN), is_free)
            .where(ITEMS.c.number.not_in(said), ITEMS.c.number.not_in(list(without)))
            .order_by(ITEMS.c.urgent.desc(), ITEMS.c.round, ITEMS.c.rank, ITEMS.c.number)
            .limit(1)
        )
        with self._database.writing() as connection:
            row = connection.execute(asked).first()
            if row is None:
                return None
            given = {"given_to": labeller, "given_until": now + GIVEN_SECONDS}
            connection.execute(update(ITEMS).where(ITEMS.c.number == row.number).values(**given))
        return _item(row)

    def n_for(self, labeller: str) -> int:
        """Give how many rows wait for a labeller."""
        said = select(LABELS.c.item).where(LABELS.c.labeller == labeller)
        asked = select(func.count()).select_from(ITEMS).where(self._own, ITEMS.c.number.not_in(said))
        with self._database.reading() as connection:
            return int(connection.execute(asked.where(ITEMS.c.state.in_(OPEN))).scalar_one())

    def give_back(self, labeller: str) -> None:
        """Let others have what a labeller was shown and did not answer."""
        own = and_(self._own, ITEMS.c.given_to == labeller)
        with self._database.writing() as connection:
            connection.execute(update(ITEMS).where(own).values(given_to=None, given_until=None))

    def label(
        self,
        number: int,
        labeller: str,
        answer: Answer | None,
        *,
        seconds: float | None = None,
        comment: str | None = None,
    ) -> State:
        """Store what a labeller says of a row, in place of what the same one said before, and give the row's new state.

        Parameters
        ----------
        answer : mapping or None
            None: skipped.
        """
        labeller = checked_labeller(labeller)
        row = {"item": number, "labeller": labeller, "answer": None if answer is None else dict(answer)}
        row |= {"seconds": seconds, "comment": comment, "at": self._clock()}
        with self._database.writing() as connection:
            own = and_(LABELS.c.item == number, LABELS.c.labeller == labeller)
            self._row_of(connection, number)
            connection.execute(delete(LABELS).where(own))
            connection.execute(insert(LABELS), row)
            return self._settle(connection, number)

    def undo(self, number: int, labeller: str) -> State:
        """Take back what a labeller said of a row, and give the row's state."""
        own = and_(LABELS.c.item == number, LABELS.c.labeller == labeller)
        with self._database.writing() as connection:
            connection.execute(delete(LABELS).where(own))
            return self._settle(connection, number)

    def decide(self, number: int, answer: Answer, by: str) -> None:
        """Store what holds for a row, whatever its labellers said."""
        own = and_(self._own, ITEMS.c.number == number)
        made = {"state": "decided", "answer": dict(answer), "decided": self._clock()}
        made |= {"decided_by": by[:LONGEST_BY], "is_settled": True, "given_to": None, "given_until": None}
        with self._database.writing() as connection:
            self._row_of(connection, number)
            connection.execute(update(ITEMS).where(own).values(**made))

    def reopen(self, number: int) -> State:
        """Take back what `decide` stored, and give the state that the labels make."""
        own = and_(self._own, ITEMS.c.number == number)
        with self._database.writing() as connection:
            connection.execute(update(ITEMS).where(own).values(is_settled=False, state="waiting"))
            return self._settle(connection, number)

    def set_overlap(self, overlap: float) -> None:
        """Let two labellers have a share of all rows, 0 to 1, also of those that one has labelled already."""
        with self._database.writing() as connection:
            self._set(connection, "overlap", overlap)
            is_shared = ITEMS.c.chance < overlap
            mine = and_(self._own, ITEMS.c.urgent == 0)
            connection.execute(update(ITEMS).where(mine, is_shared).values(needed=2))
            connection.execute(update(ITEMS).where(mine, ~is_shared).values(needed=1))
            open_again = connection.execute(
                select(ITEMS.c.number).where(mine, ITEMS.c.state.in_(("labelled", "decided", "disagreed")))
            ).scalars()
            for number in open_again.all():
                self._settle(connection, number)

    def decided(self, since: float | None = None, *, limit: int | None = None) -> list[Item]:
        """Give the rows that were decided at a time or later, the earliest first."""
        asked = self._items(ITEMS.c.state == "decided").order_by(None).order_by(ITEMS.c.decided, ITEMS.c.number)
        if since is not None:
            asked = asked.where(ITEMS.c.decided >= since)
        with self._database.reading() as connection:
            return [_item(row) for row in connection.execute(asked.limit(limit))]

    def items(self, *states: State) -> list[Item]:
        """Give the rows of some states, or of all, in the order in which they are asked."""
        asked = self._items(ITEMS.c.state.in_(states)) if states else self._items()
        with self._database.reading() as connection:
            return [_item(row) for row in connection.execute(asked)]

    def find(self, number: int) -> Item | None:
        """Give a row by its number; None: there is none."""
        with self._database.reading() as connection:
            row = connection.execute(self._items(ITEMS.c.number == number)).first()
        return None if row is None else _item(row)

    def find_by_id(self, source: str, id_: str) -> Item | None:
        """Give a row by its source and id; None: there is none."""
        asked = self._items(ITEMS.c.source == source, ITEMS.c.id == id_)
        with self._database.reading() as connection:
            row = connection.execute(asked).first()
        return None if row is None else _item(row)

    def labels(self, *, item: int | None = None, labeller: str | None = None) -> list[Label]:
        """Give what labellers said, the oldest first."""
        asked = select(LABELS).join(ITEMS, ITEMS.c.number == LABELS.c.item).where(self._own)
        if item is not None:
            asked = asked.where(LABELS.c.item == item)
        if labeller is not None:
            asked = asked.where(LABELS.c.labeller == labeller)
        with self._database.reading() as connection:
            found = connection.execute(asked.order_by(LABELS.c.number))
            return [Label(**{k: v for k, v in row._mapping.items() if k != "number"}) for row in found]

    def counts(self) -> dict[str, int]:
        """Give how many rows there are of each state that has any."""
        asked = select(ITEMS.c.state, func.count()).where(self._own).group_by(ITEMS.c.state)
        with self._database.reading() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(asked)}

    def setting(self, name: str, default: Any = None) -> Any:
        """Give a setting of the queue, as JSON has it."""
        with self._database.reading() as connection:
            return self._setting(connection, name, default)

    def change(self, **settings: Any) -> None:
        """Store settings of the queue."""
        with self._database.writing() as connection:
            for name, value in settings.items():
                self._set(connection, name, value)

    def add_labels(self, names: Sequence[str], *, first: bool = False) -> None:
        """Store labels to choose from, before those that are known or behind them; each stands once."""
        new = [checked_label(name) for name in names]
        with self._database.writing() as connection:
            known = list(self._setting(connection, "labels", []))
            both = [*new, *known] if first else [*known, *new]
            self._set(connection, "labels", list(dict.fromkeys(both)))

    def note_round(self, version: str | None, watched: Sequence[Watched]) -> None:
        """Store what the model of the newest round answers to rows drawn by chance."""
        facts = {"at": self._clock(), "version": version, "n_decided": self.counts().get("decided", 0)}
        with self._database.writing() as connection:
            write_round(connection, self.name, watched, self._secret(connection, OF_TEXTS), facts)

    def rounds(self) -> list[Round]:
        """Give what the models of the rounds answered, the oldest first."""
        with self._database.reading() as connection:
            return read_rounds(connection, self.name)

    def digest(self, subject: str) -> str:
        """Give what stands for somebody in the queue: HMAC-SHA256 with a secret of it."""
        with self._database.writing() as connection:
            return _digest(self._secret(connection), subject)

    def erase(self, subject: str, *, digests: Sequence[str] = ()) -> int:
        """Remove all rows about somebody with their labels, in all queues of the database, and give how many that were.

        What models of the rounds answered to texts of theirs is removed, too.

        Parameters
        ----------
        digests : sequence of str
            What stands for the same person in the stores that rows came from.
        """
        all_digests = [self.digest(subject), *digests]
        with self._database.writing() as connection:
            own = select(ITEMS.c.number).where(ITEMS.c.subject.in_(all_digests))
            connection.execute(delete(LABELS).where(LABELS.c.item.in_(own)))
            erase_watched_rows(connection, all_digests)
            erased = connection.execute(delete(ITEMS).where(ITEMS.c.subject.in_(all_digests))).rowcount
        self._database.empty_journal()
        return int(erased)

    def close(self) -> None:
        """Close the connections to the database."""
        self._database.engine.dispose()

    @property
    def _own(self) -> Any:
        return ITEMS.c.queue == self.name

    def _items(self, *conditions: Any) -> Any:
        asked = select(ITEMS).where(self._own, *conditions)
        return asked.order_by(ITEMS.c.urgent.desc(), ITEMS.c.round, ITEMS.c.rank, ITEMS.c.number)

    def _known(self, connection: Connection, items: Sequence[NewItem]) -> set[tuple[str, str]]:
        known: set[tuple[str, str]] = set()
        for start in range(0, len(items), MOST_AT_ONCE):
            ids = {one.id for one in items[start : start + MOST_AT_ONCE]}
            asked = select(ITEMS.c.source, ITEMS.c.id).where(self._own, ITEMS.c.id.in_(ids))
            known.update((row.source, row.id) for row in connection.execute(asked))
        return known

    def _row(self, one: NewItem, secret: bytes, overlap: float, *, mask: bool) -> dict[str, Any]:
        chance = secrets.randbelow(1_000_000) / 1_000_000
        digest = one.subject_digest if one.subject is None else _digest(secret, one.subject)
        own = {name: vars(one)[name] for name in ("source", "id", "is_audit", "urgent", "version")}
        answers = {name: _plain(vars(one)[name]) for name in ("suggestion", "truth")}
        return (
            own
            | answers
            | {
                "queue": self.name,
                "text": masked(storable(one.text)).text if mask else storable(one.text),
                "subject": digest,
                "added": self._clock(),
                "chance": chance,
                "needed": 2 if chance < overlap and not one.urgent else 1,
                "reasons": [list(reason) for reason in one.reasons],
                "facts": dict(one.facts),
                "state": "waiting",
            }
        )

    def _row_of(self, connection: Connection, number: int) -> Row[Any]:
        row = connection.execute(select(ITEMS).where(self._own, ITEMS.c.number == number)).first()
        if row is None:
            raise CallError(f"There is no row {number} in the queue {self.name!r}. It may have been erased.")
        return row

    def _settle(self, connection: Connection, number: int) -> State:
        """Give a row the state that its labels make, unless somebody has settled it."""
        row = self._row_of(connection, number)
        said = connection.execute(select(LABELS).where(LABELS.c.item == number).order_by(LABELS.c.number)).all()
        if row.is_settled:
            return "decided"
        now: Settled = settle([(one.labeller, one.answer) for one in said], needed=row.needed)
        made: dict[str, Any] = {
            "state": now.state,
            "answer": now.answer,
            "decided_by": now.by and now.by[:LONGEST_BY],
        }
        is_same = row.state == "decided" and now.state == "decided" and row.answer == now.answer
        made["decided"] = (row.decided if is_same else self._clock()) if now.state == "decided" else None
        made |= {"given_to": None, "given_until": None}
        connection.execute(update(ITEMS).where(ITEMS.c.number == number).values(**made))
        return now.state

    def _secret(self, connection: Connection, name: str = "subjects") -> bytes:
        asked = select(SECRETS.c.value).where(SECRETS.c.name == name)
        known = connection.execute(asked).scalar()
        if known is None:
            known = secrets.token_hex(32)
            connection.execute(insert(SECRETS).values(name=name, value=known))
        return bytes.fromhex(known)

    def _setting(self, connection: Connection, name: str, default: Any) -> Any:
        own = and_(SETTINGS.c.queue == self.name, SETTINGS.c.name == name)
        row = connection.execute(select(SETTINGS.c.value).where(own)).first()
        return default if row is None else row.value

    def _set(self, connection: Connection, name: str, value: Any) -> None:
        own = and_(SETTINGS.c.queue == self.name, SETTINGS.c.name == name)
        connection.execute(delete(SETTINGS).where(own))
        connection.execute(insert(SETTINGS).values(queue=self.name, name=name, value=value))


def _digest(secret: bytes, subject: str) -> str:
    return hmac.new(secret, subject.strip().encode(errors="replace"), hashlib.sha256).hexdigest()


def _plain(answer: Answer | None) -> dict[str, Any] | None:
    return None if answer is None else dict(answer)


def _item(row: Row[Any]) -> Item:
    values = {name: row._mapping[name] for name in _COLUMNS}
    values["reasons"] = tuple((str(name), str(sentence)) for name, sentence in row.reasons)
    return Item(**values)
