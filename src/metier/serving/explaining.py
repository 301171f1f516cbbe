"""Explanations within limits: an explanation asks the model hundreds of times, and anybody may ask for one.

Each is bounded three ways: by the characters of the question, which is checked before any work; by the answers that it
takes, counted before they are computed; and by its time, looked at after every batch.
"""

import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from pydantic import Field

from metier.bundles import Bundle
from metier.errors import quoted, suggest
from metier.explanation.explaining import explain
from metier.explanation.explanation import Explanation
from metier.explanation.word_methods import BY_TORCH, methods_of
from metier.serving.refusals import RefusalError
from metier.serving.request_reading import PredictRequest, Questions, count_characters
from metier.serving.settings import ServingSettings
from metier.tasks.answer_batches import AnswerBatch, one_batch
from metier.tasks.inputs import InputKind
from metier.tasks.inputs.spoken import Spoken

BATCH_ROWS = 32  # Answered between two looks at the clock.


class ExplainRequest(PredictRequest, frozen=True, extra="allow", strict=True):
    """One question, as `PredictRequest` has it, and how its answer is explained."""

    method: str | None = Field(
        default=None, description="How words are weighed; without it exactly where the model is linear."
    )
    label: str | None = Field(default=None, description="Label to explain; without it the predicted one.")
    counterfactual: bool = Field(
        default=False, description="Also find the fewest words without which the answer is another."
    )


class LimitedAnswers:
    """Answers of a model, as many and as long as one explanation may take.

    Parameters
    ----------
    predict : callable
        Of the model.
    settings : ServingSettings
    is_over : threading.Event
        Set once the caller has hung up.
    """

    def __init__(
        self,
        predict: Callable[[Sequence[Any]], AnswerBatch],
        settings: ServingSettings,
        is_over: threading.Event,
    ):
        self._predict, self._is_over = predict, is_over
        self._most, self._seconds = settings.max_explanation_answers, settings.explanation_timeout_seconds
        self._until = monotonic() + self._seconds
        self.n_answers = 0

    def __call__(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer some more; raises RefusalError (413) where that is too much, or has become too long."""
        self.n_answers += len(items)
        if self.n_answers > self._most:
            message = (
                f"This explanation takes {self.n_answers:,} answers or more; {self._most:,} are allowed. Shorten the "
                "text, leave out 'counterfactual', or ask for the method leave_one_out."
            )
            raise RefusalError(413, "explanation_too_large", message, field="method")
        batches = [self._batch(items[at : at + BATCH_ROWS]) for at in range(0, len(items), BATCH_ROWS)]
        answered: AnswerBatch = one_batch(batches)
        return answered

    def _batch(self, items: Sequence[Any]) -> AnswerBatch:
        if self._is_over.is_set() or monotonic() > self._until:
            message = (
                f"The explanation was not done within {self._seconds:,} s. Shorten the text, leave out "
                "'counterfactual', or ask for the method leave_one_out."
            )
            raise RefusalError(413, "explanation_too_slow", message, field="method")
        return self._predict(items)


def check_one(request: ExplainRequest, asked: Questions, settings: ServingSettings) -> None:
    """Refuse what is not explained: several questions, a stream, or a question that is too long.

    Raises
    ------
    RefusalError
        422, or 413 of one that is too long.
    """
    wrong = {"top": request.top is not None, "stream": request.stream, asked.field: not asked.is_one}
    for field, is_given in wrong.items():
        if is_given:
            message = (
                f"An explanation is of one question and its whole answer. Leave out {field!r}, and ask one."
            )
            raise RefusalError(422, "bad_request", message, field=field)
    characters, most = count_characters(asked.items[0]), settings.max_explanation_characters
    if characters > most:
        message = f"{characters:,} characters in a question to explain; {most:,} are allowed. Shorten it."
        raise RefusalError(413, "text_too_long", message, field="text")


def check_method(name: str | None, predictor: object) -> None:
    """Refuse a method that this model cannot give here, and name those that it can.

    Raises
    ------
    RefusalError
        422.
    """
    known = methods_of(predictor)
    if name is None or name in known:
        return
    given = f"This model gives: {', '.join(known)}."
    why = f"There is no method called {quoted(name)}.{suggest(name, known)}"
    if name == "linear":
        why = "The method linear adds up the weights of a linear model of texts, and this is none."
    elif name in BY_TORCH:
        why = f"The method {name} needs torch, which the service does without; `metier explain` gives it."
    raise RefusalError(422, "unknown_method", f"{why} {given}", field="method")


def explained(
    model: Any, kind: InputKind, item: Any, request: ExplainRequest, ask: LimitedAnswers
) -> Explanation:
    """Explain the answer to one question of a kind; raises what `explanation.explain` does."""
    if isinstance(kind, Spoken) and isinstance(model, Bundle):
        [item], kind = model.heard([item]), kind.written
    return explain(
        ask,
        kind,
        item,
        label=request.label,
        folder=model.folder if isinstance(model, Bundle) else None,
        method=request.method,
        predictor=predictor_of(model),
        counterfactual=request.counterfactual,
    )


def predictor_of(model: object) -> object:
    """Give what answers inside of a bundle, whose weights some methods read; None of anything else."""
    return model.predictor if isinstance(model, Bundle) else None
