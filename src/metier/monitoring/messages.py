"""Messages as a source gives them, what of a source is no message, and where to go on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# Where to go on in a source, as JSON has it; only the source knows what it means.
Position = Any


@dataclass(frozen=True)
class Message:
    """One message of a stream.

    Parameters
    ----------
    id : str
        Unique in its source: the same id means the same message, however often it comes.
    text : str
        As it came, personal data included; the store keeps it masked.
    at : datetime
        When it was written, with a time zone.
    source : str
        Name of the source.
    by : mapping of str to str
        What it is counted by beside the answers, such as company, region or language.
    subject : str or None
        Whom it is about or from, to be erased by.
    """

    id: str
    text: str
    at: datetime
    source: str
    by: Mapping[str, str] = field(default_factory=dict)
    subject: str | None = None


@dataclass(frozen=True)
class Refused:
    """A piece of a source that is no message.

    Parameters
    ----------
    source : str
    place : str
        Where it stands, such as `reviews.jsonl, line 12`.
    reason : str
        What was found, what was expected and what to do, in a sentence.
    excerpt : str
        Its first characters, as far as they can be read.
    """

    source: str
    place: str
    reason: str
    excerpt: str = ""


@dataclass(frozen=True)
class Batch:
    """Messages that are stored in one transaction, with the position after them.

    Parameters
    ----------
    messages : sequence of Message
    position : JSON value
        To go on after them.
    refused : sequence of Refused
        Pieces between them that are no messages; stored with their reasons.
    """

    messages: Sequence[Message]
    position: Position
    refused: Sequence[Refused] = ()
