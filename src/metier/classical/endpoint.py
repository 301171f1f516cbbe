"""Labels from a chat model behind an OpenAI-compatible endpoint; nothing is trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.errors import SettingsError
from metier.predictors.text.chat_client import ChatSettings
from metier.predictors.text.endpoint import EndpointPredictor, EndpointReply
from metier.progress import Listener, Progress, ignore
from metier.tasks.answers.label import LABEL
from metier.tasks.estimators import Classifier
from metier.tasks.inputs.text import TEXT
from metier.tasks.method_contract import Capabilities, CostRank

ROWS_AT_ONCE = 20  # Between two reports of progress.
PER_MILLION = 1_000_000
ROWS_OF_A_COST = 1_000


class Endpoint(Classifier):
    """A large language model prompted with the closed set of labels, through any OpenAI-compatible endpoint.

    The address and the key come from METIER_ENDPOINT_URL and METIER_ENDPOINT_KEY; without the address nothing is
    asked and `fit` says so. Replies are read strictly: what is not exactly one of the labels is asked about once
    more, then counts as no answer. Every reply is kept on disk under the hash of its question, so a second run costs
    nothing. Texts leave the machine: mask personal data first.

    Parameters
    ----------
    model : str, default="default"
        As the endpoint calls it.
    descriptions : mapping of str to str, default=None
        From label to a sentence that tells it from the others.
    price_in, price_out : float, default=None
        Of a million tokens of questions and of replies, in whatever currency the costs should be in.
    concurrency : int, default=4
        Questions on their way at once.
    timeout_seconds, tries, backoff_seconds : float, int, float
        Of one try; tries of a question; pause before the second, doubled each time.
    most_asked : int, default=200
        Validation rows that are asked about to learn how often the model is right: more cost more.
    right_fraction : float, default=None
        How often the model is right, 0 to 1; None: measured on validation.
    random_state : int, default=0
        Which validation rows are asked about.

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
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN)

    def __init__(
        self,
        *,
        model: str = "default",
        descriptions: Mapping[str, str] | None = None,
        price_in: float | None = None,
        price_out: float | None = None,
        concurrency: int = 4,
        timeout_seconds: float = 30.0,
        tries: int = 5,
        backoff_seconds: float = 1.0,
        most_asked: int = 200,
        right_fraction: float | None = None,
        random_state: int = 0,
    ):
        self.model = model
        self.descriptions = descriptions
        self.price_in = price_in
        self.price_out = price_out
        self.concurrency = concurrency
        self.timeout_seconds = timeout_seconds
        self.tries = tries
        self.backoff_seconds = backoff_seconds
        self.most_asked = most_asked
        self.right_fraction = right_fraction
        self.random_state = random_state

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
        self._check_settings()
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

    def _check_settings(self) -> None:
        faults = [
            f"{setting} is {getattr(self, setting)!r}, expected a whole number above 0"
            for setting in ("concurrency", "tries", "most_asked")
            if not isinstance(getattr(self, setting), int) or getattr(self, setting) < 1
        ]
        if not self.timeout_seconds > 0:
            faults.append(f"timeout_seconds is {self.timeout_seconds!r}, expected a number above 0")
        for setting in ("price_in", "price_out", "backoff_seconds"):
            value = getattr(self, setting)
            if value is not None and not value >= 0:
                faults.append(f"{setting} is {value!r}, expected a number of at least 0")
        if self.right_fraction is not None and not 0 < self.right_fraction < 1:
            faults.append(
                f"right_fraction is {self.right_fraction!r}, expected None or a number between 0 and 1"
            )
        if faults:
            raise SettingsError(faults, origin=f"The settings of {self.name}")
