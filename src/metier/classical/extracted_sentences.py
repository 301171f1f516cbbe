"""Texts of sentences that stand in the source: its first ones, the most central ones, or those most like a question."""

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from metier.evaluation.text_measures import rouge_l
from metier.predictors.text.extracted_sentences import (
    BestSentencePredictor,
    LeadPredictor,
    SentencesPredictor,
    TextRankPredictor,
)
from metier.progress import Listener, ignore
from metier.tasks.estimators import WritingMethod
from metier.tasks.generation import TextPairs, check_texts
from metier.tasks.inputs.conversation import Item
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import MethodSettings, with_settings

MOST_SENTENCES = 5
MOST_ROWS = 500  # Enough to tell one sentence from two.


class ExtractedSettings(MethodSettings):
    """Settings of a summary of sentences that stand in the text."""

    n_sentences: int | None = Field(
        None,
        ge=1,
        description="Of a summary; None: 1 to 5, by ROUGE-L on validation. Without validation rows the training rows "
        "choose: nothing else is learned from them.",
    )


class ExtractedSentences(WritingMethod):
    """So many sentences of a text; a special case says by its `predictor` which ones."""

    name: str
    capabilities: ClassVar[Capabilities] = Capabilities()
    predictor: ClassVar[type[SentencesPredictor]]
    Settings: ClassVar[type[MethodSettings]]
    n_sentences: int | None

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Choose the number of sentences. `listener` is not needed; every method takes it."""
        self.Settings.of(self)
        pairs = check_texts(X, y)
        self.facts_: dict[str, Any] = {}
        if self.n_sentences is None:
            validation_rows = (
                pairs if validation is None else check_texts(*validation, origin="the validation rows")
            )
            self.n_sentences_, figures = choose_count(validation_rows, self.predictor.extract_from)
            self.facts_["rouge_l"] = figures
        else:
            self.n_sentences_ = self.n_sentences
        self.chosen_params_ = {"n_sentences": self.n_sentences_}
        self.predictor_ = self.predictor(n_sentences=self.n_sentences_, name=self.name)
        return self


def choose_count(pairs: TextPairs, extract: Callable[[Item, int], str]) -> tuple[int, dict[int, float]]:
    """Give the number of sentences with the highest mean ROUGE-L, and that figure for each number.

    Parameters
    ----------
    extract : callable
        From an item and a number of sentences to a text.
    """
    step = max(1, len(pairs) // MOST_ROWS)
    rows = list(zip(pairs.items[::step], pairs.truth[::step], strict=True))
    figures = {
        count: float(np.mean([rouge_l(true, extract(item, count)) for item, true in rows]))
        for count in range(1, MOST_SENTENCES + 1)
    }
    return max(figures, key=lambda count: figures[count]), figures


@with_settings(ExtractedSettings)
class Lead(ExtractedSentences):
    """The first sentences of a text: hard to beat where texts begin with what matters, as news and abstracts do.

    Attributes
    ----------
    n_sentences_ : int
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        ROUGE-L for each number of sentences that was tried.
    """

    name = "lead.v1"
    predictor = LeadPredictor


@with_settings(ExtractedSettings)
class TextRank(ExtractedSentences):
    """The most central sentences of a text, by TextRank [1]_ over TF-IDF cosines.

    It needs no rows to learn from, works in any language that `text.segmentation` cuts, and finds what matters where
    it does not come first. Each text is a collection of its own, so a lone sentence is simply given back.

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
    predictor = TextRankPredictor


@with_settings(ExtractedSettings)
class BestSentence(ExtractedSentences):
    """The sentences of a passage that share most with the question, by BM25 [1]_: the baseline for answers in own words.

    It needs no rows to learn from and says nothing that the passage does not. Where an answer is a few words, it says
    them with the sentence around; a tuned writer, or the task extractive_qa, is then worth its cost.

    Attributes
    ----------
    n_sentences_ : int
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        ROUGE-L for each number of sentences that was tried.

    References
    ----------
    .. [1] Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
    """

    name = "best_sentence.v1"
    predictor = BestSentencePredictor
