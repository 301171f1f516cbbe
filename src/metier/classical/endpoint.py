"""Labels from a chat model behind an OpenAI-compatible endpoint; nothing is trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.predictors.text.chat_client import ChatSettings
from metier.predictors.text.endpoint import EndpointPredictor, EndpointReply
from metier.progress import Listener, Progress, ignore
from metier.tasks.answers.label import LABEL
from metier.tasks.estimators import Classifier
from metier.tasks.inputs.text import TEXT
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import MethodSettings, with_settings

ROWS_AT_ONCE = 20  # Between two reports of progress.
PER_MILLION = 1_000_000
ROWS_OF_A_COST = 1_000


class EndpointSettings(MethodSettings):
    """Settings of a method that asks a chat model."""

    model: str = Field("default", description="As the endpoint calls it.")
    descriptions: Mapping[str, str] | None = Field(
        None, description="From label to a sentence that tells it from the others."
    )
    price_in: float | None = Field(
        None, ge=0, description="Of a million tokens of questions, in whatever currency the costs should be in."
    )
    price_out: float | None = Field(None, ge=0, description="Of a million tokens of replies.")
    concurrency: int = Field(4, ge=1, description="Questions on their way at once.")
    timeout_seconds: float = Field(30.0, gt=0, description="Of one try.")
    tries: int = Field(5, ge=1, description="Of a question.")
    backoff_seconds: float = Field(1.0, ge=0, description="Pause before the second try, doubled each time.")
    most_asked: int = Field(
        200,
        ge=1,
        description="Validation rows that are asked about to learn how often the model is right: more cost more.",
    )
    right_fraction: float | None = Field(
        None, gt=0, lt=1, description="How often the model is right, 0 to 1; None: measured on validation."
    )
    random_state: Any = Field(0, description="Which validation rows are asked about.")


@with_settings(EndpointSettings)
class Endpoint(Classifier):
    """A large language model prompted with the closed set of labels, through any OpenAI-compatible endpoint.

    The address and the key come from METIER_ENDPOINT_URL and METIER_ENDPOINT_KEY; without the address `fit` raises an
    error and nothing is requested. Replies are parsed strictly: a reply that is not exactly one of the labels is
    requested once more, then counts as no answer. Every reply is cached on disk under the hash of its question, so a
    second run costs nothing. Texts leave the machine: mask personal data first.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        `right_fraction`.
    facts_ : dict
        Rows asked, how many replies were no label, mean tokens of a row, and `cost_per_1000_rows` where the prices
        are known.
    """

    name = "endpoint.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN, tasks=("classification",))

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn the label space, and how often the model is right.

        It learns from no row, so without `validation` rows of X serve as well.

        Raises
        ------
        NoNetworkError
            If METIER_ENDPOINT_URL is not set.
        EndpointError
            If the endpoint refuses, or does not answer after several tries.
        """
        self.Settings.of(self)
        examples = LABEL.check(TEXT.read(X), y)
        validation_rows = (
            examples
            if validation is None
            else LABEL.check(TEXT.read(validation[0]), validation[1], known=examples)
        )
        self.classes_ = examples.labels
        shares = (np.bincount(examples.truth) / len(examples)).tolist()
        predictor = self._predictor(shares, right_fraction=self.right_fraction or 1.0)
        self.facts_: dict[str, Any] = {"asked": 0, "without_a_label": 0, "cost_per_1000_rows": None}
        right_fraction = self.right_fraction
        if right_fraction is None:
            picked = check_random_state(self.random_state).permutation(len(validation_rows))[: self.most_asked]
            asked = self._ask(predictor, validation_rows.take(picked).items, listener)
            right = sum(
                each.column == truth for each, truth in zip(asked, validation_rows.truth[picked], strict=True)
            )
            answered = sum(each.column is not None for each in asked)
            # As if one more row had been right and one wrong: no model is always right.
            right_fraction = (right + 1) / (answered + 2)
            # Right less often than chance, its answer is still its answer.
            right_fraction = max(right_fraction, 1.01 / len(self.classes_))
            self.facts_ = self._account(asked)
        self.chosen_params_ = {"right_fraction": right_fraction}
        self.predictor_ = self._predictor(shares, right_fraction=right_fraction)
        return self

    def export(self, folder: Path) -> None:
        """Leave the file that `predictors.text.endpoint` asks from; the address and the key stay in the environment."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _probabilities(self, texts: Sequence[str]) -> np.ndarray:
        return self.predictor_.predict(texts).probabilities

    def _predictor(self, shares: Sequence[float], *, right_fraction: float) -> EndpointPredictor:
        chat = ChatSettings(
            self.model,
            timeout_seconds=self.timeout_seconds,
            tries=self.tries,
            backoff_seconds=self.backoff_seconds,
        )
        return EndpointPredictor(
            labels=[str(label) for label in self.classes_],
            descriptions=self.descriptions or {},
            chat=chat,
            concurrency=self.concurrency,
            right_fraction=right_fraction,
            shares=shares,
            name=self.name,
        )

    def _ask(
        self, predictor: EndpointPredictor, texts: Sequence[str], listener: Listener
    ) -> list[EndpointReply]:
        replies: list[EndpointReply] = []
        for start in range(0, len(texts), ROWS_AT_ONCE):
            listener(Progress(f"{self.name}: asking {self.model}", start, len(texts), unit="rows"))
            replies += predictor.ask(texts[start : start + ROWS_AT_ONCE])
        return replies

    def _account(self, replies: Sequence[EndpointReply]) -> dict[str, Any]:
        prompt = float(np.mean([each.prompt_tokens for each in replies]))
        reply = float(np.mean([each.reply_tokens for each in replies]))
        cost = None
        if self.price_in is not None or self.price_out is not None:
            per_row = (prompt * (self.price_in or 0) + reply * (self.price_out or 0)) / PER_MILLION
            cost = per_row * ROWS_OF_A_COST
        return {
            "asked": len(replies),
            "without_a_label": sum(each.column is None for each in replies),
            "prompt_tokens_per_row": prompt,
            "reply_tokens_per_row": reply,
            "cost_per_1000_rows": cost,
        }
