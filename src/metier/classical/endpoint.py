"""Answers from a chat model behind an OpenAI-compatible endpoint; nothing is trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field
from sklearn.utils.validation import check_is_fitted

from metier.predictors.text.asked_rows import TASKS, account
from metier.predictors.text.asking_method import AskingMethod, AskingSettings
from metier.predictors.text.chat_client import ChatSettings
from metier.predictors.text.endpoint import EndpointPredictor
from metier.predictors.text.questions import AskedReply, Questions
from metier.progress import Listener, ignore
from metier.tasks.answers.asking import Trust
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings


class EndpointSettings(AskingSettings):
    """Settings of a method that asks a chat model."""

    model: str = Field("default", description="As the endpoint calls it.")
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


@with_settings(EndpointSettings)
class Endpoint(AskingMethod):
    """A large language model asked in words, about any task, through any OpenAI-compatible endpoint.

    The address and the key come from METIER_ENDPOINT_URL and METIER_ENDPOINT_KEY; without the address `fit` raises an
    error and nothing is requested. With `n_examples` each question is preceded by the training rows most like it.
    Replies are parsed strictly: a reply that is no answer (not a label of the list, no number, words that do not stand in
    the text) is requested once more, then counts as none. Every reply is cached on disk under the hash of its question
    and its examples, so a second run costs nothing. Texts leave the machine: `mask_personal_data` masks them first.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        `right_fraction`, or of numbers `half_width`.
    facts_ : dict
        Rows asked, how many replies were no answer, mean tokens of a row and of its examples, and `cost_per_1000_rows`
        where the prices are known.
    """

    name = "endpoint.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN, tasks=TASKS)
    model: str
    concurrency: int
    timeout_seconds: float
    tries: int
    backoff_seconds: float
    most_asked: int
    price_in: float | None
    price_out: float | None

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn the label space, keep rows to choose examples from, and learn how often the model is right.

        Nothing else is learned, so without `validation` rows of X serve to judge it as well: a row is no example of
        itself.

        Raises
        ------
        NoNetworkError
            If METIER_ENDPOINT_URL is not set.
        EndpointError
            If the endpoint refuses, or does not answer after several tries.
        SettingsError
            If settings are out of range, or no row fits into a prompt.
        """
        self.Settings.of(self)  # type: ignore[attr-defined]
        return self._fit_asking(X, y, validation, most_asked=self.most_asked, listener=listener)

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.text.endpoint` asks from; the address and the key stay in the environment."""
        check_is_fitted(self, "predictor_")
        self.predictor_.save(folder)

    def _asks(self, questions: Questions, trust: Trust) -> EndpointPredictor:
        chat = ChatSettings(
            self.model,
            most_tokens=questions.asking.most_tokens,
            timeout_seconds=self.timeout_seconds,
            tries=self.tries,
            backoff_seconds=self.backoff_seconds,
        )
        return EndpointPredictor(
            questions, chat=chat, concurrency=self.concurrency, trust=trust, name=self.name
        )

    def _account(self, replies: Sequence[AskedReply]) -> dict[str, Any]:
        return account(replies, price_in=self.price_in, price_out=self.price_out)
