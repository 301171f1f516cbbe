"""From files to an audit: read without stopping at the first fault, then run the checks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from metier.audit.audit import Audit, examine
from metier.audit.label_errors import Encode
from metier.data.columns.value_faults import FaultLog
from metier.data.reading import read, read_alike
from metier.data.rows import Rows
from metier.errors import EmptyDataError, StrayTagError
from metier.progress import Listener, ignore
from metier.tasks.task_table import ORDERED, known_task, task_name
from metier.text import LanguageMix, detect_language


@dataclass(frozen=True)
class Examined:
    """The rows that were examined, and the findings.

    Parameters
    ----------
    rows : Rows
        The training rows; unusable values are repaired or removed.
    others : mapping of str to Rows
        `test` and `validation`, where given.
    audit : Audit
    faults : mapping of str to FaultLog
        What reading found in the values of `train`, `test` and `validation`.
    """

    rows: Rows
    others: Mapping[str, Rows]
    audit: Audit
    faults: Mapping[str, FaultLog] = field(default_factory=dict)


def examine_source(
    source: Any,
    *,
    test: Any = None,
    validation: Any = None,
    task: str | None = None,
    repair: bool = False,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    label_names: Sequence[str] | None = None,
    order: Sequence[str] | None = None,
    encoder: Callable[[LanguageMix], Encode] | None = None,
    listener: Listener = ignore,
    **how: str | None,
) -> Examined:
    """Read rows and examine them; values that reading would refuse become findings.

    Parameters
    ----------
    source, test, validation
        Anything that `read` takes.
    task : str, optional
        The task; None: inferred from the columns.
    repair : bool, default=False
        Examine the repaired rows; the repairs are listed in the notes of the rows.
    encoding, delimiter : str, optional
        Of all the files.
    header, label_names
        As `read` takes them, of all the files.
    order : sequence of str, optional
        Order of ordinal labels, the lowest first; the task is then ordinal unless another is named.
    encoder : callable, optional
        Gives what turns texts into vectors, for texts in these languages; labels are then looked at more closely.
    **how : str
        Everything else that `read` takes: the separator, and the columns of roles.

    Raises
    ------
    DataError
        If the source cannot be read at all.
    UnknownNameError
        If no task has that name.
    """
    task = ORDERED if task is None and order else task
    if task is not None:
        known_task(task)  # Before any work.
        task = task_name(task)
    shape: dict[str, Any] = {
        "encoding": encoding,
        "delimiter": delimiter,
        "header": header,
        "label_names": label_names,
    }
    faults: dict[str, FaultLog] = {}

    def read_part(name: str, what: Any, reader: Any, **more: Any) -> Rows:
        if repair:
            rows: Rows = reader(what, repair=True, **shape, **more)
            return rows
        rows, log = _read_with_faults(reader, what, **shape, **more)
        if log.has_faults:
            faults[name] = log
        return rows

    rows = read_part("train", source, read, listener=listener, **how)
    others = {
        name: read_part(name, part, read_alike, like=rows)
        for name, part in (("test", test), ("validation", validation))
        if part is not None
    }
    audit = examine(
        rows,
        test=others.get("test"),
        validation=others.get("validation"),
        task=task,
        order=order,
        encode=None if encoder is None or not rows.has_texts else encoder(detect_language(rows.texts)),
        reads_images=True,
        faults=faults,
        listener=listener,
    )
    return Examined(rows, others, audit, faults)


def _read_with_faults(reader: Any, source: Any, **how: Any) -> tuple[Rows, FaultLog]:
    log = FaultLog()
    try:
        return reader(source, faults=log, **how), log
    except StrayTagError as error:
        log = FaultLog(stray=error)
        return reader(source, repair=True, faults=log, **how), log
    except EmptyDataError:
        if log.kinds:
            # No row could be used; plain reading raises the error that says why.
            return reader(source, **how), log
        raise
