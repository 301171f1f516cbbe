"""What can be served: what each thing that the service asks of a model looks like, checked with `isinstance`."""

from collections.abc import Generator, Sequence
from typing import Any, Protocol, runtime_checkable

from metier.dialogue.image_dialogue import Language, Reply
from metier.dialogue.messages import Message
from metier.speech.transcriber import Transcriber
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers import AnswerKind
from metier.tasks.inputs import InputKind


class Answering(Protocol):
    """What can be served: a bundle, or anything else that answers texts."""

    def predict(self, items: Sequence[Any], /) -> AnswerBatch:
        """Answer texts, or what the task asks about instead; called from several threads at once."""
        ...


@runtime_checkable
class AsksOtherThanTexts(Protocol):
    """What names the form of its questions, as a bundle does; whatever else is served is asked texts."""

    @property
    def input_kind(self) -> InputKind:
        """The form of its questions."""
        ...


@runtime_checkable
class AnswersInForm(Protocol):
    """What names the form of its answers, as a bundle does."""

    @property
    def answer_kind(self) -> AnswerKind:
        """The form of its answers."""
        ...


@runtime_checkable
class MayStream(Protocol):
    """What can be asked for an answer piece by piece; whether it has one depends on what it was loaded from."""

    @property
    def can_stream(self) -> bool:
        """Whether `stream` answers."""
        ...

    def stream(self, item: Any) -> Generator[str]:
        """Write the answer to one item; closing it ends the writing."""
        ...


@runtime_checkable
class Named(Protocol):
    """What says which method answers, as a bundle does."""

    @property
    def name(self) -> str:
        """Versioned name of the method."""
        ...


@runtime_checkable
class Labelled(Protocol):
    """What answers with labels, as a bundle does."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The label space; empty where the task has none."""
        ...


@runtime_checkable
class Hears(Protocol):
    """What may have a speech model, as a bundle does that was trained on recordings."""

    @property
    def transcriber(self) -> Transcriber | None:
        """What turns recordings into text; None: nothing does."""
        ...


@runtime_checkable
class Converses(Protocol):
    """What replies to conversations that may hold pictures, as a search with its cases does."""

    def reply(self, messages: Sequence[Message], /, *, language: Language | None = None) -> Reply:
        """Reply to the last message of a user."""
        ...
