"""Write rows to a file so that a kill costs little: finished parts of it wait beside it until the last one is written.

The parts lie in a hidden folder beside the file, each written whole, and `state.json` says how many rows they hold and by
what call they were begun. Its replacement is the moment from which a part counts. At the end the parts become the file,
which is renamed to its place; so a reader finds the whole file or none, and each row is in one part.
"""

import base64
import contextlib
import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Protocol, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ValidationError

from metier.data.output_files import held_output, output_errors
from metier.data.writing import Form, FormBuilder, TableWriter, kind_of_file, plain_schema
from metier.errors import CallError, InterruptedRunError
from metier.figures import count
from metier.regular_files import read_regular
from metier.storage import flush, partial_file, partial_folder, parts_of, sweep

STATE_FILE = "state.json"
PART_ROWS, PART_SECONDS = 65_536, 30.0  # A part ends at whichever comes first: what a kill may cost.
RESUMABLE = frozenset({"CSV", "TSV", "JSON lines", "Parquet"})


class _State(BaseModel, frozen=True, extra="forbid"):
    """What is done of a file.

    Parameters
    ----------
    call : dict of str to str
        What the rows depend on; another call cannot go on.
    parts : tuple of str
        Names of the parts, in order.
    n_rows : int
        Rows in them.
    columns : str
        Schema of Arrow, in base64.
    kept : dict
        What whoever writes wants to know when it goes on.
    """

    call: dict[str, str]
    parts: tuple[str, ...]
    n_rows: int
    columns: str
    kept: dict[str, Any]


class RowWriter(Protocol):
    """What writes rows, and may know of some that a killed process wrote."""

    path: Path
    n_done: int
    kept: Mapping[str, Any]

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def write(self, table: pa.Table) -> None:
        """Write some rows."""
        ...

    def keep(self, kept: Mapping[str, Any]) -> None:
        """Say that everything until here belongs together, and what should be known after a kill."""
        ...


class WholeWriter(TableWriter):
    """A `TableWriter` that begins anew after a kill: of a pipe, and in formats that have no parts."""

    n_done = 0
    kept: Mapping[str, Any] = MappingProxyType({})

    def keep(self, kept: Mapping[str, Any]) -> None:
        """Keep nothing."""


