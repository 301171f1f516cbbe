"""Rows of recordings become rows of texts: each recording is heard once, and what was said is a column of its own.

Where rows have texts as well, what was said stands after the text of its row, in one text that every method reads. Offsets
in the text, such as those of spans, stay what they were.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from metier.data.columns.audio_columns import with_heard
from metier.data.rows import Rows
from metier.errors import EmptyDataError
from metier.figures import count_of
from metier.progress import Listener, Progress, ignore
from metier.speech.recording import Recording
from metier.speech.survey import sound_of
from metier.speech.transcriber import Transcriber
from metier.speech.transcript import UNSURE, Transcript
from metier.text.spoken_forms import with_what_was_said

TRANSCRIPT = "transcript"  # The column that is added.


def has_to_hear(rows: Rows, *, joins: bool) -> bool:
    """Whether some rows have a recording that is asked and was not heard yet; where nothing is joined, beside no text."""
    if not rows.has_unheard:
        return False
    own = rows.texts if rows.has_texts else [""] * len(rows)
    return any(
        name and (joins or not text.strip()) for name, text in zip(rows.column("audio"), own, strict=True)
    )


def has_both(rows: Rows) -> bool:
    """Whether some row has a text and a recording that was not heard yet."""
    if not (rows.has_unheard and rows.has_texts):
        return False
    return any(name and text.strip() for name, text in zip(rows.column("audio"), rows.texts, strict=True))


def heard(
    rows: Rows,
    transcriber: Transcriber,
    *,
    joins: bool = True,
    listener: Listener = ignore,
    check_pace: Callable[[float, float], None] = lambda done, total: None,
) -> Rows:
    """Give rows whose text is what was said; where a row has a text already, that one and what was said after it.

    Parameters
    ----------
    joins : bool, default=True
        Whether a recording beside a text is heard; otherwise the text stands alone.
    listener : Listener
        Called with the seconds of sound heard so far.
    check_pace : callable
        Called with the seconds heard and the seconds of all recordings; raises where it would take too long.

    Raises
    ------
    EmptyDataError
        If no words were heard in any recording, and there is no text either.
    AudioError, MissingExtraError, BaseModelError
        As `Transcriber.transcribe` does.
    """
    if not has_to_hear(rows, joins=joins):
        return rows
    own = list(rows.texts) if rows.has_texts else [""] * len(rows)
    named = rows.column("audio")
    to_hear = [at for at, text in enumerate(own) if named[at] and (joins or not text.strip())]
    files = rows.audio_files
    total, done, found = sum(sound_of(files[at]).seconds for at in to_hear), 0.0, dict[int, Transcript]()
    for at in to_hear:
        listener(Progress(f"hearing {rows.origin}", done, total, unit="seconds"))
        found[at] = transcriber.transcribe(Recording.of_file(files[at]))
        done += found[at].seconds
        check_pace(done, total)
    listener(Progress(f"hearing {rows.origin}", done, total, unit="seconds"))
    texts = [with_what_was_said(text, found[at].text) if at in found else text for at, text in enumerate(own)]
    if not any(text.strip() for text in texts):
        raise EmptyDataError(
            f"{transcriber.model.name} heard no words in any of the {len(to_hear):,} recordings of {rows.origin}. "
            "Listen to some of them, or name a model of their language with --base speech=FOLDER."
        )
    beside = rows.roles.text if joins and has_both(rows) else None
    name = _free_name(rows)
    notes = (*rows.notes, _note(name, list(found.values()), transcriber))
    if beside is not None:
        n_both = sum(bool(own[at].strip()) for at in to_hear)
        notes += (f"{name} begins with {beside} in {count_of(n_both, 'row')}: both are read as one text",)
    return Rows(
        with_heard(rows.table, name, texts, beside=beside),
        replace(rows.roles, text=name),
        origin=rows.origin,
        notes=notes,
        separator=rows.separator,
    )


def _free_name(rows: Rows) -> str:
    name = TRANSCRIPT
    while name in rows.table.column_names:
        name = f"heard_{name}"
    return name


def _note(name: str, found: list[Transcript], transcriber: Transcriber) -> str:
    minutes = sum(one.seconds for one in found) / 60
    empty = sum(not one.text for one in found)
    words = [word.probability for one in found for word in one.words]
    unsure = 100 * float(np.mean([probability < UNSURE for probability in words])) if words else 0.0
    languages = sorted({one.language for one in found if one.language})
    without = f", {empty:,} without words" if empty else ""
    return (
        f"{name} is what {transcriber.model.name} heard in {count_of(len(found), 'recording')} ({minutes:.1f} minutes, "
        f"language {' and '.join(languages) or 'unknown'}){without}; it is unsure of {unsure:.0f} % of the words"
    )
