"""The most central sentences of a text as its summary."""

from pathlib import Path
from typing import Any, Self

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from metier.classical.extracted_sentences import choose_count
from metier.predictors.textrank import TextRankPredictor, summarise
from metier.progress import Listener, ignore
from metier.tasks.generation import check_texts


class TextRank(BaseEstimator):
    """The sentences that the others of a text are most like, by TextRank [1]_ over TF-IDF cosines.

    It needs no rows to learn from, works in any language that `text.segmentation` cuts, and finds what matters where
    it does not come first. Each text is a collection of its own, so a lone sentence is simply given back.

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

    References
    ----------
    .. [1] Mihalcea and Tarau, "TextRank: bringing order into text", 2004.
    """

    name = "textrank.v1"

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
            self.n_sentences_, figures = choose_count(unseen, summarise)
            self.facts_["rouge_l"] = figures
        else:
            self.n_sentences_ = self.n_sentences
        self.chosen_params_ = {"n_sentences": self.n_sentences_}
        self.predictor_ = TextRankPredictor(n_sentences=self.n_sentences_, name=self.name)
        return self

    def predict(self, X: Any) -> list[str]:
        """Give the summary of each text."""
        check_is_fitted(self)
        return self.predictor_.predict(X).predicted

    def export(self, folder: Path) -> None:
        """Leave the file that `predictors.textrank` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)