class ResumableWriter:
    """Writes tables of one schema to a file, and goes on where a killed process ended.

    Parameters
    ----------
    path : Path
        The file; CSV, TSV, JSON lines or Parquet.
    build : callable
        Begins a file of its format, as `form_builder` gives it.
    call : mapping of str to str
        What the rows depend on, by names that are shown to the user.
    overwrite : bool
        Whether a file that is there may be replaced, and what is left of an unfinished one removed.
    resume : bool
        Whether to go on after the parts that are there.
    """

    def __init__(
        self, path: Path, build: FormBuilder, *, call: Mapping[str, str], overwrite: bool, resume: bool
    ):
        self.path = path
        self.n_done = 0
        self.kept: Mapping[str, Any] = {}
        self._build, self._call = build, dict(call)
        self._overwrite, self._resume = overwrite, resume
        self._folder = parts_of(path)
        self._parts: list[str] = []
        self._schema: pa.Schema | None = None
        self._form: Form | None = None
        self._rows_of_part, self._begun = 0, 0.0
        self._open, self._part = contextlib.ExitStack(), contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Begin or go on; `n_done` rows are written already, and `kept` is what was kept with them.

        Raises
        ------
        CallError
            If a file is there that must stay, an unfinished one to be neither resumed nor removed, or one that another
            call began.
        InUseError
            If another process writes the file.
        StorageError
            If the folder is missing or read-only.
        """
        with output_errors(self.path), contextlib.ExitStack() as opened:
            opened.enter_context(held_output(self.path, overwrite=self._overwrite or self._resume))
            state = self._state()
            if self._resume and state is None and not self._overwrite and self.path.exists():
                raise CallError(
                    f"{self.path} exists already, and no unfinished call of it: what is there is whole. Add --overwrite "
                    "to begin anew, or name another file."
                )
            if state is None or not self._resume:
                self._begin_anew(state)
            else:
                self._go_on(state)
            self._open = opened.pop_all()
        return self

    def write(self, table: pa.Table) -> None:
        """Write some rows; raises what `TableWriter.write` does."""
        with output_errors(self.path):
            if self._schema is None:
                self._schema = plain_schema(table.schema)
            if self._form is None:
                self._form = self._begin_part(self._schema)
            self._form.write(table)
            self._rows_of_part += table.num_rows

    def keep(self, kept: Mapping[str, Any]) -> None:
        """Say that everything until here belongs together: a part may end, with what should be known after a kill."""
        is_full = self._rows_of_part >= PART_ROWS or time.monotonic() - self._begun >= PART_SECONDS
        if self._form is not None and is_full:
            with output_errors(self.path):
                self._end_part()
                self._write_state(kept)

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._open:
            try:
                if kind is None:
                    with output_errors(self.path):
                        self._end_part()
                        self._join()
            except BaseException:
                self._give_up(*sys.exc_info())
                raise
            if failure is not None:
                self._give_up(kind, failure, trace)
            else:
                self._remove_parts()

    def _state(self) -> _State | None:
        with contextlib.suppress(OSError, ValidationError):
            return _State.model_validate_json(read_regular(self._folder / STATE_FILE))
        return None

    def _begin_anew(self, state: _State | None) -> None:
        if state is not None and not self._overwrite:
            raise CallError(
                f"{self.path} is unfinished: {count(state.n_rows)} rows of it are done. Add --resume to go on, or "
                "--overwrite to begin anew."
            )
        self._remove_parts()
        self._folder.mkdir()

    def _go_on(self, state: _State) -> None:
        other = [name for name in self._call if self._call[name] != state.call.get(name)]
        if other:
            raise CallError(
                f"{self.path} was begun otherwise: {', '.join(other)} is another now. Repeat that call with --resume, or "
                "add --overwrite without --resume to begin anew."
            )
        sweep(self._folder)
        self._parts, self.n_done, self.kept = list(state.parts), state.n_rows, state.kept
        self._schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(state.columns)))

    def _begin_part(self, schema: pa.Schema) -> Form:
        name = f"{len(self._parts):06d}"
        partial = self._part.enter_context(partial_file(self._folder / name))
        self._begun = time.monotonic()
        return self._build(partial, schema, not self._parts)

    def _end_part(self) -> None:
        """End the part that is being written, and give it its name; it does not count before the state does."""
        form, self._form = self._form, None
        if form is None:
            return
        form.close()
        self._part.close()
        self._parts.append(f"{len(self._parts):06d}")
        self.n_done += self._rows_of_part
        self._rows_of_part = 0

    def _write_state(self, kept: Mapping[str, Any]) -> None:
        assert self._schema is not None
        columns = base64.b64encode(self._schema.serialize().to_pybytes()).decode()
        facts = {"call": self._call, "parts": self._parts, "n_rows": self.n_done, "columns": columns}
        with partial_file(self._folder / STATE_FILE) as partial:
            partial.write_text(json.dumps({**facts, "kept": dict(kept)}), encoding="utf-8")

    def _join(self) -> None:
        parts = [self._folder / name for name in self._parts]
        if len(parts) == 1:
            parts[0].replace(self.path)
            flush(self.path.parent)
            return
        with partial_file(self.path) as partial:
            join_parts(parts, partial, kind=kind_of_file(self.path))

    def _remove_parts(self) -> None:
        """Remove all parts at once, so that a kill leaves all of them or none, and what is left is swept."""
        with contextlib.suppress(OSError), partial_folder(self.path) as partial:
            self._folder.rename(partial / self._folder.name)
        shutil.rmtree(self._folder, ignore_errors=True)  # Where the disk took no further folder.

    def _give_up(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the part that is being written, and unless the user stopped it, the finished ones, too.

        Raises
        ------
        InterruptedRunError
            In place of the user's Ctrl-C where something is kept; says how to go on.
        """
        form, self._form = self._form, None
        # Closing a file on a full disk fails again.
        with contextlib.suppress(OSError, pa.ArrowException):
            if form is not None:
                form.close()
        with contextlib.suppress(OSError):
            self._part.__exit__(kind, failure, trace)
        if not isinstance(failure, KeyboardInterrupt) or not (self._folder / STATE_FILE).exists():
            self._remove_parts()
            return
        raise InterruptedRunError(
            f"Stopped. {count(self.n_done)} rows of {self.path} are done; the same call with --resume goes on after them."
        ) from failure


def can_resume(path: Path) -> bool:
    """Whether a file of the format that a path's ending names can be written in parts."""
    return kind_of_file(path) in RESUMABLE


def join_parts(parts: Sequence[Path], path: Path, *, kind: str | None) -> None:
    """Write the parts of a file of a format one after the other, as one."""
    if kind == "Parquet":
        _join_parquet(parts, path)
    else:
        _join_bytes(parts, path)


def _join_bytes(parts: Sequence[Path], path: Path) -> None:
    """Put files of text one after the other; so may files of gzip be."""
    with path.open("wb") as file:
        for part in parts:
            with part.open("rb") as read:
                shutil.copyfileobj(read, file, 1 << 20)


def _join_parquet(parts: Sequence[Path], path: Path) -> None:
    with pq.ParquetWriter(path, pq.read_schema(parts[0])) as writer:
        for part in parts:
            with pq.ParquetFile(part) as read:
                for group in range(read.num_row_groups):
                    writer.write_table(read.read_row_group(group))
