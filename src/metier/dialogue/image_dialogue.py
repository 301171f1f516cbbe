"""Image-driven dialogue: what the last picture and words show, the nearest cases, and a reply that cites them.

By its template a reply is the answer of a case, word for word, with the case and its similarity cited; where no case is
near enough it says so. A writer, where there is one, words the reply anew from these cases; a number that none of them
has gives its reply away, and the template answers. Both have English and Chinese.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, NamedTuple, Protocol

from pydantic import BaseModel, Field

from metier.dialogue.cases import Cases
from metier.dialogue.messages import Message, last_asked, words_of
from metier.dialogue.wording import CitedCase, Ground, by_template, task_of_writer, with_sources
from metier.image.picture import Picture
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.inputs import InputKind
from metier.text import has_han

Language = Literal["auto", "en", "zh"]
TEMPLATE = "template"
MOST_LABELS = 3


class DialogueSettings(BaseModel, frozen=True, extra="forbid"):
    """When a reply is given."""

    language: Language = Field(
        default="auto", description="Of the words around what is cited; `auto`: that of the user."
    )
    n_cases: int = Field(default=3, ge=1, le=10, description="Most cases that are cited.")
    least_similarity: float = Field(
        default=0.5,
        ge=-1,
        le=1,
        description="Cosine below which a case is not answered from; choose it on own conversations.",
    )
    least_probability: float = Field(
        default=0.5, ge=0, le=1, description="Probability below which a label is not named in the reply."
    )


class Reply(NamedTuple):
    """What is answered, and what it stands on.

    Parameters
    ----------
    text : str
    labels : dict of str to float
        The most probable labels of the last picture and words; empty where no model labels them.
    cases : tuple of CitedCase
        The nearest, the best first.
    is_answered : bool
        Whether a case was near enough; else a person should answer.
    language : {"en", "zh"}
    written_by : str
        `template`, or the name of the writer.
    """

    text: str
    labels: dict[str, float]
    cases: tuple[CitedCase, ...]
    is_answered: bool
    language: str = "en"
    written_by: str = TEMPLATE

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain facts, for JSON."""
        cited = [{**asdict(one.case), "similarity": round(one.similarity, 6)} for one in self.cases]
        return {**self._asdict(), "cases": cited}


class Model(Protocol):
    """A bundle, as `metier.load` gives it."""

    @property
    def input_kind(self) -> InputKind:
        """The form of its questions."""
        ...

    def predict(self, items: Sequence[Any], /) -> AnswerBatch:
        """Answer questions."""
        ...


class Writer(Protocol):
    """A bundle of the task generation."""

    @property
    def name(self) -> str:
        """Versioned name of the method."""
        ...

    def predict(self, items: Sequence[Any], /) -> AnswerBatch:
        """Write a text for each text."""
        ...


class Judge(Protocol):
    """What says why a text is withheld."""

    def reasons(self, texts: Sequence[str], /) -> list[str | None]:
        """Give for each text why it is withheld; None: it is not."""
        ...


class ImageDialogue:
    """Answers conversations that may hold pictures. Safe to share between threads; it keeps nothing of them.

    Parameters
    ----------
    search : Model
        Of the task retrieval, trained on the rows of the cases: a text, a picture or both find pictures.
    cases : Cases
    labeller : Model, optional
        Of labels for texts with pictures, for pictures or for texts; of several labels or one.
    writer : Writer, optional
        What words replies; None: the template alone.
    judge : Judge, optional
        What the writer may not write: the template answers in its place.
    settings : DialogueSettings
    """

    def __init__(
        self,
        search: Model,
        cases: Cases,
        *,
        labeller: Model | None = None,
        writer: Writer | None = None,
        judge: Judge | None = None,
        settings: DialogueSettings | None = None,
    ):
        self.search = search
        self.cases = cases
        self.labeller = labeller
        self.writer = writer
        self.judge = judge
        self.settings = settings or DialogueSettings()

    def reply(
        self, messages: Sequence[Message | Mapping[str, Any]], *, language: Language | None = None
    ) -> Reply:
        """Answer the last message of a user: its words, and the last picture that a user sent.

        Parameters
        ----------
        messages : sequence of Message or of {"role", "content", "image"}
            `image` is optional: a path, or the bytes of a file.
        language : {"auto", "en", "zh"}, optional
            None: that of the settings.

        Raises
        ------
        ConversationError
            If they are no conversation, or hold neither words nor a picture.
        ImageError, ImageTooLargeError
            If the picture cannot be used.
        """
        asked = last_asked(messages)
        wanted = language or self.settings.language
        spoken = ("zh" if has_han(words_of(messages)) else "en") if wanted == "auto" else wanted
        labels = self._labels(asked.content, asked.image)
        cited = self._cited(asked.content, asked.image)[: self.settings.n_cases]
        least = self.settings
        ground = Ground(
            asked.content,
            {name: share for name, share in labels.items() if share >= least.least_probability},
            cited,
            [one for one in cited if one.similarity >= least.least_similarity],
        )
        text, by = self._worded(ground, spoken)
        return Reply(text, labels, tuple(cited), bool(ground.usable), spoken, by)

    def _labels(self, text: str, picture: Picture | None) -> dict[str, float]:
        if self.labeller is None:
            return {}
        item = _item(self.labeller.input_kind, text, picture)
        if item is None:
            return {}
        record = self.labeller.predict([item]).record(0, MOST_LABELS)
        return dict(record.get("probabilities", {}))

    def _cited(self, text: str, picture: Picture | None) -> list[CitedCase]:
        asked = {key: value for key, value in (("text", text), ("image", picture)) if value}
        matches = self.search.predict([asked]).record(0)["matches"]
        found = self.cases.with_images(match["id"] for match in matches)
        return [
            CitedCase(case, float(match["score"]))
            for match, cases in zip(matches, found, strict=True)
            for case in cases
        ]

    def _worded(self, ground: Ground, language: str) -> tuple[str, str]:
        """Give the words of a reply, and who wrote them."""
        if self.writer is not None and ground.usable:
            [written] = self.writer.predict([task_of_writer(ground, language)]).predicted
            text = with_sources(str(written), ground, language)
            if text is not None and not (self.judge is not None and self.judge.reasons([text])[0]):
                return text, self.writer.name
        return by_template(ground, language), TEMPLATE


def _item(kind: InputKind, text: str, picture: Picture | None) -> Any:
    """Give the question as a model takes it; None where it has nothing that the model asks for."""
    if kind.keys == ("text",):
        return text or None
    if kind.keys == ("image",):
        return picture
    given = {"text": text or None, "image": picture}
    item = {key: given[key] for key in kind.keys if given.get(key) is not None}
    return item or None
