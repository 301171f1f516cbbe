"""Rows: an Arrow table and what its columns are for.

Arrow keeps texts outside Python: two million rows stay on disk, memory-mapped, and a text becomes a Python
string only while somebody looks at it. `Texts` is the list-like view that every method takes.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metier.errors import EmptyDataError, MissingColumnError, MissingLabelError


@dataclass(frozen=True)
class Roles:
    """Which column is for what; None where no column is."""

    text: str
    label: str | None = None
    group: str | None = None
    time: str | None = None
    split: str | None = None


class Texts(Sequence[str]):
    """The texts of some rows, read out of Arrow when asked: a read-only list of str."""

    def __init__(self, column: pa.ChunkedArray):
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "Texts": ...
    def __getitem__(self, index: int | slice) -> "str | Texts":
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return Texts(self._column.take(pa.array(range(start, stop, step))))
            return Texts(self._column.slice(start, max(stop - start, 0)))
        return self._column[index].as_py() or ""

    def __iter__(self) -> Iterator[str]:
        for chunk in self._column.chunks:
            for start in range(0, len(chunk), 10_000):
                for text in chunk.slice(start, 10_000).to_pylist():
                    yield text or ""

    def __repr__(self) -> str:
        return f"<{len(self):,} texts>"


class Rows:
    """Examples with roles; immutable.

    Parameters
    ----------
    table : pyarrow.Table
        One row an example; the text column is of type string and the label column, where there is one, too.
    roles : Roles
        What the columns are for.
    origin : str
        Where the rows came from, for messages: a file name.
    notes : tuple of str
        What reading found and decided, one sentence each (encoding, delimiter, inferred roles).
    """

    def __init__(self, table: pa.Table, roles: Roles, *, origin: str = "the rows", notes: tuple[str, ...] = ()):
        self.table = table
        self.roles = roles
        self.origin = origin
        self.notes = notes
        for role, column in vars(roles).items():
            if column is not None and column not in table.column_names:
                raise MissingColumnError(column, found=table.column_names, origin=origin, flag=f"--{role}")

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __repr__(self) -> str:
        return f"<Rows {self.origin}: {len(self):,} rows, text = {self.roles.text}, label = {self.roles.label}>"

    @property
    def texts(self) -> Texts:
        """The text of each row; a missing text is an empty one."""
        return Texts(self.table.column(self.roles.text))

    @property
    def labels(self) -> list[str]:
        """The label of each row.

        Raises
        ------
        MissingLabelError
            If no column is the label, or some rows have none.
        """
        if self.roles.label is None:
            raise MissingLabelError(
                f"{self.origin} has no label column; it has: {', '.join(self.table.column_names)}. "
                "Name the label column with --label."
            )
        column = self.table.column(self.roles.label)
        if column.null_count:
            first = pc.index(pc.is_null(column), True).as_py()
            raise MissingLabelError(
                f"{column.null_count:,} of {len(self):,} rows of {self.origin} have no {self.roles.label!r}; "
                f"the first is row {first + 1}. Label them, or leave them out with --drop-unlabelled."
            )
        return list(column.to_pylist())

    def column(self, role: str) -> list[Any]:
        """The values of the column that plays a role, as Python objects."""
        name = getattr(self.roles, role)
        return list(self.table.column(name).to_pylist())

    def take(self, indices: np.ndarray | Sequence[int]) -> "Rows":
        """The rows at these positions, in this order."""
        picked = self.table.take(pa.array(np.asarray(indices, dtype=np.int64)))
        return Rows(picked, self.roles, origin=self.origin, notes=self.notes)

    def with_roles(self, **roles: str | None) -> "Rows":
        """The same rows with some roles changed."""
        changed = Roles(**{**vars(self.roles), **roles})  # type: ignore[arg-type]  # a text role is never None
        return Rows(self.table, changed, origin=self.origin, notes=self.notes)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over texts and labels in order: equal rows are equal, whatever file they came from."""
        digest = hashlib.sha256()
        for name in (self.roles.text, self.roles.label):
            if name is None:
                continue
            for value in self.table.column(name).to_pylist():
                encoded = b"\xff" if value is None else str(value).encode("utf-8", "surrogatepass")
                digest.update(len(encoded).to_bytes(8, "little") + encoded)
        return digest.hexdigest()


def as_texts(X: Any) -> Sequence[str]:
    """Give the texts of whatever a method was handed.

    Parameters
    ----------
    X : Rows, Texts, sequence of str, sequence of mappings with a `text` key, pandas Series, or ndarray of str
        What scikit-learn's users and ours pass to `fit` and `predict`.

    Raises
    ------
    EmptyDataError
        If there is nothing in it.
    TypeError
        If it does not hold texts.
    """
    if isinstance(X, Rows):
        X = X.texts
    if isinstance(X, str):
        raise TypeError("Expected a list of texts, found one text. Put it in a list: [text].")
    if isinstance(X, Texts):
        texts: Sequence[str] = X
    else:
        values = X.tolist() if hasattr(X, "tolist") else list(X)
        texts = [_as_text(value, position) for position, value in enumerate(values)]
    if len(texts) == 0:
        raise EmptyDataError(
            "Expected at least one text, found none. 0 sample(s) were given; a minimum of 1 is required."
        )
    return texts


def _as_text(value: Any, position: int) -> str:
    if isinstance(value, Mapping):
        value = value.get("text")
    if not isinstance(value, str):
        raise TypeError(
            f"Expected a text at position {position}, found {type(value).__name__}. "
            "Give a list of str, a list of mappings with a 'text' key, or Rows."
        )
    return value
