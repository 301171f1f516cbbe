"""What is kept of an answer, and of what people said about it afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

Thumb = Literal["up", "down"]
Correction = str | float | list[str] | None


@dataclass(frozen=True)
class Feedback:
    """What somebody said about an answer.

    Parameters
    ----------
    prediction_id : str
    at : datetime
        In UTC.
    correction : str, float, list of str or None
        What the answer should have been.
    thumb : str or None
        `up` or `down`.
    comment : str or None
    caller : str or None
        Name of the key that it came with.
    """

    prediction_id: str
    at: datetime
    correction: Correction = None
    thumb: Thumb | None = None
    comment: str | None = None
    caller: str | None = None


@dataclass(frozen=True)
class Prediction:
    """One answer that was given.

    Parameters
    ----------
    id : str
        See `ids`.
    at : datetime
        In UTC.
    model : str
        Its name.
    version : str or None
        Of the model, where it has versions.
    answered_by : str
        Versioned name of the method that had the last word.
    answer : mapping
        As the service gave it: `label` and `probability`, or what the task has instead.
    question : mapping or None
        The texts of what was asked, by their keys (`text`), as the policy keeps them; None: it keeps none.
    caller : str or None
        Name of the key that asked.
    subject : str or None
        Whom the question is about: a keyed digest, once it is stored.
    latency_ms : float or None
        Time the model took for the request.
    role : str
        `champion`; or, in a roll-out, `challenger` or `shadow`: the answer that nobody was given.
    of : str or None
        Of a shadow's answer, the id of the one that was given.
    number : int
        Place in the order in which predictions were stored; 0 before that.
    feedback : tuple of Feedback
        The oldest first.
    """

    id: str
    at: datetime
    model: str
    version: str | None
    answered_by: str
    answer: Mapping[str, Any]
    question: Mapping[str, Any] | None = None
    caller: str | None = None
    subject: str | None = None
    latency_ms: float | None = None
    role: str = "champion"
    of: str | None = None
    number: int = 0
    feedback: tuple[Feedback, ...] = field(default=())

    @property
    def label(self) -> str | None:
        """The one label of the answer; None: the task has no such."""
        label = self.answer.get("label")
        return label if isinstance(label, str) else None

    @property
    def confidence(self) -> float | None:
        """The probability of the answer, 0 to 1; None: it has none."""
        return self.answer.get("probability")

    @property
    def out_of_scope(self) -> bool | None:
        """Whether no label fits; None: the model has no rule for it."""
        return self.answer.get("out_of_scope")

    @property
    def text(self) -> str | None:
        """The text that was asked, as it is kept."""
        return (self.question or {}).get("text")

    @property
    def correction(self) -> Correction:
        """What the answer should have been, by the latest that was said; None: nobody said it."""
        said = [one.correction for one in self.feedback if one.correction is not None]
        return said[-1] if said else None

    @property
    def thumb(self) -> Thumb | None:
        """The latest thumb."""
        shown = [one.thumb for one in self.feedback if one.thumb is not None]
        return shown[-1] if shown else None

    def with_feedback(self, feedback: tuple[Feedback, ...]) -> "Prediction":
        """Give the same with what was said about it."""
        return replace(self, feedback=feedback)
