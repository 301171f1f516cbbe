"""A table of a database, by a column of numbers that grow; any database that SQLAlchemy knows by its URL.

A row gets its number before it is committed, so that a lower number may appear after a higher one. What is missing
between the numbers that were read is remembered and asked for again for a while.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator
from sqlalchemy import (
    ColumnElement,
    Engine,
    Row,
    and_,
    column,
    create_engine,
    func,
    inspect,
    make_url,
    or_,
    select,
    table,
)
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from metier.errors import MissingColumnError, MissingExtraError, SourceError
from metier.monitoring.messages import Batch, Position
from metier.monitoring.sources.columns import MessageReader, SourceSettings, batch_of

MOST_GAPS = 500  # Ranges of missing numbers that are remembered, the latest.
GAPS_AT_ONCE = 50  # In one question.
BEFORE_FIRST = 1000  # Numbers before the first row that may still appear.


class SqlSettings(SourceSettings, frozen=True):
    """A table of a database."""

    kind: Literal["sql"] = "sql"
    url: str = Field(description="As SQLAlchemy writes it: postgresql+psycopg://host/database, sqlite:///file.")
    table: str = Field(min_length=1, description="Table or view; SCHEMA.TABLE where it needs one.")
    number: str = Field(
        default="id", description="Column of whole numbers that grow; the id where columns name none."
    )
    late_seconds: float = Field(
        default=900, ge=0, description="How long numbers that are missing may still be committed."
    )

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        try:
            make_url(url)
        except (ArgumentError, ValueError):  # ValueError: a port that is no number.
            raise ValueError("this is no URL of a database; expected one as sqlite:///file.sqlite") from None
        return url


def build_source(settings: SqlSettings) -> "SqlTable":
    """Give the source of these settings; raises `MissingExtraError` without the database's driver."""
    try:
        engine = create_engine(settings.url, pool_size=1, max_overflow=0, pool_pre_ping=True)
    except NoSuchModuleError:
        dialect = make_url(settings.url).drivername
        raise SourceError(
            f"SQLAlchemy knows no database {dialect!r}; install its dialect, or correct the url."
        ) from None
    except ModuleNotFoundError as error:
        name = make_url(settings.url).get_backend_name()
        if name == "postgresql":
            raise MissingExtraError("A table of PostgreSQL", extra="postgresql") from None
        raise SourceError(
            f"The driver {error.name} of the database is not installed. Install it with pip."
        ) from None
    return SqlTable(settings, engine)


