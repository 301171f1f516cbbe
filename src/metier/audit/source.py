"""From files to an audit: read without dying of the first fault, then examined."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metier.audit.audit import Audit, examine
from metier.data.columns.value_faults import FaultLog
from metier.data.reading import read, read_alike
from metier.data.rows import Rows
from metier.errors import EmptyDataError, StrayTagError
from metier.progress import Listener, ignore
from metier.tasks.task_table import known_task


@dataclass(frozen=True)
class Examined:
    """Rows as they were examined, and what is wrong with them.

    Parameters
    ----------
    rows : Rows
        The training rows; where values could not be used, as repair makes them.
    others : mapping of str to Rows
        `test` and `validation` where they were given.
    audit : Audit
    """

    rows: Rows
    others: Mapping[str, Rows]
    audit: Audit


def examine_source(
    source: Any,
    *,
    test: Any = None,
    validation: Any = None,
    task: str | None = None,
    repair: bool = False,
    encoding: str | None = None,
    delimiter: str | None = None,
    listener: Listener = ignore,
    **how: str | None,
) -> Examined:
    """Read rows and examine them; values that reading would refuse are findings.

    Parameters
    ----------
    source, test, validation
        Anything that `read` takes.
    task : str, optional
        What is to be learned from the rows; None: what their columns show.
    repair : bool, default=False
        Examine the rows as they are once mended; what was mended stands in their notes.
    encoding, delimiter : str, optional
        Of all the files.
    **how : str
        Everything else that `read` takes: the separator, and the columns of roles.

    Raises
    ------
    DataError
        If the source cannot be read at all.
    UnknownNameError
        If no task has that name.
    """
    if task is not None:
        known_task(task)  # Before any work.
    shape: dict[str, Any] = {"encoding": encoding, "delimiter": delimiter}
    faults: dict[str, FaultLog] = {}

    def heard(name: str, what: Any, reader: Any, **more: Any) -> Rows:
        if repair:
            rows: Rows = reader(what, repair=True, **shape, **more)
            return rows
        rows, log = _read_with_faults(reader, what, **shape, **more)
        if log.found_any:
            faults[name] = log
        return rows

    rows = heard("train", source, read, listener=listener, **how)
    others = {
        name: heard(name, part, read_alike, like=rows)
        for name, part in (("test", test), ("validation", validation))
        if part is not None
    }
    audit = examine(
        rows,
        test=others.get("test"),
        validation=others.get("validation"),
        task=task,
        faults=faults,
        listener=listener,
    )
    return Examined(rows, others, audit)


def _read_with_faults(reader: Any, source: Any, **how: Any) -> tuple[Rows, FaultLog]:
    log = FaultLog()
    try:
        return reader(source, faults=log, **how), log
    except StrayTagError as error:
        log = FaultLog(stray=error)
        return reader(source, repair=True, faults=log, **how), log
    except EmptyDataError:
        if log.kinds:
            # Not one row could be used; the error of plain reading says why.
            return reader(source, **how), log
        raise
