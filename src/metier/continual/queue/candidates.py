"""Rows that may be labelled, from where they lie: a file of rows, the store of a watch, or a service's predictions.

A row of a file is known by a digest of its text, so that one text is asked once, however often it stands there.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from metier.continual.queue.items import Answer
from metier.data import read
from metier.data.trained_columns import with_columns
from metier.monitoring.store.tables import ANSWERS, MESSAGES
from metier.monitoring.store.watch_store import WatchStore
from metier.serving.prediction_log import Prediction, PredictionLog
from metier.serving.prediction_log.prediction_log import DATABASE

LONGEST_SOURCE = 200
SQLITE = b"SQLite format 3\0"
WATCH = "watch:"  # Before the source of a watch's message.


@dataclass(frozen=True)
class Candidate:
    """A row that may be labelled.

    Parameters
    ----------
    source, id : str
        The id is unique in the source.
    text : str
    is_audit : bool
        Drawn by chance where it came in.
    feedback : str
        What users said against its answer, in a sentence; empty where they did not.
    subject, subject_digest : str or None
        Whom it is about, as it stands there, or as the store has it.
    truth : mapping or None
        A trusted answer.
    facts : mapping
        What its source knows besides.
    """

    source: str
    id: str
    text: str
    is_audit: bool = False
    feedback: str = ""
    subject: str | None = None
    subject_digest: str | None = None
    truth: Answer | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidates:
    """Rows that may be labelled, and what was left out or found on the way, in sentences."""

    rows: Sequence[Candidate]
    notes: tuple[str, ...] = ()


def read_candidates(
    where: str | Path,
    *,
    bundle: str | None = None,
    trained: Mapping[str, str] | None = None,
    trusted: str | None = None,
    subject: str | None = None,
    **how: Any,
) -> Candidates:
    """Read rows from what a path or a URL is: a store of predictions, a store of a watch, or a file of rows.

    Parameters
    ----------
    bundle : str, optional
        Of a watch: the name of the bundle whose answers are kept as facts; None: of all.
    trained : mapping of str to str, optional
        The columns of the model's training rows.
    trusted : str, optional
        Of a file: the column of answers that are right, to check labellers by.
    subject : str, optional
        Of a file: the column of whom a row is about.
    **how
        As in `metier.read`.

    Raises
    ------
    DataError, CallError
        If rows cannot be read.
    PredictionLogError, WatchStoreError
        If a store cannot be read.
    """
    place = str(where)
    if (Path(place) / DATABASE).is_file():
        return _of_predictions(place)
    if "://" in place or _is_sqlite(Path(place)):
        return _of_watch(place, bundle) if _has_table(place, MESSAGES.name) else _of_predictions(place)
    return _of_rows(Path(place), trained or {}, trusted, subject, how)


def watch_digests(place: str, subject: str) -> list[str]:
    """Give what stands for somebody in the watch whose store a database is; none where it is no such store."""
    if not _has_table(place, MESSAGES.name):
        return []
    store = WatchStore(place)
    try:
        return [store.digest(subject)]
    finally:
        store.close()


def text_id(text: str) -> str:
    """Give what a row of a file is known by."""
    return hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _of_rows(
    path: Path, trained: Mapping[str, str], trusted: str | None, subject: str | None, how: Mapping[str, Any]
) -> Candidates:
    given = {"label": trusted or "none", **how}
    columns = {role: name for role, name in trained.items() if role == "text"}
    rows = with_columns(columns, lambda **roles: read(path, **roles), **given)
    truths = rows.column("label") if trusted else [None] * len(rows)
    subjects = rows.table.column(subject).to_pylist() if subject else [None] * len(rows)
    source = path.name[:LONGEST_SOURCE]
    found: dict[str, Candidate] = {}
    for text, truth, whom in zip(rows.texts, truths, subjects, strict=True):
        if not text.strip():
            continue
        answer = None if truth in (None, "") else {"label": str(truth)}
        who = None if whom is None else str(whom)
        found.setdefault(text_id(text), Candidate(source, text_id(text), text, subject=who, truth=answer))
    notes = (f"{len(rows) - len(found):,} rows without a text, or with one that came before, are left out",)
    return Candidates(list(found.values()), notes if len(found) < len(rows) else ())


def _of_predictions(place: str) -> Candidates:
    log = PredictionLog(place)
    found, n_without = [], 0
    try:
        for batch in log.read():
            for one in batch:
                if one.text is None or not one.text.strip():
                    n_without += 1
                    continue
                facts = {"label": one.label, "confidence": one.confidence, "version": one.version}
                said, who = feedback_words(one), one.subject
                found.append(
                    Candidate("predictions", one.id, one.text, feedback=said, subject_digest=who, facts=facts)
                )
    finally:
        log.close()
    note = f"{n_without:,} predictions have no text, as the service keeps none (--log-texts), and are left out"
    return Candidates(found, (note,) if n_without else ())


def feedback_words(one: Prediction) -> str:
    """Give what users said against an answer in a sentence; empty where they did not."""
    if one.correction is not None and one.correction != one.label:
        return f"A user corrected the answer {one.label!r} to {one.correction!r}."
    return f"A user marked the answer {one.label!r} as wrong." if one.thumb == "down" else ""


def _of_watch(place: str, bundle: str | None) -> Candidates:
    store = WatchStore(place)  # Says what is wrong with it; older ones are brought to the newest schema.
    rows = select(MESSAGES).where(MESSAGES.c.copy_of.is_(None)).order_by(MESSAGES.c.number)
    with store.reading() as connection:
        messages = connection.execute(rows).all()
        answers: dict[int, dict[str, Any]] = {}
        for one in connection.execute(select(ANSWERS).order_by(ANSWERS.c.version)):
            if bundle in (None, one.bundle):
                answers.setdefault(one.message, {})[one.bundle] = {
                    "label": one.label,
                    "confidence": one.confidence,
                    "version": one.version,
                }
    store.close()
    found = [
        Candidate(
            f"{WATCH}{one.source}",
            one.id,
            one.text,
            is_audit=one.is_audit,
            subject_digest=one.subject,
            facts={"at": one.at, "by": one.by, "answers": answers.get(one.number, {})},
        )
        for one in messages
        if one.text
    ]
    note = f"{len(messages) - len(found):,} messages have no text, as the watch keeps none, and are left out"
    return Candidates(found, (note,) if len(found) < len(messages) else ())


def _is_sqlite(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


def _has_table(place: str, name: str) -> bool:
    engine = create_engine(place if "://" in place else f"sqlite:///{Path(place).resolve()}")
    try:
        return bool(inspect(engine).has_table(name))
    except SQLAlchemyError:
        return False  # Whoever opens it next says what is wrong.
    finally:
        engine.dispose()
