"""The first sentences of a text as its summary: the floor of every summariser."""

from pathlib import Path
from typing import Any, Self

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from metier.classical.extracted_sentences import choose_count
from metier.predictors.lead import LeadPredictor, lead
from metier.progress import Listener, ignore
from metier.tasks.generation import check_texts


class Lead(BaseEstimator):
    """The first sentences of a text: hard to beat where texts begin with what matters, as news and abstracts do.

    Parameters
    ----------
    n_sentences : int, default=None
        Of a summary; None: 1 to 5, by ROUGE-L on validation. Without validation rows the training rows choose:
        nothing else is learned from them.

    Attributes
    ----------
    n_sentences_ : int
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        ROUGE-L for each number of sentences that was tried.
    """

    name = "lead.v1"

    def __init__(self, *, n_sentences: int | None = None):
        self.n_sentences = n_sentences

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Choose the number of sentences. `listener` is not needed; every method takes it."""
        pairs = check_texts(X, y)
        self.facts_: dict[str, Any] = {}
        if self.n_sentences is None:
            unseen = pairs if validation is None else check_texts(*validation, origin="the validation rows")
            self.n_sentences_, figures = choose_count(unseen, lead)
            self.facts_["rouge_l"] = figures
        else:
            self.n_sentences_ = self.n_sentences
        self.chosen_params_ = {"n_sentences": self.n_sentences_}
        self.predictor_ = LeadPredictor(n_sentences=self.n_sentences_, name=self.name)
        return self

    def predict(self, X: Any) -> list[str]:
        """Give the summary of each text."""
        check_is_fitted(self)
        return self.predictor_.predict(X).predicted

    def export(self, folder: Path) -> None:
        """Leave the file that `predictors.lead` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)