class SqlTable:
    """Reads the rows of a table in the order of a column of numbers.

    The position is the highest number that was read, with the ranges below it that are missing and since when.
    """

    def __init__(self, settings: SqlSettings, engine: Engine):
        self.name = settings.called
        self._settings, self._engine = settings, engine
        self._reader = MessageReader(settings)
        self._wanted: tuple[str, ...] = ()

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give rows that are missing no more, then those after the highest number."""
        last: int | None = None if position is None else position["last"]
        gaps: list[list[Any]] = [] if position is None else position["gaps"]
        self._check_table()
        gaps = [gap for gap in gaps if gap[2] + self._settings.late_seconds >= time.time()][-MOST_GAPS:]
        old = gaps
        for start in range(0, len(old), GAPS_AT_ONCE):
            asked = old[start : start + GAPS_AT_ONCE]
            while last is not None and (rows := self._rows_in(asked)):
                numbers = [row[0] for row in rows]
                asked, gaps = _without(asked, numbers), _without(gaps, numbers)
                yield self._batch(rows, last, gaps)
        while rows := self._rows(None if last is None else self._number() > last):
            numbers = [row[0] for row in rows]
            before = numbers[0] - BEFORE_FIRST - 1 if last is None else last
            gaps = [*gaps, *_missing([before, *numbers], time.time())][-MOST_GAPS:]
            last = numbers[-1]
            yield self._batch(rows, last, gaps)

    def _batch(self, rows: Sequence[Row[Any]], last: int, gaps: list[list[Any]]) -> Batch:
        where = self._settings.table
        pieces = [
            self._reader.read(
                {name: _plain(row[place]) for place, name in enumerate(self._wanted, start=1)},
                place=f"{where}, {self._settings.number} {row[0]}",
                id=str(row[0]),
            )
            for row in rows
        ]
        return batch_of(pieces, {"last": last, "gaps": gaps})

    def _rows_in(self, ranges: Sequence[Sequence[Any]]) -> Sequence[Row[Any]]:
        return (
            self._rows(or_(*(self._number().between(low, high) for low, high, _ in ranges))) if ranges else ()
        )

    def _rows(self, where: ColumnElement[bool] | None) -> Sequence[Row[Any]]:
        schema, _, name = self._settings.table.rpartition(".")
        of = table(name, *map(column, {self._settings.number, *self._wanted}), schema=schema or None)
        asked = select(self._number(), *map(self._cut, self._wanted)).select_from(of)
        is_number = self._number().is_not(None)
        asked = asked.where(is_number if where is None else and_(is_number, where)).order_by(self._number())
        with self._errors(), self._engine.connect() as connection:
            rows = connection.execute(asked.limit(self._settings.batch_messages)).all()
        wrong = next((row[0] for row in rows if not isinstance(row[0], int)), None)
        if wrong is not None:
            raise SourceError(
                f"The column {self._settings.number} of {self._settings.table} holds {wrong!r}; expected whole numbers "
                "that grow. Name such a column with: number"
            )
        return rows

    def _cut(self, name: str) -> ColumnElement[Any]:
        """Give a column; of the text no more than shows that it is too long."""
        if name != self._settings.columns.text:
            return column(name)
        return func.substr(column(name), 1, self._settings.longest_bytes + 1)

    def _number(self) -> ColumnElement[Any]:
        return column(self._settings.number)

    def _check_table(self) -> None:
        if self._wanted:
            return
        url = self._engine.url
        if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).is_file():
            raise SourceError(
                f"There is no database {url.database}. Check that it is there; it is tried again."
            )
        schema, _, name = self._settings.table.rpartition(".")
        with self._errors():
            found = [one["name"] for one in inspect(self._engine).get_columns(name, schema=schema or None)]
        columns = self._settings.columns
        wanted = {columns.text, *([columns.time] if columns.time else []), *columns.by.values()}
        wanted |= {columns.subject} if columns.subject else set()
        if columns.id and (columns.id in found or "id" in columns.model_fields_set):
            wanted.add(columns.id)
        for one in (self._settings.number, *sorted(wanted)):
            if one not in found:
                flag = "number" if one == self._settings.number else "columns"
                raise MissingColumnError(
                    one, found=found, origin=f"The table {self._settings.table}", flag=flag
                )
        self._wanted = tuple(sorted(wanted))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        where = self._engine.url.render_as_string(hide_password=True)
        try:
            yield
        except NoSuchTableError:
            raise SourceError(f"{where} has no table {self._settings.table}. Check: table") from None
        except SQLAlchemyError as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise SourceError(
                f"The table {self._settings.table} of {where} cannot be read ({reason}). It is tried again."
            ) from None

    def acknowledge(self, position: Position) -> None:
        """Nothing is kept of it here: the position is all."""

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()


def _missing(numbers: Sequence[int], now: float) -> list[list[Any]]:
    """Give the ranges between numbers in their order, with when they were found missing."""
    return [[low + 1, high - 1, now] for low, high in pairwise(numbers) if high - low > 1]


def _without(gaps: Sequence[Sequence[Any]], numbers: Sequence[int]) -> list[list[Any]]:
    """Take numbers that have come out of the ranges; what is left keeps its time."""
    left: list[list[Any]] = []
    for low, high, since in gaps:
        inside = [number for number in numbers if low <= number <= high]
        left += [[a, b, since] for a, b, _ in _missing([low - 1, *inside, high + 1], since)]
    return left


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | datetime | Mapping | bytes):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)
