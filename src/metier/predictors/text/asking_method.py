"""What methods that ask a model have in common, whoever is asked: their settings, and how validation rows judge replies."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
from pydantic import Field
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from metier.predictors.text.asked_rows import (
    AskedTask,
    build_questions,
    fit_trust,
    neutral_trust,
)
from metier.predictors.text.questions import AskedReply, Questions
from metier.progress import Listener, Progress
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers import SCORE, WRITTEN_TEXT
from metier.tasks.answers.asking import Trust
from metier.tasks.answers.decoder_settings import HALF_WIDTH, ORDER
from metier.tasks.examples import Examples
from metier.tasks.generation import check_texts, infer_kind
from metier.tasks.method_settings import MethodSettings

ROWS_AT_ONCE = 20  # Between two reports of progress.


class AskingSettings(MethodSettings):
    """Settings of a method that asks a model."""

    task: str = Field("classification", description="What is asked, as `--task` takes it; a run says it.")
    descriptions: Mapping[str, str] | None = Field(
        None, description="From label to a sentence that tells it from the others."
    )
    n_examples: int | None = Field(
        None,
        ge=0,
        description="Training rows in each prompt, those most like the question; None: none for single labels, whose names "
        "say what is wanted, else 4. They are paid for with every question.",
    )
    most_prompt_tokens: int = Field(
        4_000,
        ge=64,
        description="Of instructions, examples and question together, as estimated; examples that do not fit are left out.",
    )
    mask_personal_data: bool = Field(
        False,
        description="Whether personal data is masked in every text, examples included, before it is shown.",
    )
    kind: str | None = Field(
        None,
        description="Of texts that are written: summary, translation, reply, …; None: as the rows show it.",
    )
    order: Any = ORDER
    right_fraction: float | None = Field(
        None, gt=0, lt=1, description="How often the model is right, 0 to 1; None: measured on validation."
    )
    half_width: float | None = HALF_WIDTH
    random_state: Any = Field(0, description="Which validation rows are asked about.")


class Asks(Protocol):
    """Who answers checked items."""

    questions: Questions
    trust: Trust

    def ask(self, items: Sequence[Any]) -> list[AskedReply]:
        """Ask about checked items and read the replies."""
        ...

    def predict(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer items."""
        ...


class AskingMethod(BaseEstimator):
    """A method that asks a model; a special case builds who is asked (`_asks`) and says how many rows judge it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, where answers are labels.
    chosen_params_ : dict
        What to set so that another fit asks nothing.
    facts_ : dict
        What asking took, and how many replies were no answer.
    """

    name: str
    task: str
    predictor_: Any
    classes_: np.ndarray
    facts_: dict[str, Any]

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn what `X` is."""
        return AskedTask.of(self.task).input.tags(super().__sklearn_tags__())

    def predict(self, X: Any) -> Any:
        """Give the answer to each item."""
        check_is_fitted(self, "predictor_")
        task = AskedTask.of(self.task)
        answers = self.predictor_.predict(task.input.read(X))
        if task.answer.is_one_label:
            return np.asarray(self.classes_[answers.probabilities.argmax(axis=1)])
        return answers.predicted

    @available_if(lambda self: AskedTask.of(self.task).answer.has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of each label for each item, an ndarray of float64 of shape (n_items, n_labels)."""
        check_is_fitted(self, "predictor_")
        items = AskedTask.of(self.task).input.read(X)
        return np.asarray(self.predictor_.predict(items).probabilities)

    def _fit_asking(
        self,
        X: Any,
        y: Any,
        validation: tuple[Any, Any] | None,
        *,
        most_asked: int,
        listener: Listener,
    ) -> Self:
        """Build the questions, and ask about some validation rows unless what they would show is set."""
        task, options = AskedTask.of(self.task), self.get_params(deep=False)
        examples = task.check(X, y, order=options["order"])
        self.classes_ = examples.labels
        if task.answer is WRITTEN_TEXT and options["kind"] is None:
            options = {**options, "kind": infer_kind(check_texts(X, y))[0]}
        settings = type(self).Settings(**options)  # type: ignore[attr-defined]
        questions, facts = build_questions(task, examples, list(y), settings)
        trust = neutral_trust(task, examples)
        self.facts_ = {"asked": 0, "without_an_answer": 0, "cost_per_1000_rows": None, **facts}
        self.predictor_ = self._asks(questions, trust)
        stated = options["half_width"] if task.answer is SCORE else options["right_fraction"]
        if stated is None:
            held, targets = examples, list(y)
            if validation is not None:
                held = task.check(*validation, order=options["order"], known=examples)
                targets = list(validation[1])
            trust = self._judge(questions, trust, held, targets, most_asked, listener)
        elif task.answer is SCORE:
            trust = Trust(usual=trust.usual, half_width=stated)
        else:
            trust = Trust(right_fraction=stated, shares=trust.shares)
        chosen = (
            {"half_width": trust.half_width}
            if task.answer is SCORE
            else {"right_fraction": trust.right_fraction}
        )
        self.chosen_params_: dict[str, Any] = chosen
        self.predictor_ = self._asks(questions, trust)
        return self

    def _judge(
        self,
        questions: Questions,
        neutral: Trust,
        held: Examples,
        targets: Sequence[Any],
        most_asked: int,
        listener: Listener,
    ) -> Trust:
        """Ask about some rows, and keep what that took."""
        random = np.random.RandomState(self.get_params(deep=False)["random_state"])
        picked = random.permutation(len(held))[:most_asked].tolist()
        items = [held.items[row] for row in picked]
        replies: list[AskedReply] = []
        for start in range(0, len(items), ROWS_AT_ONCE):
            listener(Progress(f"{self.name}: asking", start, len(items), unit="rows"))
            replies += self.predictor_.ask(items[start : start + ROWS_AT_ONCE])
        self.facts_ |= self._account(replies)
        return fit_trust(questions, items, [targets[row] for row in picked], replies, neutral)

    def _account(self, replies: Sequence[AskedReply]) -> dict[str, Any]:
        """Give what asking took."""
        raise NotImplementedError

    def _asks(self, questions: Questions, trust: Trust) -> Any:
        """Give who answers."""
        raise NotImplementedError
