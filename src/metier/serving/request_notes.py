"""What is noted of a request while it is answered, for the metrics, the log and the trace that are written at its end."""

from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class RequestNotes:
    """Notes of one request.

    Parameters
    ----------
    refused : str or None
        The code of the refusal that it got; None: it got none.
    intervals : list of tuple of (str, float, float)
        Name, begin and end of what it was at, in seconds of `time.perf_counter`.
    """

    refused: str | None = None
    intervals: list[tuple[str, float, float]] = field(default_factory=list)


_current: ContextVar[RequestNotes | None] = ContextVar("metier_request_notes", default=None)


def begin_notes() -> RequestNotes:
    """Give empty notes, which `current_notes` gives from now on to whatever answers the request."""
    notes = RequestNotes()
    _current.set(notes)
    return notes


def current_notes() -> RequestNotes | None:
    """Give the notes of the request that is being answered; None: there is none."""
    return _current.get()
