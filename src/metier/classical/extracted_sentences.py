"""Extractive summaries: the number of sentences is the only choice of these methods."""

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from metier.evaluation.text_measures import rouge_l
from metier.predictors.text.extracted_sentences import SentencesPredictor
from metier.progress import Listener, ignore
from metier.tasks.estimators import WritingMethod
from metier.tasks.generation import TextPairs, check_texts
from metier.tasks.inputs.conversation import last_words

MOST_SENTENCES = 5
MOST_ROWS = 500  # Enough to tell one sentence from two.


class ExtractedSentences(WritingMethod):
    """So many sentences of a text; a special case says by its `predictor` which ones."""

    name: str
    predictor: ClassVar[type[SentencesPredictor]]
    n_sentences: int | None

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Choose the number of sentences. `listener` is not needed; every method takes it."""
        pairs = check_texts(X, y)
        self.facts_: dict[str, Any] = {}
        if self.n_sentences is None:
            validation_rows = (
                pairs if validation is None else check_texts(*validation, origin="the validation rows")
            )
            self.n_sentences_, figures = choose_count(validation_rows, self.predictor.extract)
            self.facts_["rouge_l"] = figures
        else:
            self.n_sentences_ = self.n_sentences
        self.chosen_params_ = {"n_sentences": self.n_sentences_}
        self.predictor_ = self.predictor(n_sentences=self.n_sentences_, name=self.name)
        return self


def choose_count(pairs: TextPairs, summarise: Callable[[str, int], str]) -> tuple[int, dict[int, float]]:
    """Give the number of sentences with the highest mean ROUGE-L, and that figure for each number.

    Parameters
    ----------
    summarise : callable
        From a text and a number of sentences to a summary.
    """
    step = max(1, len(pairs) // MOST_ROWS)
    rows = [
        (last_words(item), true) for item, true in zip(pairs.items[::step], pairs.truth[::step], strict=True)
    ]
    figures = {
        count: float(np.mean([rouge_l(true, summarise(text, count)) for text, true in rows]))
        for count in range(1, MOST_SENTENCES + 1)
    }
    return max(figures, key=lambda count: figures[count]), figures
