"""Recordings of a run, heard once before anything is decided: what was said is the text that methods read."""

import functools
import time

from metier.bundles.manifest import SpeechFacts
from metier.data.columns.audio_columns import heard_beside
from metier.data.heard_rows import has_both, has_to_hear, heard
from metier.data.rows import Rows
from metier.errors import BudgetError
from metier.progress import Listener
from metier.selection.budget import Clock
from metier.selection.settings import TrainSettings
from metier.speech.transcriber import Transcriber
from metier.tasks.task_table import infer_task

# Tasks that are asked recordings themselves.
OF_RECORDINGS = frozenset({"transcription"})
LEAST_SECONDS = 10.0  # Of hearing, before its pace is known.
Parts = tuple[Rows, Rows | None, Rows | None]


def hear_all(rows: Parts, settings: TrainSettings, clock: Clock, listener: Listener) -> Parts:
    """Give training, test and validation rows with the texts of their recordings.

    Raises
    ------
    MissingExtraError, BaseModelError, UnknownNameError
        If there is no speech model that hears the language.
    EmptyDataError
        If no words were heard.
    BudgetError
        If hearing alone would take more than the budget; what was heard is kept for the next run.
    """
    train, test, validation = rows
    task = settings.task or infer_task(train)[0]
    # What is learned from decides whether texts and recordings are asked together, and so for every part.
    joins = has_both(train)
    if task in OF_RECORDINGS or not any(part is not None and has_to_hear(part, joins=joins) for part in rows):
        return rows
    transcriber = transcriber_for(settings)

    def hear(part: Rows) -> Rows:
        pace = functools.partial(_check_pace, clock, time.monotonic(), part.origin)
        return heard(part, transcriber, joins=joins, listener=listener, check_pace=pace)

    return hear(train), test and hear(test), validation and hear(validation)


def _check_pace(clock: Clock, begun: float, origin: str, done: float, total: float) -> None:
    """Refuse once it shows that hearing takes longer than the budget: nothing would be left to train in."""
    spent = time.monotonic() - begun
    needed = spent * (total - done) / max(done, 1e-9)
    if spent < LEAST_SECONDS or needed < clock.left_seconds:
        return
    raise BudgetError(
        f"Hearing the {total:,.0f} seconds of recordings of {origin} takes about {spent + needed:,.0f} s on this machine, "
        f"and {max(0, clock.left_seconds):,.0f} s of the budget are left. Give more time with --budget; what was heard so "
        "far is kept."
    )


def transcriber_for(settings: TrainSettings) -> Transcriber:
    """Give the speech model that the settings name; raises as `Transcriber` does."""
    speech = settings.speech
    return Transcriber(speech.base, language=speech.language, threads=settings.threads)


def speech_facts(train: Rows, settings: TrainSettings) -> SpeechFacts | None:
    """Give the speech model whose transcripts rows hold, for a manifest; None where nothing was heard."""
    if train.roles.audio is None or train.has_unheard:
        return None
    model = transcriber_for(settings).model
    return SpeechFacts(
        name=model.name,
        sha256=model.sha256,
        languages=model.languages,
        language=settings.speech.language,
        beside=heard_beside(train.table, train.roles.text),
    )
